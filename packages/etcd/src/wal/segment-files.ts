/** Names and creation of segment files. A segment appears under its name only when its header is durable. */
import type { Disk, DiskFile } from './disk.ts';
import type { ReservedFile } from './reserve.ts';

const SUFFIX = '.wal';
const TEMPORARY = '.tmp';
/** A segment made ahead. There is one at most. */
export const RESERVE_NAME: string = `reserve${TEMPORARY}`;

/** A closed or current segment. */
export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  /** The last entry index before this segment. */
  readonly prevIndex: number;
}

export function segmentPath(dir: string, number: number): string {
  return `${dir}/${number.toString(16).padStart(16, '0')}${SUFFIX}`;
}

/** Segment files of a directory, oldest first; half-made ones of a crash are removed. */
export async function listSegments(disk: Disk, dir: string): Promise<string[]> {
  const names = await disk.list(dir);
  for (const name of names) {
    if (name.endsWith(TEMPORARY)) await disk.remove(`${dir}/${name}`);
  }
  return names.filter((name) => /^[0-9a-f]{16}\.wal$/.test(name)).map((name) => `${dir}/${name}`);
}

/**
 * Writes a new segment with its first batch.
 * @param reserved the file to do it in; absent: a new one
 * @returns the open file, durable under its final name
 */
export async function createSegment(
  disk: Disk,
  at: { readonly dir: string; readonly number: number },
  firstBatch: Uint8Array,
  reserved?: ReservedFile,
): Promise<DiskFile> {
  const path = segmentPath(at.dir, at.number);
  const temporary = reserved?.path ?? path + TEMPORARY;
  const file = reserved?.file ?? (await disk.open(temporary, { create: true }));
  await file.write(firstBatch, 0);
  await file.sync();
  await disk.rename(temporary, path);
  await disk.syncDir(at.dir);
  return file;
}
