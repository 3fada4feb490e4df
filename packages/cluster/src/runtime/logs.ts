import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';

const TAIL_BYTES = 16 * 1024;

/** The end of a file; empty when there is none. */
export function tailOf(file: string, bytes: number = TAIL_BYTES): string {
  if (!existsSync(file)) return '';
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const count = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, count);
  } finally {
    closeSync(fd);
  }
}

/**
 * Keeps one old generation. The writer holds the file open for appending, so it is copied and emptied, not renamed; lines
 * written between the two steps are lost, which a log of this size can bear.
 */
export function capLog(file: string, maxBytes: number): void {
  if (statSync(file).size <= maxBytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
}
