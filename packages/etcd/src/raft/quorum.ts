/**
 * Majorities. A joint configuration (Raft paper §6) needs a majority of both halves; the second half is empty outside of a
 * transition.
 */
import type { PeerId } from './types.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** The two halves a decision needs; `outgoing` is empty when the configuration is not joint. */
export interface Electorate {
  readonly voters: ReadonlySet<PeerId>;
  readonly outgoing: ReadonlySet<PeerId>;
}

/**
 * The greatest value that a majority of `ids` has reached. With no ids there is nobody to object: Infinity, so that
 * the other half of a joint configuration decides.
 * @param reached what a member has reached, 0 when unknown
 */
export function majorityValue(ids: ReadonlySet<PeerId>, reached: (id: PeerId) => number): number {
  if (ids.size === 0) return Number.POSITIVE_INFINITY;
  const values: number[] = [];
  for (const id of ids) values.push(reached(id));
  values.sort((a, b) => a - b);
  // Five members sorted ascending: the third from the top is what three of them have.
  return values[values.length - (Math.floor(values.length / 2) + 1)] ?? 0;
}

/** The greatest value a quorum of the whole electorate has reached; 0 for an electorate without voters. */
export function quorumValue(electorate: Electorate, reached: (id: PeerId) => number): number {
  const value = Math.min(
    majorityValue(electorate.voters, reached),
    majorityValue(electorate.outgoing, reached),
  );
  return Number.isFinite(value) ? value : 0;
}

function majorityVote(ids: ReadonlySet<PeerId>, votes: ReadonlyMap<PeerId, boolean>): VoteResult {
  if (ids.size === 0) return 'won';
  const needed = Math.floor(ids.size / 2) + 1;
  let yes = 0;
  let missing = 0;
  for (const id of ids) {
    const vote = votes.get(id);
    if (vote === undefined) missing += 1;
    else if (vote) yes += 1;
  }
  if (yes >= needed) return 'won';
  return yes + missing >= needed ? 'pending' : 'lost';
}

/** Counts votes; those of non-voters do not matter. */
export function countVotes(
  electorate: Electorate,
  votes: ReadonlyMap<PeerId, boolean>,
): VoteResult {
  if (electorate.voters.size === 0) return 'lost';
  const incoming = majorityVote(electorate.voters, votes);
  const outgoing = majorityVote(electorate.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
