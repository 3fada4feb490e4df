/** What a leader has answered to forwarded proposals in its term, so that a repeated message gets the same answer. */
import type { PeerId } from '../raft/types.ts';

/** Answers remembered for each member; repeats come within seconds. */
const MAX_PER_MEMBER = 32_768;

interface Answers {
  readonly byId: Map<number, string>;
  /** Requests up to this one may have been answered and forgotten. */
  forgottenTo: number;
}

export class ForwardMemory {
  #term = 0;
  readonly #members = new Map<PeerId, Answers>();

  /** @returns what `decide` says the first time, and the same again later; `forgotten` for what is too long ago */
  once(term: number, from: PeerId, requestId: number, decide: () => string): string {
    if (term !== this.#term) {
      this.#members.clear();
      this.#term = term;
    }
    const answers = this.#members.get(from) ?? { byId: new Map(), forgottenTo: 0 };
    this.#members.set(from, answers);
    const known = answers.byId.get(requestId);
    if (known !== undefined) return known;
    if (requestId <= answers.forgottenTo) return 'forgotten';
    const result = decide();
    answers.byId.set(requestId, result);
    if (answers.byId.size > MAX_PER_MEMBER) {
      const oldest = answers.byId.keys().next().value ?? 0;
      answers.byId.delete(oldest);
      answers.forgottenTo = Math.max(answers.forgottenTo, oldest);
    }
    return result;
  }
}
