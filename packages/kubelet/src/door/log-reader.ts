/** Reads a container's log file, and goes on reading while the container writes. */
import { watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, errorCode } from '@kubets/platform';
import { LineSplitter, LogFormatter, parseLogLine } from '../core/cri-log.ts';
import { DoorError } from '../errors.ts';
import { LOG_FOLLOW_CHECK_MS, LOG_LINE_MAX_BYTES, LOG_READ_BYTES } from '../limits.ts';
import type { LogOptions } from './log-options.ts';

export interface LogRequest {
  readonly path: string;
  readonly options: LogOptions;
  readonly clock: Clock;
  /** Whether the container may still write. */
  readonly running: () => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Takes output; resolves when more is welcome. */
  readonly write: (data: Buffer) => Promise<void>;
}

const NEWLINE = 0x0a;

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new DoorError(404, 'the log file is gone');
    throw error;
  }
}

/** Where the last `lines` lines begin. Reads backwards, so the size of the file does not matter. */
export async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  if (lines === 0) return size;
  const buffer = Buffer.alloc(LOG_READ_BYTES);
  let seen = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - LOG_READ_BYTES);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline that ends the file ends the last line; it does not begin one.
      if (buffer[at] !== NEWLINE || start + at === size - 1) continue;
      seen += 1;
      if (seen === lines) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Wakes up when something changes in the log's folder, or after a while. */
class Changes {
  readonly #watcher;
  readonly #clock: Clock;
  #wake: (() => void) | undefined;
  #changed = false;

  constructor(path: string, clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#watcher = watch(dirname(path), () => {
      this.#changed = true;
      this.#wake?.();
    });
    this.#watcher.on('error', () => undefined); // The folder went: the periodic check sees it.
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  async next(): Promise<void> {
    if (!this.#changed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = this.#clock.setTimeout(resolve, LOG_FOLLOW_CHECK_MS);
      await promise;
      timer.cancel();
    }
    this.#wake = undefined;
    this.#changed = false;
  }

  close(): void {
    this.#watcher.close();
  }
}

class LogStream {
  readonly #request: LogRequest;
  readonly #formatter: LogFormatter;
  #file: FileHandle;
  #splitter = new LineSplitter(LOG_LINE_MAX_BYTES);
  #offset: number;

  constructor(request: LogRequest, file: FileHandle, offset: number) {
    this.#request = request;
    this.#file = file;
    this.#offset = offset;
    this.#formatter = new LogFormatter(request.options);
  }

  /** Sends everything up to the present end of the file. @returns false: the byte limit is reached */
  async drain(): Promise<boolean> {
    const buffer = Buffer.alloc(LOG_READ_BYTES);
    for (;;) {
      if (this.#request.signal.aborted) return false;
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#offset);
      if (bytesRead === 0) return true;
      this.#offset += bytesRead;
      const lines = this.#splitter.push(Buffer.from(buffer.subarray(0, bytesRead)));
      const parts: Buffer[] = [];
      for (const line of lines) {
        const record = parseLogLine(line);
        if (record !== undefined) parts.push(this.#formatter.format(record));
      }
      const out = Buffer.concat(parts);
      if (out.length > 0) await this.#request.write(out);
      if (this.#formatter.full) return false;
    }
  }

  /** After a rotation the path leads to a new file: read that from its start. */
  async followRotation(): Promise<void> {
    const fresh = await open(this.#request.path, 'r').catch(() => undefined);
    if (fresh === undefined) return;
    const [now, before] = await Promise.all([fresh.stat(), this.#file.stat()]);
    if (now.ino === before.ino && now.size >= this.#offset) {
      await fresh.close();
      return;
    }
    await this.drain();
    await this.#file.close();
    this.#file = fresh;
    this.#offset = 0;
    this.#splitter = new LineSplitter(LOG_LINE_MAX_BYTES);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Sends a log; with `follow`, until the container has ended or the client has gone. */
export async function sendLog(request: LogRequest): Promise<void> {
  const { options, path, signal, running, clock } = request;
  const file = await openLog(path);
  const from = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
  const stream = new LogStream(request, file, from);
  const changes = options.follow ? new Changes(path, clock, signal) : undefined;
  try {
    let more = await stream.drain();
    while (more && changes !== undefined && !signal.aborted) {
      const alive = await running();
      // What was written before it ended is there by now.
      more = await stream.drain();
      if (!alive || !more) return;
      await changes.next();
      await stream.followRotation();
      more = await stream.drain();
    }
  } finally {
    changes?.close();
    await stream.close();
  }
}
