/** Standing for election and voting. */
import { countVotes } from './quorum.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import type { RaftState } from './state.ts';
import { NONE, type VoteRequest, type VoteResponse } from './types.ts';

/** `pre`: ask first; `election`: stand now; `transfer`: stand now because the leader said so. */
export type CampaignKind = 'pre' | 'election' | 'transfer';

/**
 * Starts a campaign, unless this member may not: not a voter, or a committed configuration change waits to be applied
 * (it would count votes by an outdated configuration).
 */
export function campaign(state: RaftState, kind: CampaignKind): void {
  if (state.role === 'leader' || !state.promotable()) return;
  if (state.log.hasConf(state.log.applied, state.log.committed)) return;
  if (kind === 'pre') {
    becomePreCandidate(state);
    if (state.isVoter()) state.votes.set(state.id, true);
  } else {
    becomeCandidate(state);
  }
  const pre = kind === 'pre';
  for (const id of new Set([...state.conf.voters, ...state.conf.outgoing])) {
    if (id === state.id) continue;
    const body = { type: 'vote', pre, last: state.log.last, forced: kind === 'transfer' } as const;
    if (pre) state.send(id, body, state.term + 1);
    // With the request goes the promise that this member has voted for itself.
    else state.sendAfterPersist(id, body);
  }
  evaluateVotes(state);
}

function evaluateVotes(state: RaftState): void {
  const result = countVotes(state.conf, state.votes);
  if (result === 'lost') becomeFollower(state, state.term, NONE);
  if (result !== 'won') return;
  if (state.role === 'preCandidate') campaign(state, 'election');
  else becomeLeader(state);
}

/** The candidate's own vote is on disk. */
export function ownVoteDurable(state: RaftState): void {
  if (state.role !== 'candidate' || state.votes.has(state.id)) return;
  state.votes.set(state.id, true);
  evaluateVotes(state);
}

/** Candidate or pre-candidate: counts an answer that belongs to the current campaign. */
export function countVote(state: RaftState, message: VoteResponse): void {
  if (message.pre !== (state.role === 'preCandidate')) return;
  if (!state.votes.has(message.from)) state.votes.set(message.from, message.granted);
  evaluateVotes(state);
}

/**
 * Answers a request for a vote, in any role; the request's term is at least this member's (a pre-vote's is the term the
 * candidate would have). One vote a term, and only for a log that has everything committed (paper §5.2, §5.4.1).
 */
export function answerVote(state: RaftState, message: VoteRequest): void {
  const free = state.vote === NONE && state.leader === NONE;
  const may = state.vote === message.from || free || (message.pre && message.term > state.term);
  const granted = may && state.log.isUpToDate(message.last);
  const body = { type: 'voteResponse', pre: message.pre, granted } as const;
  if (!granted) {
    state.send(message.from, body);
  } else if (message.pre) {
    state.send(message.from, body, message.term);
  } else {
    state.electionElapsed = 0;
    state.vote = message.from;
    state.sendAfterPersist(message.from, body);
  }
}
