/** Just enough of the ustar format to build an image layer: plain files and directories, owned by root, dated 1970. */

const BLOCK = 512;

interface Header {
  readonly path: string;
  readonly type: '0' | '5';
  readonly mode: number;
  readonly size: number;
}

const octal = (value: number, digits: number): string =>
  `${value.toString(8).padStart(digits, '0')}\0`;

function headerBlock({ path, type, mode, size }: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0, 100, 'utf8');
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1'); // user
  block.write(octal(0, 7), 116, 'latin1'); // group
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(0, 11), 136, 'latin1'); // time
  block.write('        ', 148, 'latin1'); // the checksum counts itself as blanks
  block.write(type, 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A file entry, padded to whole blocks. */
export function tarFile(path: string, data: Buffer, mode: number): Buffer {
  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([headerBlock({ path, type: '0', mode, size: data.length }), data, padding]);
}

export function tarDirectory(path: string): Buffer {
  return headerBlock({ path, type: '5', mode: 0o755, size: 0 });
}

/** Entries and the two empty blocks that end an archive. */
export function tarArchive(entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}
