/**
 * Ways to break the store, one line each: a text of a source file and what it is replaced by, in a copy. The simulation must
 * notice each within `seeds` runs; how many it needed is in docs/robustness.md.
 */
export interface Mutant {
  readonly name: string;
  readonly what: string;
  /** Below `src/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Runs within which it must be noticed. */
  readonly seeds: number;
  /** How the simulation is run; without it, the whole store under everything. */
  readonly args?: readonly string[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no-fsync',
    what: 'the log is not synced before it is relied upon',
    file: 'wal/wal.ts',
    find: '    await this.#file.sync();\n    failpoint',
    replace: '    failpoint',
    seeds: 50,
  },
  {
    name: 'ack-before-quorum',
    what: 'an entry counts as committed once any member has it',
    file: 'raft/replication.ts',
    find: 'const index = quorumValue(state.conf, (id) => state.progress.get(id)?.match ?? 0);',
    replace: 'const index = Math.max(...[...state.progress.values()].map((one) => one.match));',
    seeds: 50,
  },
  {
    name: 'old-term-commit',
    what: 'entries of earlier terms are committed by counting copies (figure 8 of the paper)',
    file: 'raft/replication.ts',
    find: 'if (index <= before || state.log.term(index) !== state.term) return false;',
    replace: 'if (index <= before) return false;',
    seeds: 2000,
    args: ['--what', 'log', '--profile', 'churn'],
  },
  {
    name: 'no-pre-vote',
    what: 'a member that hears no leader stands for election without asking first',
    file: 'raft/core.ts',
    find: "      state.electionElapsed = 0;\n      campaign(state, 'pre');",
    replace: "      state.electionElapsed = 0;\n      campaign(state, 'election');",
    seeds: 20,
  },
  {
    name: 'vote-for-anyone',
    what: 'votes are granted to candidates whose log lacks entries',
    file: 'raft/elections.ts',
    find: 'const granted = may && state.log.isUpToDate(message.last);',
    replace: 'const granted = may;',
    seeds: 50,
  },
  {
    name: 'vote-twice',
    what: 'a member votes for several candidates of a term',
    file: 'raft/elections.ts',
    find: 'const free = state.vote === NONE && state.leader === NONE;',
    replace: 'const free = true;',
    seeds: 200,
  },
  {
    name: 'append-before-durable',
    what: 'a follower confirms entries before they are on its disk',
    file: 'raft/step-follower.ts',
    find: `  log.commitTo(Math.min(message.commit, covered));
  state.sendAfterPersist(`,
    replace: `  log.commitTo(Math.min(message.commit, covered));
  state.send(`,
    seeds: 200,
  },
  {
    name: 'unconfirmed-reads',
    what: 'a leader answers reads without asking whether it still leads',
    file: 'raft/reads.ts',
    find: 'if (read.seq > confirmed) break;',
    replace: 'if (confirmed < 0) break;',
    seeds: 100,
  },
  {
    name: 'durable-too-early',
    what: 'the state claims to be on disk as soon as it is collected',
    file: 'storage/level-storage.ts',
    find: '    this.position = position;\n    if (this.journal',
    replace:
      '    this.position = position;\n    this.durable = position.index;\n    if (this.journal',
    seeds: 200,
  },
  {
    name: 'state-not-synced',
    what: 'the state is written without sync and taken for durable',
    file: 'storage/level-storage.ts',
    find: "    await batch.write({ sync: true });\n    failpoint('storage.afterWrite');",
    replace: "    await batch.write({ sync: false });\n    failpoint('storage.afterWrite');",
    seeds: 100,
  },
  {
    name: 'position-apart',
    what: 'the position in the log is stored in a batch of its own, before the state it belongs to',
    file: 'storage/level-storage.ts',
    find: '    const batch = this.db.batch();\n    let count = 0;',
    replace: `    const early = putMeta(this.generation, position);
    await this.db.put(early.key, early.value, { sync: true });
    const batch = this.db.batch();
    let count = 0;`,
    seeds: 100,
  },
  {
    name: 'checksums-ignored',
    what: 'records of the state are read back without comparing their checksum',
    file: 'state/records.ts',
    find: "if (!matches) throw new StorageError('a record does not match its checksum');",
    replace: 'if (!matches) return record;',
    seeds: 500,
  },
  {
    name: 'batch-in-any-term',
    what: 'a batch proposed again after a change of leader is applied wherever it turns up',
    file: 'state/state-machine.ts',
    find: 'const proposals = batch.term === entry.term ? batch.proposals : [];',
    replace: 'const { proposals } = batch;',
    seeds: 500,
  },
  {
    name: 'again-after-snapshot',
    what: 'writes whose entry came in a snapshot are proposed a second time',
    file: 'testing/store/cluster.ts',
    find: '        part.proposer?.onReplaced();\n',
    replace: '',
    seeds: 200,
  },
  {
    name: 'txn-not-checked',
    what: 'a transaction that cannot be carried out is not noticed before it writes',
    file: 'state/txn.ts',
    find: '  check(space, chosen);\n  return { succeeded',
    replace: '  return { succeeded',
    seeds: 50,
  },
  {
    name: 'compare-ignored',
    what: 'only the first condition of a transaction that fails counts, as if it held',
    file: 'state/txn.ts',
    find: 'txn.compare.every((c) => holds(store, c))',
    replace: 'txn.compare.some((c) => holds(store, c))',
    seeds: 50,
  },
  {
    name: 'lease-ends-anyway',
    what: 'a lease that was renewed after its end was decided ends all the same',
    file: 'lease/lessor.ts',
    find: 'return this.held.get(id)?.lease.renewals === renewals;',
    replace: 'return this.held.has(id);',
    seeds: 1000,
  },
  {
    name: 'keys-stay-with-lease',
    what: 'a key put anew without a lease stays attached to its former one',
    file: 'state/txn.ts',
    find: 'if (before !== undefined && before.lease !== 0n) lessor.detach(before.lease, name);',
    replace: '',
    seeds: 50,
  },
  {
    name: 'leases-without-keys',
    what: 'after a restart or snapshot, leases have forgotten their keys',
    file: 'state/kv-state.ts',
    find: 'if (lease !== 0n) this.lessor.attach(lease, name);',
    replace: 'if (lease < 0n) this.lessor.attach(lease, name);',
    seeds: 50,
  },
  {
    name: 'compacts-too-much',
    what: 'compaction drops deletions made at the very revision it keeps',
    file: 'mvcc/history.ts',
    find: 'const kept = this.positionOf(revision);',
    replace: 'const kept = this.positionOf(revision + 1);',
    seeds: 100,
  },
  {
    name: 'tombstone-at-compaction',
    what: 'the stored deletion at the compacted revision is swept away, and lost after a restart',
    file: 'mvcc/store.ts',
    find: 'if (newest.modRevision < revision) {',
    replace: 'if (newest.modRevision <= revision) {',
    seeds: 500,
  },
  {
    name: 'compacted-unnoticed',
    what: 'a watcher whose history is gone goes on as if it had seen it',
    file: 'watch/stream.ts',
    find: 'if (next < 0 || next < store.compactRevision) {',
    replace: 'if (next < 0) {',
    seeds: 100,
  },
  {
    name: 'slow-watcher-loses',
    what: 'changes that a full stream cannot take are dropped',
    file: 'watch/stream.ts',
    find: 'for (let i = sent; i < watchers.length; i++) {',
    replace: 'for (let i = sent; i < 0; i++) {',
    seeds: 50,
  },
  {
    name: 'watchers-mixed-up',
    what: 'watchers that are served together all get the id of the first',
    file: 'server/shared-frames.ts',
    find: 'writeIdField(out, at + FRAME_HEAD_BYTES + front.length, id);',
    replace: 'writeIdField(out, at + FRAME_HEAD_BYTES + front.length, watchIds[0] ?? id);',
    seeds: 50,
  },
  {
    name: 'progress-too-early',
    what: 'progress is told while watchers of the stream are behind',
    file: 'watch/stream.ts',
    find: 'if (!this.progressWanted || this.behind.size > 0 || this.full) return;',
    replace: 'if (!this.progressWanted || this.full) return;',
    seeds: 50,
  },
  {
    name: 'future-starts-now',
    what: 'a watcher from a future revision is sent what comes before it',
    file: 'watch/watcher.ts',
    find: 'if (version.modRevision < watcher.next) return false;',
    replace: '',
    seeds: 50,
  },
  {
    name: 'no-resync',
    what: 'watchers are not told what a snapshot skipped',
    file: 'watch/hub.ts',
    find: 'for (const stream of this.streams) stream.resync(this.reached);',
    replace: '',
    seeds: 500,
  },
  {
    name: 'wrong-previous',
    what: 'the previous value of a change is that of the newest version',
    file: 'mvcc/store.ts',
    find: 'out.push({ version, previous: this.previousOf(change) });',
    replace: 'out.push({ version, previous: version });',
    seeds: 50,
  },
  {
    name: 'shelf-mixed-up',
    what: 'values of superseded versions are looked for in the wrong place',
    file: 'mvcc/stored-version.ts',
    find: '    this.where = shelf.segment;\n    this.at = at;',
    replace: '    this.where = shelf.segment;\n    this.at = Math.max(0, at - 1);',
    seeds: 50,
  },
  {
    name: 'history-shows-newest',
    what: 'who catches up is shown the newest version of a key in place of superseded ones',
    file: 'mvcc/store.ts',
    find: '    this.history.moved(entry.position, entry.row);\n',
    replace: '',
    seeds: 50,
  },
  {
    name: 'rows-in-use-dropped',
    what: 'compaction drops what was there at its revision of keys changed later',
    file: 'mvcc/store.ts',
    find: 'if (seen > revision && !superseded.isTombstone(row)) last = row;',
    replace: '',
    seeds: 50,
  },
];
