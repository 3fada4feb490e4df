/** Messages to a candidate or pre-candidate. */
import { countVote } from './elections.ts';
import { becomeFollower } from './roles.ts';
import type { RaftState } from './state.ts';
import { stepFollower } from './step-follower.ts';
import type { Message } from './types.ts';

export function stepCandidate(state: RaftState, message: Message): void {
  switch (message.type) {
    case 'append':
    case 'heartbeat':
    case 'snapshotOffer':
      // Of this very term: the election has been decided.
      becomeFollower(state, message.term, message.from);
      stepFollower(state, message);
      break;
    case 'voteResponse':
      countVote(state, message);
      break;
    case 'readIndexResponse':
      stepFollower(state, message);
      break;
    default:
      break;
  }
}
