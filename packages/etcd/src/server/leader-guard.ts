/**
 * Ends the streams of clients that asked for it (metadata `hasleader: true`) when this member has had no leader for a while:
 * cut off from the others it would go on showing them an old state.
 */

import type { Clock, Timer } from '@kubets/platform';
import { etcdError } from '../errors.ts';
import type { Consensus } from '../ports.ts';
import type { StreamCall } from './calls.ts';

type AnyCall = Pick<StreamCall<unknown, unknown>, 'headers' | 'end' | 'onClose'>;

export class LeaderGuard {
  private readonly calls = new Set<AnyCall>();
  private readonly consensus: Consensus;
  private readonly patienceMs: number;
  private readonly clock: Clock;
  private readonly timer: Timer;
  private lostAtMs: number | undefined;

  /** @param patienceMs how long there may be no leader */
  constructor(consensus: Consensus, patienceMs: number, clock: Clock) {
    this.consensus = consensus;
    this.patienceMs = patienceMs;
    this.clock = clock;
    this.timer = clock.setInterval(() => this.check(), Math.max(100, patienceMs / 4));
  }

  /** Ends the call now or later, if it asked for it. */
  watch(call: AnyCall): void {
    if (call.headers.hasleader !== 'true') return;
    if (this.leaderless) {
      call.end(etcdError('noLeader'));
      return;
    }
    this.calls.add(call);
    call.onClose(() => this.calls.delete(call));
  }

  private get leaderless(): boolean {
    return (
      this.lostAtMs !== undefined && this.clock.monotonicMs() - this.lostAtMs >= this.patienceMs
    );
  }

  private check(): void {
    if (this.consensus.status().leader !== 0n) this.lostAtMs = undefined;
    else this.lostAtMs ??= this.clock.monotonicMs();
    if (!this.leaderless) return;
    for (const call of this.calls) call.end(etcdError('noLeader'));
    this.calls.clear();
  }

  close(): void {
    this.timer.cancel();
  }
}
