/**
 * The multi-version store: every key with its versions since the last compaction, in memory. Synchronous and pure; what
 * must reach the disk is told to a {@link Journal}.
 */

import { invariant } from '@kubets/platform';
import { etcdError } from '../errors.ts';
import { History, type HistoryChange } from './history.ts';
import { type KeyEntry, NO_POSITION } from './key-entry.ts';
import { KeyIndex } from './key-index.ts';
import type { Shelf, StoredVersion } from './stored-version.ts';
import { NO_ROW, type Row, Superseded } from './superseded.ts';
import {
  type Change,
  type Interval,
  isSingleKey,
  type KeyName,
  type Revision,
  type Version,
} from './types.ts';
import { VersionsView } from './versions-view.ts';
import { type ScanOptions, type ScanResult, WriteTxn } from './write-txn.ts';

/** Hears of every version made and dropped. */
export interface Journal {
  versionAdded(version: Version): void;
  versionDropped(version: Version): void;
}

/** What a stored version costs besides its key and value, roughly as the disk has it. */
const VERSION_OVERHEAD_BYTES = 64;
export const FIRST_REVISION: Revision = 1;

function sizeOf(version: Version): number {
  return version.name.length + version.valueBytes + VERSION_OVERHEAD_BYTES;
}

export class MvccStore {
  private index = new KeyIndex();
  private superseded = new Superseded();
  private history = new History(this.superseded);
  private readonly journal: Journal | undefined;
  private readonly shelf: Shelf | undefined;
  private currentRevision: Revision = FIRST_REVISION;
  private compactedRevision: Revision = -1;
  private bytes = 0;
  private versions = 0;
  /** Keys that may have versions which compaction has given up. */
  private readonly doomed = new Set<KeyName>();
  private openTxn: WriteTxn | undefined;

  /** @param shelf where the values of superseded versions go; without it they stay in memory */
  constructor(journal?: Journal, shelf?: Shelf) {
    this.journal = journal;
    this.shelf = shelf;
  }

  get revision(): Revision {
    return this.currentRevision;
  }

  /** History up to this one is gone; -1: nothing was ever compacted. */
  get compactRevision(): Revision {
    return this.compactedRevision;
  }

  /** Bytes of all versions kept. */
  get sizeBytes(): number {
    return this.bytes;
  }

  /** Versions kept, deletions included. */
  get versionCount(): number {
    return this.versions;
  }

  /** Keys known, dead ones with history included. */
  get keyCount(): number {
    return this.index.size;
  }

  /** The newest version of a key, writes of an open transaction included. */
  latest(name: KeyName): StoredVersion | undefined {
    const last = this.index.get(name)?.newest;
    return last === undefined || last.tombstone ? undefined : last;
  }

  /** @throws EtcdError `futureRevision` or `compacted` */
  checkReadable(revision: Revision): void {
    if (revision <= 0) return;
    if (revision > this.currentRevision) throw etcdError('futureRevision');
    if (revision < this.compactedRevision) throw etcdError('compacted');
  }

  /**
   * The keys of an interval, in order.
   * @throws EtcdError `futureRevision` or `compacted`
   */
  scan(interval: Interval, options: ScanOptions): ScanResult {
    this.checkReadable(options.revision);
    // Within a write transaction the newest state includes its writes, which are one revision ahead.
    const newestAt = this.currentRevision + (this.openTxn ? 1 : 0);
    const at = options.revision <= 0 ? newestAt : options.revision;
    if (isSingleKey(interval)) return this.scanOne(interval.from, at, options.countOnly);
    const newest = at === newestAt;
    if (newest && options.countOnly)
      return { versions: [], count: this.index.countAlive(interval) };
    return this.scanMany(interval, { ...options, at, newest });
  }

  private scanOne(name: KeyName, at: Revision, countOnly: boolean): ScanResult {
    const entry = this.index.get(name);
    const version = entry && this.versionAt(entry, at);
    if (version === undefined) return { versions: [], count: 0 };
    return { versions: countOnly ? [] : [version], count: 1 };
  }

