/** The log format of CRI runtimes: `TIME STREAM TAG[:TAG] TEXT`, where tag P marks a line that goes on. Pure. */

export interface LogRecord {
  /** RFC 3339 with nanoseconds, as the runtime wrote it. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The line goes on in the next record. */
  readonly partial: boolean;
  readonly text: Buffer;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;

/** Reads one line without its newline; undefined when it is no log record. */
export function parseLogLine(line: Buffer): LogRecord | undefined {
  const first = line.indexOf(SPACE);
  const second = first < 0 ? -1 : line.indexOf(SPACE, first + 1);
  if (second < 0) return undefined;
  const third = line.indexOf(SPACE, second + 1);
  const tagEnd = third < 0 ? line.length : third;
  const stream = line.toString('latin1', first + 1, second);
  const tag = line.toString('latin1', second + 1, tagEnd);
  if ((stream !== 'stdout' && stream !== 'stderr') || !/^[FP](:|$)/.test(tag)) return undefined;
  return {
    time: line.toString('latin1', 0, first),
    stream,
    partial: tag.startsWith('P'),
    text: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  };
}

/** Cuts a growing file into lines; a line that has not ended yet waits. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Complete lines, without newlines. Overlong ones are cut. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE)) {
      lines.push(data.subarray(0, Math.min(at, this.#maxBytes)));
      data = data.subarray(at + 1);
    }
    this.#rest = data.length > this.#maxBytes ? data.subarray(0, this.#maxBytes) : data;
    return lines;
  }
}

export interface LogShape {
  readonly timestamps: boolean;
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
}

/** Turns records into what `kubectl logs` prints, until the byte limit is reached. */
export class LogFormatter {
  readonly #shape: LogShape;
  #leftBytes: number;
  #inLine = false;

  constructor(shape: LogShape) {
    this.#shape = shape;
    this.#leftBytes = shape.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  get full(): boolean {
    return this.#leftBytes <= 0;
  }

  /** The bytes to print for one record; empty when it is too old or the limit is reached. */
  format(record: LogRecord): Buffer {
    const { timestamps, sinceMs } = this.#shape;
    if (this.full) return Buffer.alloc(0);
    if (sinceMs !== undefined && Date.parse(record.time) < sinceMs) return Buffer.alloc(0);
    const parts: Buffer[] = [];
    if (timestamps && !this.#inLine) parts.push(Buffer.from(`${record.time} `, 'latin1'));
    parts.push(record.text);
    if (!record.partial) parts.push(Buffer.from('\n'));
    this.#inLine = record.partial;
    const out = Buffer.concat(parts);
    const fits = out.length <= this.#leftBytes ? out : out.subarray(0, this.#leftBytes);
    this.#leftBytes -= fits.length;
    return fits;
  }
}
