/** Messages to the leader. */
import type { Progress } from './progress.ts';
import { registerRead, releaseReads } from './reads.ts';
import { maybeCommit } from './replication.ts';
import type { RaftState } from './state.ts';
import { type AppendResponse, type Message, NONE, type PeerId } from './types.ts';

export function stepLeader(state: RaftState, message: Message): void {
  if (message.type === 'readIndex') {
    registerRead(state, message.from, message.context);
    return;
  }
  if (message.type === 'transfer') {
    beginTransfer(state, message.target);
    return;
  }
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  if (message.type === 'appendResponse') {
    progress.recentlyActive = true;
    if (message.rejected) onRejected(state, message, progress);
    else onAccepted(state, message, progress);
  } else if (message.type === 'heartbeatResponse') {
    progress.recentlyActive = true;
    progress.readSeq = Math.max(progress.readSeq, message.readSeq);
    onHeartbeatResponse(state, progress);
  }
}

function onRejected(state: RaftState, message: AppendResponse, progress: Progress): void {
  let meet = message.hint.index;
  if (message.hint.term > 0) {
    // The follower has skipped back over its terms; skip back over ours as well.
    meet = state.log.lastPointWithin(message.hint.index, message.hint.term).index;
  }
  progress.decrease(message.index, meet);
}

function onAccepted(state: RaftState, message: AppendResponse, progress: Progress): void {
  const news = progress.acknowledge(message.index);
  if (progress.state === 'replicate') {
    progress.inflights.freeTo(message.index);
  } else if (progress.state === 'probe') {
    if (news || progress.match === message.index) progress.becomeReplicate();
  } else if (progress.match >= state.log.offset.index) {
    // The snapshot has arrived, or the follower has caught up by other means.
    progress.becomeReplicate();
  }
  if (news) maybeCommit(state);
  if (state.transferee === message.from) handOver(state, progress);
}

function onHeartbeatResponse(state: RaftState, progress: Progress): void {
  progress.probeSent = false;
  // Answers may have been lost: let one more message go, and find out where the follower is.
  if (progress.state === 'replicate' && progress.inflights.full()) progress.inflights.freeFirst();
  if (progress.match < state.log.lastIndex) progress.forceAppend = true;
  releaseReads(state);
}

/** Leadership transfer (thesis §3.10): the target must have the whole log, then stands for election without delay. */
export function beginTransfer(state: RaftState, target: PeerId): void {
  const progress = state.progress.get(target);
  if (target === state.id || progress === undefined || !state.conf.voters.has(target)) return;
  if (state.transferee === target) return;
  state.transferee = target;
  // A transfer that takes longer than an election timeout is given up (see tick).
  state.electionElapsed = 0;
  progress.forceAppend = true;
  handOver(state, progress);
}

function handOver(state: RaftState, progress: Progress): void {
  if (state.transferee === NONE || progress.match !== state.log.lastIndex) return;
  state.send(state.transferee, { type: 'timeoutNow' });
}
