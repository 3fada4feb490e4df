import type { AdmissionRound } from '../ports.ts';

/** The rounds of mutating admission of one write. */
export class Rounds implements AdmissionRound {
  #number: 0 | 1 = 0;
  #isWanted = false;
  #notes: Map<string, unknown> | undefined;

  get number(): 0 | 1 {
    return this.#number;
  }

  repeat(): void {
    this.#isWanted = true;
  }

  get notes(): Map<string, unknown> {
    this.#notes ??= new Map();
    return this.#notes;
  }

  /** Whether there is a second round; begins it. */
  next(): boolean {
    if (!this.#isWanted || this.#number === 1) return false;
    this.#number = 1;
    return true;
  }
}