  private scanMany(
    interval: Interval,
    { limit, countOnly, at, newest }: ScanOptions & { at: Revision; newest: boolean },
  ): ScanResult {
    const versions: Version[] = [];
    let count = 0;
    let full = false;
    this.index.forEach(interval, (entry) => {
      const version = this.versionAt(entry, at);
      if (version === undefined) return true;
      count++;
      if (!countOnly && !full) versions.push(version);
      full = limit > 0 && versions.length === limit;
      // At the newest revision the leaves know how many keys are alive: the rest need not be visited.
      return !(full && newest);
    });
    return { versions, count: full && newest ? this.index.countAlive(interval) : count };
  }

  /** The key's version as of `revision`; undefined when it did not exist then. */
  private versionAt({ name, newest, row: last }: KeyEntry, revision: Revision) {
    // The newest version answers nearly every read. From there it is a step a version: quick ones, as they lie side by side.
    if (newest.modRevision <= revision) return newest.tombstone ? undefined : newest;
    const { superseded } = this;
    let row = last;
    while (row !== NO_ROW && superseded.modOf(row) > revision) row = superseded.before(row);
    return row === NO_ROW || superseded.isTombstone(row)
      ? undefined
      : superseded.versionOf(row, name);
  }

  /** Starts the one write transaction there can be; it must be ended before anything else is written. */
  begin(): WriteTxn {
    invariant(this.openTxn === undefined, 'one write transaction at a time');
    this.openTxn = new WriteTxn(this, this.currentRevision + 1, (version) => {
      this.add(version);
      this.journal?.versionAdded(version);
    });
    return this.openTxn;
  }

  /** Closes the transaction; a transaction without changes leaves the revision as it was. */
  end(txn: WriteTxn): void {
    invariant(this.openTxn === txn, 'the open transaction is ended');
    this.openTxn = undefined;
    if (txn.changes.length > 0) this.currentRevision = txn.revision;
  }

  private add(version: StoredVersion): void {
    const entry = this.insert(version);
    entry.position = this.history.append(entry);
  }

  private insert(version: StoredVersion): KeyEntry {
    this.bytes += sizeOf(version);
    this.versions++;
    return this.index.append(version, this.supersede);
  }

  /** A key's newest version becomes a row. */
  private readonly supersede = (entry: KeyEntry): void => {
    if (this.shelf) entry.newest.shelve(this.shelf);
    entry.row = this.superseded.add(entry.newest, entry.row);
    this.history.moved(entry.position, entry.row);
  };

  /**
   * Gives up the history before `revision`: the state as of `revision` and every change from it on stay readable.
   * @throws EtcdError `futureRevision` or `compacted`
   */
  compact(revision: Revision): void {
    if (revision > this.currentRevision) throw etcdError('futureRevision');
    if (revision <= this.compactedRevision) throw etcdError('compacted');
    this.compactedRevision = revision;
    for (const name of this.history.compact(revision)) this.doomed.add(name);
  }

  /**
   * Goes on this many revisions later, without the history up to there: nobody who has seen one of those that are left out
   * takes what comes next for it.
   */
  skip(revisions: number): void {
    invariant(revisions > 0, 'revisions are left out, none comes again', { revisions });
    this.currentRevision += revisions;
    this.compact(this.currentRevision);
  }

  /**
   * Removes what compaction has given up, for some keys: removing it all at once could take seconds.
   * @returns true when nothing is left to remove
   */
  sweep(maxKeys: number = Number.POSITIVE_INFINITY): boolean {
    let left = maxKeys;
    for (const name of this.doomed) {
      if (left-- <= 0) return false;
      this.doomed.delete(name);
      this.compactKey(name, this.compactedRevision);
    }
    return true;
  }

