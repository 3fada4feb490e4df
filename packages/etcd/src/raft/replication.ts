/** The leader's side of replication: its own log, what goes to whom, and when an entry counts as committed. */
import { Progress } from './progress.ts';
import { quorumValue } from './quorum.ts';
import { admitEarlyReads, releaseReads } from './reads.ts';
import type { RaftState } from './state.ts';
import { type Entry, entryBytes, type Index, type PeerId, type Proposal } from './types.ts';

/** Puts proposals at the end of the leader's own log. @returns the index of the last one */
export function appendOwn(state: RaftState, proposals: readonly Proposal[]): Index {
  let index = state.log.lastIndex;
  const entries: Entry[] = [];
  for (const { kind, data } of proposals) {
    index += 1;
    const entry: Entry = { index, term: state.term, kind, data };
    state.uncommittedBytes += entryBytes(entry);
    entries.push(entry);
  }
  state.log.append(entries);
  return index;
}

/**
 * Commits what a quorum has on disk. Only entries of the leader's own term are counted; earlier ones follow with them
 * (paper §5.4.2, figure 8: counting copies of an old term's entry could commit what another leader still replaces).
 * @returns whether the commit index moved
 */
export function maybeCommit(state: RaftState): boolean {
  const index = quorumValue(state.conf, (id) => state.progress.get(id)?.match ?? 0);
  const before = state.log.committed;
  if (index <= before || state.log.term(index) !== state.term) return false;
  state.log.commitTo(index);
  for (let at = before + 1; at <= index; at += 1) {
    const entry = state.log.entry(at);
    if (entry?.term === state.term) state.uncommittedBytes -= entryBytes(entry);
  }
  admitEarlyReads(state);
  return true;
}

/** The leader's own disk has everything up to `log.stable`: that is its own vote for committing it. */
export function acknowledgeOwn(state: RaftState): void {
  if (state.progress.get(state.id)?.acknowledge(state.log.stable)) maybeCommit(state);
}

/** Fresh progress for every member of the configuration; keeps what is known of those that stay. */
export function trackMembers(state: RaftState, members: ReadonlySet<PeerId>): void {
  for (const id of state.progress.keys()) {
    if (!members.has(id)) state.progress.delete(id);
  }
  for (const id of members) {
    if (state.progress.has(id)) continue;
    const progress = new Progress(state.log.lastIndex + 1, state.limits);
    // A new member has had no time to answer yet: it does not count as gone at the next check.
    progress.recentlyActive = true;
    state.progress.set(id, progress);
  }
}

/**
 * Sends one append to a follower.
 * @param hold a new commit index alone is no reason to send one
 * @returns whether another one could follow
 */
function sendAppend(state: RaftState, to: PeerId, progress: Progress, hold: boolean): boolean {
  const { log } = state;
  const prevIndex = progress.next - 1;
  const prevTerm = log.term(prevIndex);
  if (prevTerm === undefined) {
    // What it lacks is gone. A member that does not answer gets no snapshot: it would be made in vain.
    if (progress.recentlyActive) {
      progress.becomeSnapshot();
      state.out.snapshotsTo.push(to);
    }
    return false;
  }
  const entries = log.slice(progress.next, log.lastIndex + 1, state.limits.maxAppendBytes);
  if (progress.state === 'replicate') {
    const isTold = progress.sentCommit >= log.committed;
    if (entries.length === 0 && !progress.forceAppend && (isTold || hold)) {
      if (!isTold) state.out.commitsHeld = true;
      return false;
    }
    const last = entries.at(-1);
    if (last !== undefined) {
      let bytes = 0;
      for (const entry of entries) bytes += entryBytes(entry);
      progress.next = last.index + 1;
      progress.inflights.add(last.index, bytes);
    }
  } else {
    progress.probeSent = true;
  }
  progress.forceAppend = false;
  progress.sentCommit = log.committed;
  state.send(to, {
    type: 'append',
    prev: { index: prevIndex, term: prevTerm },
    commit: log.committed,
    entries,
  });
  return progress.state === 'replicate' && entries.length > 0;
}

/**
 * Sends every follower what it may have now. Called once per Ready, so proposals made together travel together.
 * @param mayHold a commit index may wait for the next entries, which carry it; a message of its own and its answer cost
 *   as much as those of an entry
 */
export function replicate(state: RaftState, mayHold: boolean): void {
  const hold = mayHold && !isCommitUrgent(state);
  for (const [id, progress] of state.progress) {
    if (id === state.id) continue;
    while (!progress.paused() && sendAppend(state, id, progress, hold));
  }
  if (!state.out.commitsHeld) state.toldCommit = state.log.committed;
  if (state.heartbeatDue) sendHeartbeats(state);
}

/**
 * Whoever has asked for a read point waits until it has applied that far. And a member that is being removed is sent nothing
 * any more once the leader has applied that: it must be told before.
 */
function isCommitUrgent(state: RaftState): boolean {
  const { log, out, toldCommit } = state;
  if (toldCommit >= log.committed) return false;
  if (out.messages.some(({ type }) => type === 'readIndexResponse')) return true;
  return log.hasConf(toldCommit, log.committed);
}

function sendHeartbeats(state: RaftState): void {
  state.heartbeatDue = false;
  state.heartbeatElapsed = 0;
  for (const [id, progress] of state.progress) {
    if (id === state.id) continue;
    // Never beyond what it is known to have: its log may still hold other entries there.
    const commit = Math.min(progress.match, state.log.committed);
    state.send(id, { type: 'heartbeat', commit, readSeq: state.readSeq });
  }
  releaseReads(state);
}
