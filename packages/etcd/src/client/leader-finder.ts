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
  #search: Promise<void> | undefined;

  constructor(options: LeaderFinderOptions) {
    this.#o = options;
  }

  /** While it is looked for: resolves when it was found, or all have answered. */
  get search(): Promise<void> | undefined {
    return this.#search;
  }

  /** Looks at an answer's header. */
  saw(header: ResponseHeader | undefined): void {
    if (header === undefined || header.raftTerm <= this.#term) return;
    this.#term = header.raftTerm;
    this.#search ??= this.#find();
  }

  /** Asks all once for each new term. */
  async #find(): Promise<void> {
    for (let asked = 0n; asked < this.#term; ) {
      asked = this.#term;
      await this.#askAll(asked);
    }
    this.#search = undefined;
  }

  /** Resolves with the first good answer: a member that is gone says nothing for seconds. */
  #askAll(term: bigint): Promise<void> {
    const { names, ask, onFound } = this.#o;
    let left = names.length;
    return new Promise((resolve) => {
      const heard = (name: string, one: StatusResponse | undefined): void => {
        left -= 1;
        const isNew = this.#term === term;
        if (isNew && isLeader(one, term)) onFound(name);
        if (left === 0 || isLeader(one, term)) resolve();
      };
      for (const name of names) void ask(name).then((one) => heard(name, one));
    });
  }
}

/** Whether it was so in that term or later: one of an earlier term may not know yet that it leads no more. */
function isLeader(one: StatusResponse | undefined, term: bigint): boolean {
  if (one?.header === undefined || one.raftTerm < term) return false;
  return one.leader === one.header.memberId;
}
