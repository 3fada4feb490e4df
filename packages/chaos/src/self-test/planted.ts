/**
 * Builds of the store that are broken on purpose, each by one replaced text, and the faults under which the tool must notice. A
 * verdict of a tool that finds none of these is worth nothing.
 */
import type { FaultKind, Victim } from '../ports.ts';

export interface Planted {
  readonly name: string;
  readonly what: string;
  /** Below `packages/etcd/src/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly kind: FaultKind;
  readonly victim: Victim;
  readonly holdMs: number;
  /** Faults within which it must be noticed. */
  readonly within: number;
}

export const PLANTED: readonly Planted[] = [
  {
    name: 'skipped-fsync',
    what: 'the log is not synced before a write is acknowledged',
    file: 'wal/wal.ts',
    find: '    await this.#file.sync();\n    failpoint',
    replace: '    failpoint',
    ...{ kind: 'blackout', victim: 'leader', holdMs: 0, within: 2 },
  },
  {
    name: 'stale-reads',
    what: 'a leader answers reads without asking whether it still leads, as after a pause it may not',
    file: 'server/member.ts',
    find: 'await consensus.waitApplied(await consensus.readIndex());',
    replace: `const { id, leader } = consensus.status();
      if (id !== leader) await consensus.waitApplied(await consensus.readIndex());`,
    ...{ kind: 'stop', victim: 'leader', holdMs: 2_500, within: 10 },
  },
  {
    name: 'lost-watch-events',
    what: 'a watcher that comes back is not told what it missed',
    file: 'watch/stream.ts',
    find: 'next: start === 0 ? revision + 1 : start,',
    replace: 'next: start < 2 ? start || revision + 1 : Math.max(start, revision + 1),',
    ...{ kind: 'kill', victim: 'leader', holdMs: 0, within: 5 },
  },
  {
    name: 'ack-before-quorum',
    what: 'a write counts as committed once any member has it',
    file: 'raft/replication.ts',
    find: 'const index = quorumValue(state.conf, (id) => state.progress.get(id)?.match ?? 0);',
    replace: 'const index = Math.max(...[...state.progress.values()].map((one) => one.match));',
    ...{ kind: 'isolate', victim: 'leader', holdMs: 2_500, within: 3 },
  },
  {
    name: 'applied-twice',
    what: 'a batch proposed again after a change of leader is applied wherever it turns up',
    file: 'state/state-machine.ts',
    find: 'const proposals = batch.term === entry.term ? batch.proposals : [];',
    replace: 'const { proposals } = batch;',
    ...{ kind: 'stop', victim: 'leader', holdMs: 1_500, within: 20 },
  },
  {
    name: 'leases-end-with-the-leader',
    what: 'a new leader takes every lease for expired',
    file: 'server/lease-expirer.ts',
    find: 'lessor.extendAll(clock.monotonicMs());',
    replace: 'lessor.extendAll(clock.monotonicMs() - 1e9);',
    ...{ kind: 'kill', victim: 'leader', holdMs: 0, within: 5 },
  },
  {
    name: 'leases-without-keys',
    what: 'after a restart leases have forgotten their keys',
    file: 'state/kv-state.ts',
    find: 'if (lease !== 0n) this.lessor.attach(lease, name);',
    replace: 'if (lease < 0n) this.lessor.attach(lease, name);',
    ...{ kind: 'kill', victim: 'any', holdMs: 0, within: 10 },
  },
  {
    name: 'forgotten-tail',
    what: 'a member that starts takes the end of its log, a few whole entries, for a write that was not finished',
    file: 'wal/wal.ts',
    find: 'const { recovered, isStale } = decrypted(assemble(parts), options.vault);',
    replace: `const { recovered: all, isStale } = decrypted(assemble(parts), options.vault);
    const entries = all.entries.length < 50 ? all.entries : all.entries.slice(0, -5);
    const commit = Math.min(all.hardState.commit, entries.at(-1)?.index ?? 0);
    const recovered = { ...all, entries, hardState: { ...all.hardState, commit } };`,
    ...{ kind: 'blackout', victim: 'leader', holdMs: 0, within: 3 },
  },
];
