/** A shelf in memory, for every value however small, that refuses now and then. */
import type { Random } from '@kubets/platform';
import type { Shelf, ShelfSegment } from '../../mvcc/index.ts';

const SEGMENT_VALUES = 20;
const REFUSES_ONE_IN = 10;

class SimSegment implements ShelfSegment {
  readonly #values: Buffer[] = [];

  get length(): number {
    return this.#values.length;
  }

  push(value: Buffer): number {
    return this.#values.push(Buffer.from(value)) - 1;
  }

  read(at: number, length: number): Buffer {
    const value = this.#values[at];
    if (value?.length !== length) throw new Error(`no value of ${length} bytes at ${at}`);
    return Buffer.from(value);
  }
}

export class SimShelf implements Shelf {
  readonly minBytes = 1;
  readonly #random: Random;
  #segment = new SimSegment();

  constructor(random: Random) {
    this.#random = random;
  }

  get segment(): ShelfSegment {
    return this.#segment;
  }

  append(value: Buffer): number {
    if (this.#random.int(REFUSES_ONE_IN) === 0) return -1;
    if (this.#segment.length === SEGMENT_VALUES) this.#segment = new SimSegment();
    return this.#segment.push(value);
  }
}
