/** Random requests over a few keys, so that they meet each other. Every value put is unique. */
import type { Random } from '@kubets/platform';
import type { Condition, Request, Step } from './history.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const LEASES = ['101', '102', '103', '104'];
const END = 'z';

export class Traffic {
  readonly #random: Random;
  #nextValue = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  #pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
    const item = items[this.#random.int(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  #chance(oneIn: number): boolean {
    return this.#random.int(oneIn) === 0;
  }

  key(): string {
    return this.#pick(KEYS);
  }

  /** An interval: a key, or from it to the end or to another. */
  interval(): { key: string; end: string } {
    const key = this.key();
    if (this.#chance(2)) return { key, end: '' };
    const end = this.#chance(2) ? END : this.key();
    return end > key ? { key, end } : { key: 'a', end: END };
  }

  put(key = this.key()): Step {
    this.#nextValue += 1;
    const value = `v${this.#nextValue}`;
    const lease = this.#chance(4) ? this.#pick(LEASES) : '0';
    return { type: 'put', key, value, lease, prevKv: this.#chance(2) };
  }

  #delete(): Step {
    return { type: 'delete', ...this.interval(), prevKv: this.#chance(2) };
  }

  #range(revision: number): Step {
    const back = this.#chance(3) ? Math.max(0, revision - this.#random.int(30)) : 0;
    return { type: 'range', ...this.interval(), revision: back };
  }

  #condition(revision: number): Condition {
    const key = this.key();
    if (this.#chance(3)) {
      const operand = `v${this.#random.int(this.#nextValue + 1)}`;
      return { key, target: 'value', result: this.#pick(['=', '!=', '<', '>']), operand };
    }
    const target = this.#pick(['version', 'create', 'mod'] as const);
    const operand = target === 'version' ? this.#random.int(4) : this.#random.int(revision + 1);
    return { key, target, result: this.#pick(['=', '!=', '<', '>']), operand };
  }

  /** One of each kind of step at most, and no key written twice, as the store wants it. */
  #steps(revision: number): Step[] {
    const steps: Step[] = [];
    if (this.#chance(2)) steps.push(this.#range(revision));
    const keys = KEYS.filter(() => this.#chance(3));
    for (const key of keys) steps.push(this.put(key));
    if (keys.length === 0 && this.#chance(2)) steps.push(this.#delete());
    if (this.#chance(3)) steps.push({ type: 'range', key: 'a', end: END, revision: 0 });
    return steps.length > 0 ? steps : [this.put()];
  }

  /** @param revision about the newest there is */
  next(revision: number): Request {
    const kind = this.#random.int(20);
    if (kind < 6) return this.put();
    if (kind < 8) return this.#delete();
    if (kind < 12) return this.#range(revision);
    if (kind < 16) {
      const compare = this.#chance(3) ? [] : [this.#condition(revision)];
      const failure = this.#steps(revision);
      return { type: 'txn', compare, success: this.#steps(revision), failure };
    }
    if (kind === 16) {
      const back = this.#random.int(20);
      return { type: 'compact', revision: Math.max(1, revision - back) };
    }
    const lease = this.#pick(LEASES);
    const type = kind === 17 && this.#chance(3) ? 'revoke' : kind === 19 ? 'renew' : 'grant';
    return { type, lease };
  }
}
