/** On the leader: ends leases whose time is over, by proposing it. */

import type { Clock, Logger, Timer } from '@kubets/platform';
import { EtcdError } from '../errors.ts';
import type { Expiry, Lessor } from '../lease/lessor.ts';
import { LIMITS } from '../limits.ts';
import type { Consensus } from '../ports.ts';
import type { Proposer } from './proposer.ts';

export interface LeaseExpirerOptions {
  readonly consensus: Consensus;
  readonly lessor: Lessor;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly log: Logger;
}

export class LeaseExpirer {
  private readonly options: LeaseExpirerOptions;
  private readonly timer: Timer;
  private readonly stopListening: () => void;
  private readonly underWay = new Set<bigint>();
  private leads: boolean;

  constructor(options: LeaseExpirerOptions) {
    this.options = options;
    const { consensus, clock } = options;
    this.leads = isLeader(consensus);
    this.stopListening = consensus.onLeadership(() => this.onLeadership());
    this.timer = clock.setInterval(() => this.check(), LIMITS.leaseCheckMs);
  }

  /** A new leader cannot know how long clients had nobody to renew with: all leases start anew. */
  private onLeadership(): void {
    const { consensus, lessor, clock } = this.options;
    const leads = isLeader(consensus);
    if (leads && !this.leads) lessor.extendAll(clock.monotonicMs());
    this.leads = leads;
  }

  private check(): void {
    const { lessor, clock } = this.options;
    if (!this.leads) return;
    for (const expiry of lessor.expired(clock.monotonicMs(), LIMITS.leaseExpiriesAtOnce)) {
      if (!this.underWay.has(expiry.id)) void this.expire(expiry);
    }
  }

  private async expire({ id, renewals }: Expiry): Promise<void> {
    const { proposer, log } = this.options;
    this.underWay.add(id);
    try {
      await proposer.propose('done', { leaseExpire: { ID: id, renewals } });
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      // Nothing is lost: the lease is still there, and the next look finds it again.
      log.debug({ lease: id.toString(16), error: error.message }, 'lease not expired yet');
    } finally {
      this.underWay.delete(id);
    }
  }

  close(): void {
    this.timer.cancel();
    this.stopListening();
  }
}

function isLeader(consensus: Consensus): boolean {
  const { id, leader } = consensus.status();
  return id === leader;
}
