/**
 * Quick elections. At a start nobody leads: as soon as members can reach each other there is no point in waiting. When the leader's process dies, its connections break at once; waiting for the whole election timeout
 * would only lose time. The members that see it give up the leader's lease and, after a short random pause each, ask for
 * votes. The pre-vote keeps this harmless when only a connection broke: members that still hear the leader say no.
 */
import type { Clock, Timer } from '@kubets/platform';
import { NONE, type PeerId } from '../raft/types.ts';
import type { NodeContext } from './context.ts';

/**
 * Attempts are spread at random, later ones wider and wider. The survivors also take turns, in the order of their ids: the
 * votes of the first candidate are on disk before the next one stands.
 */
const FIRST_SPREAD_MS = 20;
const MORE_SPREAD_MS = 100;
const TURN_MS = 60;
const MAX_ATTEMPTS = 6;

export class Failover {
  readonly #ctx: NodeContext;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #attempts = 0;

  constructor(ctx: NodeContext, clock: Clock) {
    this.#ctx = ctx;
    this.#clock = clock;
  }

  onPeerDown(id: PeerId): void {
    const { core } = this.#ctx;
    if (id !== core.leader || id === core.id) return;
    core.suspectLeader();
    this.#attempts = 0;
    this.#schedule();
  }

  /** Somebody can be reached: if nobody leads, now is the time. */
  onPeerUp(): void {
    if (this.#ctx.core.leader !== NONE || this.#timer !== undefined) return;
    this.#attempts = 0;
    this.#schedule();
  }

  #schedule(): void {
    const { random } = this.#ctx;
    const spreadMs = FIRST_SPREAD_MS + MORE_SPREAD_MS * this.#attempts;
    const pauseMs = 5 + this.#turn() * TURN_MS + random.int(spreadMs);
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimeout(() => this.#attempt(), pauseMs);
  }

  /** This member's place among those that may stand. */
  #turn(): number {
    const { core } = this.#ctx;
    let before = 0;
    for (const id of core.conf.voters) if (id < core.id && id !== core.leader) before += 1;
    return before;
  }

  #attempt(): void {
    const { core, log } = this.#ctx;
    this.#timer = undefined;
    if (core.role === 'leader') return;
    log.debug(
      { attempt: this.#attempts, leader: core.leader.toString(16) },
      'leader lost, standing',
    );
    core.campaign();
    this.#ctx.kick();
    // Still following means it was heard of again (or this member may not stand): nothing to do.
    if (core.role === 'follower' && core.leader !== NONE) return;
    this.#attempts += 1;
    if (this.#attempts < MAX_ATTEMPTS) this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