  /** Drops a key's versions that no read at `revision` or later can see; deletions go when they are older than it. */
  private compactKey(name: KeyName, revision: Revision): void {
    const entry = this.index.get(name);
    if (entry === undefined) return;
    const { newest } = entry;
    if (newest.modRevision < revision) {
      this.dropRows(entry.name, this.cutBehind(entry, NO_ROW));
      if (!newest.tombstone) return;
      this.index.remove(name);
      this.forget(newest);
      return;
    }
    // The history has what was changed at the very revision, even if it was changed again there.
    const { superseded } = this;
    let [last, row] = [NO_ROW, entry.row];
    while (row !== NO_ROW && superseded.modOf(row) >= revision) {
      [last, row] = [row, superseded.before(row)];
    }
    if (row === NO_ROW) return;
    const seen = last === NO_ROW ? newest.modRevision : superseded.modOf(last);
    // What was there before the revision can be read at it, unless it was deleted or changed by then.
    if (seen > revision && !superseded.isTombstone(row)) last = row;
    this.dropRows(entry.name, this.cutBehind(entry, last));
  }

  /** Ends a key's versions behind a row, or its newest version. @returns the first row beyond */
  private cutBehind(entry: KeyEntry, last: Row): Row {
    const { superseded } = this;
    const row = last === NO_ROW ? entry.row : superseded.before(last);
    if (last === NO_ROW) entry.row = NO_ROW;
    else superseded.cut(last);
    return row;
  }

  private dropRows(name: KeyName, from: Row): void {
    const { superseded } = this;
    let row = from;
    while (row !== NO_ROW) {
      const before = superseded.before(row);
      this.forget(superseded.versionOf(row, name));
      superseded.drop(row);
      row = before;
    }
  }

  private forget(version: StoredVersion): void {
    this.bytes -= sizeOf(version);
    this.versions--;
    this.journal?.versionDropped(version);
  }

  /** Changes of `revision` and later, at most `maxBytes` of values but always whole revisions. */
  changesFrom(revision: Revision, maxBytes: number): Change[] {
    const out: Change[] = [];
    let bytes = 0;
    for (let i = this.history.positionOf(revision); ; i++) {
      const change = this.history.at(i);
      if (change === undefined) return out;
      const { version } = change;
      const startsRevision = version.modRevision !== out.at(-1)?.version.modRevision;
      if (startsRevision && bytes >= maxBytes) return out;
      out.push({ version, previous: this.previousOf(change) });
      bytes += sizeOf(version);
    }
  }

  /** What a key was before a change; what was before the compacted revision itself is forgotten. */
  private previousOf({ version, before }: HistoryChange): Version | undefined {
    const forgotten = version.modRevision <= this.compactedRevision;
    return forgotten || before?.tombstone ? undefined : before;
  }

  /** The newest version of every living key, in key order. */
  *aliveVersions(): Generator<StoredVersion> {
    for (const entry of this.index.all()) if (entry.alive) yield entry.newest;
  }

  /** Every version kept, in key order, oldest first. Stays true while the store moves on. */
  allVersions(): VersionsView {
    this.sweep();
    return new VersionsView(this.index.all(), this.superseded);
  }

  /**
   * Replaces the content. Versions come in any order in which each key's are oldest first. The journal is not told.
   * @param state the revisions the versions belong to
   */
  restore(
    versions: Iterable<StoredVersion>,
    state: { readonly revision: Revision; readonly compactRevision: Revision },
  ): void {
    invariant(this.openTxn === undefined, 'nothing is being written while the store is replaced');
    this.index = new KeyIndex();
    this.superseded = new Superseded();
    this.history = new History(this.superseded);
    this.bytes = 0;
    this.versions = 0;
    this.doomed.clear();
    let [last, ordered]: [StoredVersion | undefined, boolean] = [undefined, true];
    for (const version of versions) {
      const entry = this.insert(version);
      entry.position = NO_POSITION;
      if (version.modRevision >= state.compactRevision) {
        entry.position = this.history.append(entry);
        ordered &&= last === undefined || inOrder(last, version) < 0;
        last = version;
      }
      // A sweep may have been cut short when this was stored.
      if (entry.row !== NO_ROW || version.tombstone) this.doomed.add(version.name);
    }
    if (!ordered) this.history = this.history.sorted();
    this.currentRevision = state.revision;
    this.compactedRevision = state.compactRevision;
  }
}

function inOrder(a: Version, b: Version): number {
  return a.modRevision - b.modRevision || a.sub - b.sub;
}
