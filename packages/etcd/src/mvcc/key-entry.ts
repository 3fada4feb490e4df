/** A key as the index and the history share it. */

import type { StoredVersion } from './stored-version.ts';
import { NO_ROW, type Row } from './superseded.ts';
import type { KeyName } from './types.ts';

/** Of a version that is not in the history. */
export const NO_POSITION = -1;

/** A key and its versions since the last compaction. */
export class KeyEntry {
  readonly name: KeyName;
  newest: StoredVersion;
  /** The version before the newest one, which leads to those before it. */
  row: Row = NO_ROW;
  /** Where the newest one is in the history. */
  position = NO_POSITION;

  constructor(newest: StoredVersion) {
    this.name = newest.name;
    this.newest = newest;
  }

  get alive(): boolean {
    return !this.newest.tombstone;
  }
}
