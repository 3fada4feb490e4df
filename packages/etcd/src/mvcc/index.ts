/** The multi-version store: pure, synchronous, in memory. */

export { holds } from './compare.ts';
export { hashVersions } from './hash.ts';
export { isKnownSort, type RangeAnswer, runRange, toRevision } from './range.ts';
export { type Journal, MvccStore } from './store.ts';
export { Blocks, Place, type Shelf, type ShelfSegment, StoredVersion } from './stored-version.ts';
export * from './types.ts';
export type { VersionsView } from './versions-view.ts';
export type { WriteTxn } from './write-txn.ts';
