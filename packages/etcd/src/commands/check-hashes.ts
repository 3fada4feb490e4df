/** Whether members hold the same: their hashes of the history up to one revision, compared. */

/** What a member said. */
export interface MemberHash {
  readonly id: bigint;
  readonly name: string;
  readonly hash: number;
  readonly compactRevision: bigint;
}

export type Verdict =
  | { readonly kind: 'same' }
  /** Some were compacted when others were not yet: their hashes say nothing of each other. */
  | { readonly kind: 'incomparable' }
  /** `minority`: those that differ from the rest; empty when nobody has more than half on their side. */
  | { readonly kind: 'different'; readonly minority: readonly MemberHash[] };

/** @param members how many there are, asked or not */
export function judgeHashes(hashes: readonly MemberHash[], members: number): Verdict {
  if (new Set(hashes.map((one) => one.compactRevision)).size > 1) return { kind: 'incomparable' };
  const groups = Map.groupBy(hashes, (one) => one.hash);
  if (groups.size <= 1) return { kind: 'same' };
  const largest = [...groups.values()].toSorted((a, b) => b.length - a.length)[0] ?? [];
  const majority = largest.length > members / 2;
  const minority = majority ? hashes.filter((one) => !largest.includes(one)) : [];
  return { kind: 'different', minority };
}

/** What can be said of those that answered, none of which differs: one alone was compared with nobody. */
export function restOf(answered: readonly MemberHash[]): string {
  return answered.length < 2 ? 'nothing was compared' : 'the others hold the same';
}
