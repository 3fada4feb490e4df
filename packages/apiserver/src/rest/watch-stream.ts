/**
 * A watch as an HTTP response: one JSON document a line or one protobuf frame after the other, until the client, the clock
 * or the server ends it.
 */
import { expired, type KindDef } from '@kubets/api';
import type { Clock, Random, Timer } from '@kubets/platform';
import type { WatchEnd, WatchItem, WatchSink } from '../cache/watcher.ts';
import { MAX_WATCH_BACKLOG_BYTES } from '../limits.ts';
import { onAbort } from '../on-abort.ts';
import type { AnyResponse } from '../ports.ts';
import {
  type EncodeContext,
  encodeFrame,
  type FrameKeys,
  frameKeysOf,
  frameOf,
  write,
} from './encode.ts';
import { goneSignal } from './gone.ts';
import { CONTENT_TYPES, statusOf } from './respond.ts';

export interface WatchStreamOptions {
  readonly def: KindDef;
  readonly response: AnyResponse;
  readonly encode: Omit<EncodeContext, 'nowMs'>;
  readonly timeoutSeconds: number | undefined;
  /** A watch without `timeoutSeconds` ends after this long, up to twice as much. */
  readonly minWatchMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Counts frames. */
  readonly onFrame: () => void;
}

/** What was joined last: watches that get the same events in one go share the joined bytes, too. */
let last: { readonly frames: readonly Buffer[]; readonly bytes: Buffer } | undefined;
/** Longer ones are not kept. */
const MAX_SHARED_BYTES = 1024 * 1024;

function joined(frames: readonly Buffer[]): Buffer {
  const [only] = frames;
  if (only !== undefined && frames.length === 1) return only;
  const isLast =
    last?.frames.length === frames.length && last.frames.every((frame, i) => frame === frames[i]);
  if (last !== undefined && isLast) return last.bytes;
  const bytes = Buffer.concat(frames);
  last = bytes.length <= MAX_SHARED_BYTES ? { frames, bytes } : undefined;
  return bytes;
}

/**
 * Collects what a watch delivers and writes it. Frames that come before the response has begun wait; a client that reads
 * slower than events come is cut off once its backlog is too long, and comes back from where it was.
 */
export class WatchStream implements WatchSink {
  readonly #o: WatchStreamOptions;
  readonly #keys: FrameKeys;
  #timer: Timer | undefined;
  #stop: (() => void) | undefined;
  #begun = false;
  #ended = false;
  #isFirst = true;
  readonly #forgetDrain: () => void;

  constructor(options: WatchStreamOptions) {
    this.#o = options;
    this.#keys = frameKeysOf(options.def, options.encode);
    const { response, signal } = options;
    const gone = goneSignal(response);
    if (gone.aborted) this.#ended = true;
    gone.addEventListener('abort', () => this.#finish());
    this.#forgetDrain = onAbort(signal, () => this.end('closed'));
  }

  /** Sends the headers, unless that has happened. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { response, clock, random, timeoutSeconds, minWatchMs } = this.#o;
    response.statusCode = 200;
    const { format } = this.#o.encode.representation;
    const suffix = format === 'json' ? '' : ';stream=watch';
    response.setHeader('content-type', `${CONTENT_TYPES[format]}${suffix}`);
    response.setHeader('cache-control', 'no-cache, private');
    response.flushHeaders();
    // An answer without a body is over with its head.
    if (this.#ended) return;
    const limit = timeoutSeconds
      ? Math.max(timeoutSeconds * 1_000, 1)
      : minWatchMs * (1 + random.next());
    this.#timer = clock.setTimeout(() => this.end('closed'), limit);
  }

  /** Hands over what ends the watch on the cache. */
  onStop(stop: () => void): void {
    if (this.#ended) stop();
    else this.#stop = stop;
  }

  deliver(items: readonly WatchItem[]): void {
    if (this.#ended) return;
    const { def, response, encode, clock, onFrame } = this.#o;
    const context = { ...encode, nowMs: clock.now(), keys: this.#keys };
    const frames = items.map((item) => {
      const frame = encodeFrame(def, item, context, this.#isFirst);
      this.#isFirst = false;
      onFrame();
      return frame;
    });
    const bytes = joined(frames);
    // The first delivery is the present state, however large it is.
    const allowed = this.#begun ? MAX_WATCH_BACKLOG_BYTES : MAX_WATCH_BACKLOG_BYTES + bytes.length;
    this.begin();
    response.write(bytes);
    if (response.writableLength > allowed) this.end('slow');
  }

  end(reason: WatchEnd): void {
    if (this.#ended) return;
    const { response } = this.#o;
    if (reason === 'expired') this.fail(expired('too old resource version'));
    else if (reason === 'slow') response.destroy();
    else if (this.#begun) response.end();
    this.#finish();
  }

  /** Tells an error as the last frame. */
  fail(error: unknown): void {
    this.begin();
    const { representation } = this.#o.encode;
    const status = write(statusOf(error).status, { ...representation, as: 'object' });
    const frame = frameOf('ERROR', status, representation.format);
    this.#o.response.write(frame);
    this.#o.response.end();
    this.#finish();
  }

  #finish(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#forgetDrain();
    this.#stop?.();
    this.#stop = undefined;
  }
}
