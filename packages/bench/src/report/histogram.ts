/** Latencies in buckets of equal ratio: small, mergeable, the same relative error everywhere. */

/** Buckets to a doubling: an error of at most 2.2 % of the value. */
const PER_OCTAVE = 16;
const SMALLEST_MS = 0.01;

/** A histogram as text: pairs of bucket and count, and what buckets cannot tell. */
export interface Packed {
  readonly counts: readonly (readonly [bucket: number, count: number])[];
  readonly sum: number;
  readonly max: number;
}

export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Values are milliseconds, but any positive number will do. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(value: number): void {
    const ratio = Math.max(1, value / SMALLEST_MS);
    const bucket = Math.floor(Math.log2(ratio) * PER_OCTAVE);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#count += 1;
    this.#sum += value;
    this.#max = Math.max(this.#max, value);
  }

  merge(packed: Packed): void {
    for (const [bucket, count] of packed.counts) {
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
      this.#count += count;
    }
    this.#sum += packed.sum;
    this.#max = Math.max(this.#max, packed.max);
  }

  pack(): Packed {
    return { counts: [...this.#counts], sum: this.#sum, max: this.#max };
  }

  /** @param share 0–1. @returns the middle of the bucket it falls into, never more than the largest value seen */
  quantile(share: number): number {
    if (this.#count === 0) return 0;
    const wanted = Math.ceil(share * this.#count);
    let seen = 0;
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen < wanted) continue;
      return Math.min(this.#max, SMALLEST_MS * 2 ** ((bucket + 0.5) / PER_OCTAVE));
    }
    return this.#max;
  }

  summary(): Summary {
    return {
      count: this.#count,
      mean: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      max: this.#max,
    };
  }
}
