import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { builtinKind } from '@kubets/api';
import { ManualClock, seededRandom } from '@kubets/platform';
import { type CacheEntry, entryOf } from '../cache/entry.ts';
import type { CacheEvent } from '../cache/ring.ts';
import type { WatchItem } from '../cache/watcher.ts';
import { MAX_WATCH_BACKLOG_BYTES } from '../limits.ts';
import type { AnyResponse } from '../ports.ts';
import { encodeStored } from '../storage/codec.ts';
import { configMap } from '../testing/index.ts';
import { WatchStream } from './watch-stream.ts';

const def = builtinKind('v1', 'ConfigMap');

/** A client that reads only when let. */
class SlowResponse extends Writable {
  readonly headers = new Map<string, string>();
  statusCode = 0;
  headersSent = false;
  text = '';
  #waiting: (() => void) | undefined;
  reading = true;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    if (this.reading) done();
    else this.#waiting = done;
  }

  setHeader(name: string, value: string): void {
    this.headers.set(name, value);
  }

  flushHeaders(): void {
    this.headersSent = true;
  }

  resume(): void {
    this.reading = true;
    this.#waiting?.();
  }
}

function entry(name: string, size = 10): CacheEntry {
  const value = encodeStored({ ...configMap(name), ...{ data: { v: 'x'.repeat(size) } } });
  return entryOf(def, { key: `/registry/configmaps/default/${name}`, value, revision: 5n });
}

const item = (of: CacheEntry, event?: CacheEvent): WatchItem => ({
  type: 'MODIFIED',
  revision: 5n,
  entry: of,
  event,
});

let response: SlowResponse;
let clock: ManualClock;
let stop: AbortController;
let ended: boolean;
let stream: WatchStream;

beforeEach(() => {
  response = new SlowResponse();
  clock = new ManualClock();
  stop = new AbortController();
  ended = false;
  stream = streamOf(30);
});

function streamOf(timeoutSeconds: number | undefined): WatchStream {
  const made = new WatchStream({
    def,
    response: response as unknown as AnyResponse,
    encode: {
      representation: { as: 'object', metaVersion: 'v1', format: 'json', pretty: false },
      includeObject: '',
    },
    timeoutSeconds,
    minWatchMs: 600_000,
    clock,
    random: seededRandom(1),
    signal: stop.signal,
    onFrame: () => undefined,
  });
  made.onStop(() => {
    ended = true;
  });
  return made;
}

afterEach(() => response.destroy());

describe('a watch stream', () => {
  it('begins with headers, also when nothing happens', () => {
    stream.begin();
    assert.deepEqual([response.statusCode, response.headersSent], [200, true]);
    assert.equal(response.headers.get('content-type'), 'application/json');
  });

  it('leaves no timer when its answer is over with the head, as the one to HEAD is', () => {
    response.flushHeaders = () => {
      response.emit('close');
    };
    stream.begin();
    assert.deepEqual([ended, clock.pendingTimers], [true, 0]);
  });

  it('ends when its time is over', () => {
    stream.begin();
    clock.advance(29_999);
    assert.equal(ended, false);
    clock.advance(1);
    assert.deepEqual([ended, response.writableEnded], [true, true]);
  });

  it('ends within once and twice the least time when the client names none', () => {
    streamOf(undefined).begin();
    clock.advance(600_000);
    assert.equal(ended, false);
    clock.advance(600_000);
    assert.equal(ended, true);
  });

  it('cuts off a client that leaves too much unread, and nobody before', () => {
    response.reading = false;
    stream.begin();
    const half = entry('a', MAX_WATCH_BACKLOG_BYTES / 2);
    stream.deliver([item(half)]);
    assert.equal(response.destroyed, false);
    stream.deliver([item(half)]);
    stream.deliver([item(half)]);
    assert.deepEqual([response.destroyed, ended], [true, true]);
  });

  it('allows a first state of any size', () => {
    response.reading = false;
    const large = entry('a', MAX_WATCH_BACKLOG_BYTES);
    stream.deliver([item(large), item(large)]);
    assert.equal(response.destroyed, false);
  });

  it('encodes an event once for all who watch it the same way', () => {
    const of = entry('a');
    const event: CacheEvent = {
      type: 'MODIFIED',
      revision: 5n,
      entry: of,
      old: of,
      gone: undefined,
      encodings: undefined,
    };
    stream.deliver([item(of, event)]);
    const [first] = event.encodings?.values() ?? [];
    stream.deliver([item(of, event)]);
    assert.equal(event.encodings?.size, 1);
    assert.equal([...(event.encodings?.values() ?? [])][0], first);
    assert.equal(response.text.split('\n').length, 3);
  });

  it('tells that its version is gone, then ends', () => {
    stream.end('expired');
    const frame = JSON.parse(response.text) as { type: string; object: { code: number } };
    assert.deepEqual([frame.type, frame.object.code], ['ERROR', 410]);
    assert.equal(response.writableEnded, true);
  });

  it('ends with the server and writes nothing afterwards', () => {
    stream.begin();
    stop.abort();
    assert.deepEqual([ended, response.writableEnded], [true, true]);
    stream.deliver([item(entry('a'))]);
    assert.equal(response.text, '');
  });
});
