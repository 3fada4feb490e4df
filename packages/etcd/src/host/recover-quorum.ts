/**
 * After the quorum is lost for good: makes a survivor's log that of a cluster of its own. All entries of the log are kept,
 * whether this member knows them to be committed or not: one it does not know of may have been acknowledged. Behind them come
 * membership changes that leave nobody else and what the state machine is to know of it, and all of it counts as committed.
 */
import { ConfigError } from '@kubets/platform';
import type { MemberChange, MemberInfo } from '../ports.ts';
import { isJoint } from '../raft/configuration.ts';
import { type Entry, NONE } from '../raft/types.ts';
import { encodeConfEntry, type Membership } from './membership.ts';
import { openStorage, type Storage, type StorageOptions } from './storage.ts';

/** What is left. */
export interface Survivor {
  readonly self: MemberInfo;
  readonly removed: readonly MemberInfo[];
}

/** The membership as of the end of the log. */
function lastMembership({ core, newest, newestIndex }: Storage): Membership {
  const { log } = core;
  let membership = newest;
  for (let index = Math.max(newestIndex, log.offset.index) + 1; index <= log.lastIndex; index++) {
    const entry = log.entry(index);
    if (entry?.kind === 'conf') membership = membership.afterEntry(entry.data);
  }
  return membership;
}

class Changes {
  readonly entries: Entry[] = [];
  membership: Membership;
  private readonly last: number;
  private readonly term: number;

  constructor(membership: Membership, last: number, term: number) {
    this.membership = membership;
    this.last = last;
    this.term = term;
  }

  add(data: Uint8Array): void {
    const index = this.last + this.entries.length + 1;
    this.entries.push({ index, term: this.term, kind: 'conf', data });
    this.membership = this.membership.afterEntry(data);
  }

  change(change: MemberChange): void {
    this.add(encodeConfEntry({ nonce: '', changes: [change] }));
  }
}

export interface RecoverOptions extends Omit<StorageOptions, 'first'> {
  /** The state machine's own entry, for its term: others may have applied what this log does not have. */
  readonly lastEntry: (term: number) => Uint8Array;
}

/** A cluster whose quorum is lost has a survivor of its own. @throws ConfigError when there is nothing to recover */
export async function recoverQuorum(options: RecoverOptions): Promise<Survivor> {
  const first = (): never => {
    throw new ConfigError(`there is no log in ${options.dir}`);
  };
  const storage = await openStorage({ ...options, first });
  const { wal, core, identity } = storage;
  try {
    const { last } = core.log;
    const term = Math.max(core.hardState.term, last.term) + 1;
    const changes = new Changes(lastMembership(storage), last.index, term);
    if (isJoint(changes.membership.conf)) changes.add(new Uint8Array());
    const self = changes.membership.get(identity.memberId);
    if (self === undefined) {
      throw new ConfigError('this member was removed from its cluster: recover another one');
    }
    const removed = changes.membership.members.filter((member) => member.id !== self.id);
    if (self.isLearner) changes.change({ type: 'promote', id: self.id });
    for (const { id } of removed) changes.change({ type: 'remove', id });
    const commit = last.index + changes.entries.length + 1;
    const closing: Entry = { index: commit, term, kind: 'normal', data: options.lastEntry(term) };
    const entries = [...changes.entries, closing];
    await wal.append({ hardState: { term, vote: NONE, commit }, entries });
    return { self, removed };
  } finally {
    await wal.close();
  }
}
