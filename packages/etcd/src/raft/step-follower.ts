/** Messages to a follower. */
import { campaign } from './elections.ts';
import type { RaftState } from './state.ts';
import type { AppendRequest, Heartbeat, Message } from './types.ts';

export function stepFollower(state: RaftState, message: Message): void {
  switch (message.type) {
    case 'append':
      hearLeader(state, message);
      acceptAppend(state, message);
      break;
    case 'heartbeat':
      hearLeader(state, message);
      acceptHeartbeat(state, message);
      break;
    case 'snapshotOffer':
      hearLeader(state, message);
      break;
    case 'timeoutNow':
      // No pre-vote: the leader has asked for it, and the others may still be within its lease.
      campaign(state, 'transfer');
      break;
    case 'readIndexResponse':
      state.out.readStates.push({ context: message.context, index: message.index });
      break;
    default:
      break;
  }
}

/** Somebody leads this term, and it is alive. */
function hearLeader(state: RaftState, message: Message): void {
  state.electionElapsed = 0;
  state.leader = message.from;
}

function acceptAppend(state: RaftState, message: AppendRequest): void {
  const { log } = state;
  const hint = { index: 0, term: 0 };
  if (message.prev.index < log.committed) {
    // Old news: what is committed matches every leader's log.
    state.sendAfterPersist(message.from, {
      type: 'appendResponse',
      rejected: false,
      index: log.committed,
      hint,
    });
    return;
  }
  const covered = log.tryAppend(message.prev, message.entries);
  if (covered === undefined) {
    state.send(message.from, {
      type: 'appendResponse',
      rejected: true,
      index: message.prev.index,
      hint: log.lastPointWithin(message.prev.index, message.prev.term),
    });
    return;
  }
  log.commitTo(Math.min(message.commit, covered));
  state.sendAfterPersist(message.from, {
    type: 'appendResponse',
    rejected: false,
    index: covered,
    hint,
  });
}

function acceptHeartbeat(state: RaftState, message: Heartbeat): void {
  state.log.commitTo(message.commit);
  state.send(message.from, { type: 'heartbeatResponse', readSeq: message.readSeq });
}
