/** Writing answers: headers, errors, compression, back pressure. */
import { once } from 'node:events';
import { Transform, type Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { ApiError, internal, type Status } from '@kubets/api';
import { GZIP_THRESHOLD_BYTES, WARNING_RUNES } from '../limits.ts';
import type { AnyResponse } from '../ports.ts';
import { write } from './encode.ts';
import { goneSignal } from './gone.ts';
import type { Representation } from './negotiate.ts';

/** How much of a list is gathered before it is written: each write waits for the one before it. */
const WRITE_CHUNK_BYTES = 256 * 1024;

export const CONTENT_TYPES = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
} as const;

export interface ReplyOptions {
  readonly status: number;
  readonly representation: Representation;
  readonly warnings: readonly string[];
  /** Whether the client takes gzip. */
  readonly gzip: boolean;
  /** A HEAD request: headers only. */
  readonly headOnly?: boolean;
}

/**
 * Warnings as far as there is room for them: when the whole is too long, each is cut, and those that then do not begin within
 * the limit are left out.
 */
function fitting(warnings: readonly string[]): string[] {
  const kept: string[][] = [];
  let [total, isCutting] = [0, false];
  const sum = (): number => kept.reduce((length, runes) => length + runes.length, 0);
  for (const text of new Set(warnings)) {
    if (isCutting && total >= WARNING_RUNES.total) break;
    const runes = [...text];
    kept.push(isCutting ? runes.slice(0, WARNING_RUNES.each) : runes);
    total += kept.at(-1)?.length ?? 0;
    if (isCutting || total <= WARNING_RUNES.total) continue;
    isCutting = true;
    for (const [at, one] of kept.entries()) kept[at] = one.slice(0, WARNING_RUNES.each);
    total = sum();
  }
  return kept.map((runes) => runes.join(''));
}

function warningHeader(texts: readonly string[]): string[] {
  return fitting(texts).map((text) => {
    const plain = text.replaceAll(/\p{Cc}/gu, ' ');
    const quoted = plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
    // Headers are bytes: the text goes out as UTF-8, which is what clients of this API read.
    return `299 - "${Buffer.from(quoted).toString('latin1')}"`;
  });
}

function head(response: AnyResponse, o: ReplyOptions, extra: Record<string, string>): void {
  if (o.warnings.length > 0) response.setHeader('warning', warningHeader(o.warnings));
  for (const [name, value] of Object.entries(extra)) response.setHeader(name, value);
  response.setHeader('cache-control', 'no-cache, private');
  response.setHeader('content-type', CONTENT_TYPES[o.representation.format]);
  response.statusCode = o.status;
}

/** What is known of the size of an answer: over HTTP/1.1 only what its head says. */
export function bytesOf(response: AnyResponse): number | undefined {
  if ('sentBytes' in response) return response.sentBytes;
  const length = response.getHeader('content-length');
  return length === undefined ? undefined : Number(length);
}

/** Answers with bytes that are there already. */
export async function sendBytes(
  response: AnyResponse,
  bytes: Buffer,
  o: ReplyOptions,
): Promise<void> {
  if (o.gzip && bytes.length > GZIP_THRESHOLD_BYTES) return sendPieces(response, [bytes], o);
  head(response, o, { 'content-length': String(bytes.length) });
  finish(response, bytes, o);
}

function finish(response: AnyResponse, bytes: Buffer, o: ReplyOptions): void {
  if (o.headOnly) response.end();
  else response.end(bytes);
}

/** Answers with pieces, written as fast as the client reads. */
export async function sendPieces(
  response: AnyResponse,
  pieces: Iterable<Buffer>,
  o: ReplyOptions,
): Promise<void> {
  const gathered = gather(pieces);
  const first = gathered.next();
  const second = gathered.next();
  if (first.done === true || second.done === true) {
    const only = first.done === true ? Buffer.alloc(0) : first.value;
    if (!(o.gzip && only.length > GZIP_THRESHOLD_BYTES)) {
      head(response, o, { 'content-length': String(only.length) });
      finish(response, only, o);
      return;
    }
  }
  head(response, o, o.gzip ? { 'content-encoding': 'gzip' } : {});
  if (o.headOnly) {
    response.end();
    return;
  }
  const gone = goneSignal(response);
  const sink = o.gzip ? createGzip({ level: 1 }) : response;
  if (sink instanceof Transform) sink.pipe(sinkOf(response));
  for (const each of [first, second]) if (each.done !== true) await put(sink, each.value, gone);
  for (const piece of gathered) {
    if (gone.aborted) break;
    await put(sink, piece, gone);
  }
  if (!(sink instanceof Transform)) response.end();
  else if (gone.aborted) sink.destroy();
  else sink.end();
}

/** Writes a piece and waits for room; returns at once when the client is gone. */
async function put(sink: AnyResponse | Transform, piece: Buffer, gone: AbortSignal): Promise<void> {
  if (gone.aborted || sink.write(piece)) return;
  try {
    await once(sink, 'drain', { signal: gone });
  } catch {
    // The client went away; the rest is not wanted.
  }
}

/** A response for whatever is piped into it. */
export function sinkOf(response: AnyResponse): Writable {
  return 'toWritable' in response ? response.toWritable() : response;
}

/** Joins small pieces into writes of a useful size. */
function* gather(pieces: Iterable<Buffer>): Generator<Buffer, void> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    if (size < WRITE_CHUNK_BYTES) continue;
    yield Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting, size);
}

/** The Status of anything that was thrown. */
export function statusOf(error: unknown): { status: Status; code: number; expected: boolean } {
  if (error instanceof ApiError) {
    return { status: error.status, code: error.code, expected: error.code < 500 };
  }
  const { status } = internal(error instanceof Error ? error.message : String(error));
  return { status, code: 500, expected: false };
}

/** Answers with a Status. */
export async function sendError(
  response: AnyResponse,
  error: unknown,
  o: Omit<ReplyOptions, 'status' | 'gzip'>,
): Promise<void> {
  const { status, code } = statusOf(error);
  const retry = status.details?.retryAfterSeconds;
  if (retry) response.setHeader('retry-after', String(retry));
  const representation = { ...o.representation, as: 'object' } as const;
  const bytes = write(status, representation);
  await sendBytes(response, bytes, { ...o, representation, status: code, gzip: false });
}
