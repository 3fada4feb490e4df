/**
 * Linearizable reads without writing to the log (thesis §6.4). The leader notes its commit index, then makes sure it was
 * still the leader afterwards: a quorum answers a heartbeat sent later than the read's arrival. Reads are numbered, and
 * a heartbeat carries the newest number, so one round confirms all that wait.
 */
import { quorumValue } from './quorum.ts';
import type { RaftState } from './state.ts';
import { NONE, type PeerId } from './types.ts';

/** A leader may only promise its commit index once it has committed an entry of its own term. */
function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.term(state.log.committed) === state.term;
}

function answer(state: RaftState, to: PeerId, context: number, index: number): void {
  if (to === state.id) state.out.readStates.push({ context, index });
  else state.send(to, { type: 'readIndexResponse', context, index });
}

/** Leader: registers a read of this member or of a follower. Over the limit it is dropped; the asker tries again. */
export function registerRead(state: RaftState, from: PeerId, context: number): void {
  if (state.reads.length + state.earlyReads.length >= state.limits.maxPendingReads) {
    if (from === state.id) state.out.droppedReads.push(context);
    return;
  }
  if (!hasCommittedInTerm(state)) {
    state.earlyReads.push({ from, context });
    return;
  }
  state.readSeq += 1;
  state.reads.push({ from, context, index: state.log.committed, seq: state.readSeq });
  state.heartbeatDue = true;
  releaseReads(state);
}

/** Leader: answers the reads a quorum has confirmed. */
export function releaseReads(state: RaftState): void {
  const confirmed = quorumValue(state.conf, (id) =>
    id === state.id ? state.readSeq : (state.progress.get(id)?.readSeq ?? 0),
  );
  let released = 0;
  for (const read of state.reads) {
    if (read.seq > confirmed) break;
    answer(state, read.from, read.context, read.index);
    released += 1;
  }
  if (released > 0) state.reads = state.reads.slice(released);
}

/** Leader: its first commit has happened, reads that waited for it join the queue. */
export function admitEarlyReads(state: RaftState): void {
  if (state.earlyReads.length === 0 || !hasCommittedInTerm(state)) return;
  const early = state.earlyReads;
  state.earlyReads = [];
  for (const read of early) registerRead(state, read.from, read.context);
}

/** Leadership is lost: nothing that waits can be answered. Followers ask the new leader by themselves. */
export function dropReads(state: RaftState): void {
  for (const read of [...state.reads, ...state.earlyReads]) {
    if (read.from === state.id) state.out.droppedReads.push(read.context);
  }
  state.reads = [];
  state.earlyReads = [];
}

/** A read asked for on this member, in any role. */
export function localRead(state: RaftState, context: number): void {
  if (state.role === 'leader') registerRead(state, state.id, context);
  else if (state.leader === NONE) state.out.droppedReads.push(context);
  else state.send(state.leader, { type: 'readIndex', context });
}
