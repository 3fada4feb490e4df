/** Writing: the changes that share one revision. */

import { StoredVersion } from './stored-version.ts';
import {
  type Change,
  type Interval,
  type KeyName,
  keyName,
  type Revision,
  type Version,
} from './types.ts';

export interface ScanOptions {
  /** The state as of this revision; 0: the newest. */
  readonly revision: Revision;
  /** The most versions to return; 0: all. */
  readonly limit: number;
  readonly countOnly: boolean;
}

export interface ScanResult {
  readonly versions: Version[];
  /** Keys in the interval, whatever the limit. */
  readonly count: number;
}

/** What writing needs to see: the newest state, its own writes included. */
export interface NewestState {
  latest(name: KeyName): StoredVersion | undefined;
  scan(interval: Interval, options: ScanOptions): ScanResult;
}

const EMPTY = Buffer.alloc(0);

type Add = (version: StoredVersion) => void;

/** Writes that share one revision. */
export class WriteTxn {
  /** What these writes get. */
  readonly revision: Revision;
  readonly changes: Change[] = [];
  private readonly store: NewestState;
  private readonly add: Add;

  constructor(store: NewestState, revision: Revision, add: Add) {
    this.store = store;
    this.revision = revision;
    this.add = add;
  }

  /** Writes a key; key and value are copied. @returns what was there before */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): Version | undefined {
    const previous = this.store.latest(keyName(key));
    const fields = {
      name: previous?.name ?? keyName(key),
      createRevision: previous?.createRevision ?? this.revision,
      modRevision: this.revision,
      sub: this.changes.length,
      version: (previous?.version ?? 0) + 1,
      lease,
    };
    this.push(new StoredVersion(fields, value), previous);
    return previous;
  }

  /** Deletes the living keys of the interval. @returns what they were */
  deleteRange(interval: Interval): Version[] {
    const { versions } = this.store.scan(interval, { revision: 0, limit: 0, countOnly: false });
    for (const previous of versions) {
      const fields = {
        name: previous.name,
        createRevision: 0,
        modRevision: this.revision,
        sub: this.changes.length,
        version: 0,
        lease: 0n,
      };
      this.push(new StoredVersion(fields, EMPTY), previous);
    }
    return versions;
  }

  private push(version: StoredVersion, previous: Version | undefined): void {
    this.add(version);
    this.changes.push({ version, previous });
  }
}
