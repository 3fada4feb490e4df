/** Names and creation of segment files. A segment appears under its name only when its header is durable. */
import type { Disk, DiskFile } from './disk.ts';

const SUFFIX = '.wal';
const TEMPORARY = '.tmp';

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

/** Writes a new segment with its first batch. @returns the open file, durable under its final name */
export async function createSegment(
  disk: Disk,
  dir: string,
  number: number,
  firstBatch: Uint8Array,
): Promise<DiskFile> {
  const path = segmentPath(dir, number);
  const temporary = path + TEMPORARY;
  const file = await disk.open(temporary, { create: true });
  await file.write(firstBatch, 0);
  await file.sync();
  await disk.rename(temporary, path);
  await disk.syncDir(dir);
  return file;
}
