/** Asks every member again and again who leads, for the choice of victims and for the report. */
import { delay, type TlsMaterial } from '@kubets/platform';
import { LIMITS } from '../limits.ts';
import type { LeaderSample, Member } from '../ports.ts';
import { CallFailed, EtcdCaller } from '../workload/etcd-caller.ts';

interface Word {
  readonly leads: boolean;
  readonly term: number;
  readonly atMs: number;
}

/** A member that said so longer ago may have been succeeded. */
const FRESH_MS = 400;

export class LeaderWatch {
  readonly samples: LeaderSample[] = [];
  readonly #callers: EtcdCaller[];
  readonly #words = new Map<string, Word>();
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(members: readonly Pick<Member, 'name' | 'clientUrl'>[], tls?: TlsMaterial) {
    this.#callers = members.map(({ clientUrl }) => new EtcdCaller(clientUrl, tls));
    this.#loops = members.map(({ name }, n) => this.#follow(name, this.#callers[n]));
  }

  /** Who says of itself that it leads, in the newest term; empty when nobody has said so lately. */
  get leader(): string {
    return this.#current(performance.now()).leader;
  }

  #current(nowMs: number): LeaderSample {
    let best: LeaderSample = { atMs: nowMs, leader: '', term: 0 };
    for (const [leader, { leads, term, atMs }] of this.#words) {
      if (leads && term > best.term && nowMs - atMs < FRESH_MS)
        best = { atMs: nowMs, leader, term };
    }
    return best;
  }

  async #follow(name: string, caller: EtcdCaller | undefined): Promise<void> {
    while (!this.#stopped && caller !== undefined) {
      const status = await caller.status(LIMITS.leaderPollMs * 3).catch((error: unknown) => {
        if (error instanceof CallFailed) return undefined;
        throw error;
      });
      const atMs = performance.now();
      const own = status?.header?.memberId;
      const leads = status !== undefined && own !== undefined && status.leader === own;
      this.#words.set(name, { leads, term: Number(status?.raftTerm ?? 0n), atMs });
      this.#sample(atMs);
      await delay(LIMITS.leaderPollMs);
    }
  }

  /** Only changes are kept. */
  #sample(nowMs: number): void {
    const now = this.#current(nowMs);
    const last = this.samples.at(-1);
    if (last?.leader !== now.leader || last.term !== now.term) this.samples.push(now);
  }

  /** Waits until somebody leads. @returns undefined when nobody does in time */
  async wait(timeoutMs: number): Promise<string | undefined> {
    const giveUpMs = performance.now() + timeoutMs;
    while (this.leader === '' && performance.now() < giveUpMs) await delay(10);
    return this.leader === '' ? undefined : this.leader;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    for (const caller of this.#callers) caller.close();
  }
}
