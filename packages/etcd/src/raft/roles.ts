/** Changes of role and term. Every one starts from {@link reset}. */
import { invariant } from '@kubets/platform';
import { allMembers } from './configuration.ts';
import { dropReads } from './reads.ts';
import { acknowledgeOwn, appendOwn, trackMembers } from './replication.ts';
import type { RaftState } from './state.ts';
import { NONE, type PeerId, type Term } from './types.ts';

const NOTHING = new Uint8Array(0);

function reset(state: RaftState, term: Term): void {
  invariant(term >= state.term, 'a term never goes back', { term, current: state.term });
  if (term !== state.term) {
    state.term = term;
    state.vote = NONE;
  }
  state.leader = NONE;
  state.electionElapsed = 0;
  state.heartbeatElapsed = 0;
  state.rollElectionTimeout();
  state.votes = new Map();
  state.progress = new Map();
  state.transferee = NONE;
  state.pendingConfIndex = 0;
  state.uncommittedBytes = 0;
  state.heartbeatDue = false;
  state.toldCommit = state.log.committed;
  dropReads(state);
}

export function becomeFollower(state: RaftState, term: Term, leader: PeerId): void {
  reset(state, term);
  state.role = 'follower';
  state.leader = leader;
}

/** Asks around before disturbing anybody: neither term nor vote change. */
export function becomePreCandidate(state: RaftState): void {
  invariant(state.role !== 'leader', 'a leader does not campaign');
  reset(state, state.term);
  state.role = 'preCandidate';
}

/** Stands for election in a new term. Its own vote counts once it is durable. */
export function becomeCandidate(state: RaftState): void {
  invariant(state.role !== 'leader', 'a leader does not campaign');
  reset(state, state.term + 1);
  state.role = 'candidate';
  state.vote = state.id;
}

export function becomeLeader(state: RaftState): void {
  invariant(state.role === 'candidate', 'only a candidate wins an election');
  reset(state, state.term);
  state.role = 'leader';
  state.leader = state.id;
  trackMembers(state, allMembers(state.conf));
  // Earlier leaders' entries may hold a configuration change that is not applied here yet.
  state.pendingConfIndex = state.log.lastIndex;
  acknowledgeOwn(state);
  // Paper §8: an entry of its own term, so that what earlier leaders left can be committed and reads can be served.
  appendOwn(state, [{ kind: 'normal', data: NOTHING }]);
  state.heartbeatDue = true;
}
