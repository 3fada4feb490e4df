/**
 * Which endpoint is the leader's. Any member takes a call, but one that does not lead passes writes, and the question whether a read is
 * up to date, on to the one that does: a hop more, and work for two. A client that has the choice asks the leader.
 */

import type { ResponseHeader, StatusResponse } from '../codec/index.ts';

export interface LeaderFinderOptions {
  /** Endpoints, at least two. */
  readonly names: readonly string[];
  /** What a member says of itself; undefined when it says nothing. */
  readonly ask: (name: string) => Promise<StatusResponse | undefined>;
  /** Told the leader's endpoint, whenever it is found anew. */
  readonly onFound: (name: string) => void;
}

export class LeaderFinder {
  readonly #o: LeaderFinderOptions;
  /** The newest term an answer was of: a new leader has a new one (Raft paper, section 5.1). */
  #term = 0n;
  #isAsking = false;

  constructor(options: LeaderFinderOptions) {
    this.#o = options;
  }

  /** Looks at an answer's header. */
  saw(header: ResponseHeader | undefined): void {
    if (header === undefined || header.raftTerm <= this.#term) return;
    this.#term = header.raftTerm;
    if (!this.#isAsking) void this.#find();
  }

  /** Asks all once for each new term. */
  async #find(): Promise<void> {
    this.#isAsking = true;
    for (let asked = 0n; asked < this.#term; ) {
      asked = this.#term;
      const { names, ask, onFound } = this.#o;
      const all = await Promise.all(names.map(ask));
      // Of an old term would be one that does not know yet that it leads no more.
      const at = all.findIndex((one) => {
        if (one?.header === undefined || one.raftTerm < asked) return false;
        return one.leader === one.header.memberId;
      });
      const name = names[at];
      if (name !== undefined) onFound(name);
    }
    this.#isAsking = false;
  }
}
