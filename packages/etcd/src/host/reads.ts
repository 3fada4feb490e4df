/**
 * Read points for callers. Calls that arrive while a round is under way share the next one, so there is at most one
 * round at a time however many read.
 */
import type { LogIndex } from '../ports.ts';
import { NONE, type ReadState } from '../raft/types.ts';
import { type NodeContext, requestNumbers } from './context.ts';
import {
  type ConsensusError,
  ConsensusStoppedError,
  ConsensusTimeoutError,
  NoLeaderError,
  TooManyProposalsError,
} from './errors.ts';
import { ticksOf } from './limits.ts';

interface Waiter {
  resolve(index: LogIndex): void;
  reject(err: ConsensusError): void;
}

interface Round {
  readonly waiters: Waiter[];
  /** When its first caller came. */
  readonly sinceTick: number;
  /** Of the latest attempt; 0 before the first. */
  context: number;
  retryTick: number;
}

/** A lost question or answer is asked again after this many ticks. */
const RETRY_TICKS = 5;

export class Reads {
  readonly #ctx: NodeContext;
  readonly #nextContext: () => number;
  #gathering: Round | undefined;
  #current: Round | undefined;
  #leaderlessSince: number | undefined;

  constructor(ctx: NodeContext) {
    this.#ctx = ctx;
    this.#nextContext = requestNumbers(ctx.random);
  }

  read(): Promise<LogIndex> {
    const { limits } = this.#ctx;
    const sinceTick = this.#ctx.ticks();
    this.#gathering ??= { waiters: [], sinceTick, context: 0, retryTick: 0 };
    const { waiters } = this.#gathering;
    if (waiters.length >= limits.maxWaiting) {
      return Promise.reject(new TooManyProposalsError(`${waiters.length} reads wait already`));
    }
    this.#ctx.kick();
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
  }

  /** Starts the next round when none is under way. Called before each Ready. */
  issue(): void {
    if (this.#current !== undefined || this.#gathering === undefined) return;
    this.#current = this.#gathering;
    this.#gathering = undefined;
    this.#ask(this.#current);
  }

  #ask(round: Round): void {
    round.retryTick = this.#ctx.ticks() + RETRY_TICKS;
    if (this.#ctx.core.leader === NONE) return;
    round.context = this.#nextContext();
    this.#ctx.core.readIndex(round.context);
  }

  /** Takes a Ready's answers. */
  settle(states: readonly ReadState[], dropped: readonly number[]): void {
    const round = this.#current;
    if (round === undefined) return;
    const state = states.find(({ context }) => context === round.context);
    if (state !== undefined) {
      this.#current = undefined;
      const index = BigInt(state.index);
      for (const waiter of round.waiters) waiter.resolve(index);
      if (this.#gathering !== undefined) this.#ctx.kick();
    } else if (dropped.includes(round.context)) {
      // No leader just now; the next tick or the next leader asks again.
      round.context = 0;
    }
  }

  /** The leader has changed: nobody will answer what was asked of the former one. */
  onLeader(): void {
    if (this.#current === undefined) return;
    this.#ask(this.#current);
    this.#ctx.kick();
  }

  tick(): void {
    const now = this.#ctx.ticks();
    const patience = this.#patience(now);
    const round = this.#current;
    if (round === undefined) return;
    if (round.sinceTick + patience <= now) {
      this.#current = undefined;
      const err =
        this.#ctx.core.leader === NONE
          ? new NoLeaderError('no leader: a majority of the members is not reachable')
          : new ConsensusTimeoutError('the leader could not confirm a read point in time');
      for (const waiter of round.waiters) waiter.reject(err);
      this.#ctx.kick();
    } else if (round.retryTick <= now) {
      this.#ask(round);
      this.#ctx.kick();
    }
  }

  /**
   * How many ticks a caller waits. An election is waited for; where there has been no leader for longer than any takes, a
   * majority is away, and whoever asks is to hear so while there is time for something else.
   */
  #patience(now: number): number {
    const { core, limits } = this.#ctx;
    const usual = ticksOf(limits, limits.requestTimeoutMs);
    if (core.leader !== NONE) {
      this.#leaderlessSince = undefined;
      return usual;
    }
    this.#leaderlessSince ??= now;
    return now - this.#leaderlessSince >= usual ? ticksOf(limits, limits.leaderWaitMs) : usual;
  }

  stop(): void {
    const err = new ConsensusStoppedError('the member is stopping');
    for (const round of [this.#current, this.#gathering]) {
      for (const waiter of round?.waiters ?? []) waiter.reject(err);
    }
    this.#current = undefined;
    this.#gathering = undefined;
  }
}
