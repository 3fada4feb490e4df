/** Randomness as a dependency, for the same reason as time. Not for secrets: those come from `node:crypto`. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number, uniform in [0, maxExclusive). */
  int(maxExclusive: number): number;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  int: (maxExclusive) => Math.floor(Math.random() * maxExclusive),
};

/** The same seed gives the same sequence on every machine (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, int: (maxExclusive) => Math.floor(next() * maxExclusive) };
}
