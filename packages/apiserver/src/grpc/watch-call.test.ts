import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { builtinKind } from '@kubets/api';
import { type CacheEntry, entryOf } from '../cache/entry.ts';
import type { WatchItem } from '../cache/watcher.ts';
import { MAX_WATCH_BACKLOG_BYTES } from '../limits.ts';
import { encodeStored } from '../storage/codec.ts';
import { configMap } from '../testing/index.ts';
import type { WatchBatch } from './messages.ts';
import { GrpcWatch, type GrpcWatchOptions } from './watch-call.ts';

const def = builtinKind('v1', 'ConfigMap');

/** A call whose client reads only when let. */
class FakeCall extends EventEmitter {
  readonly batches: WatchBatch[] = [];
  readonly #unread: (() => void)[] = [];
  failure: { code: number; details: string } | undefined;

  constructor() {
    super();
    this.on('error', (error) => {
      this.failure = error;
    });
  }

  write(batch: WatchBatch, done: () => void): boolean {
    this.batches.push(batch);
    this.#unread.push(done);
    return true;
  }

  read(): void {
    for (const done of this.#unread.splice(0)) done();
  }
}

function item(name: string, size = 10): WatchItem {
  const value = encodeStored({ ...configMap(name), ...{ data: { v: 'x'.repeat(size) } } });
  const entry: CacheEntry = entryOf(def, {
    key: `/registry/configmaps/x/${name}`,
    value,
    revision: 3n,
  });
  return { type: 'ADDED', revision: 3n, entry, event: undefined };
}

let call: FakeCall;
let stop: AbortController;
let watch: GrpcWatch;
let left: boolean;

beforeEach(() => {
  call = new FakeCall();
  stop = new AbortController();
  left = false;
  watch = new GrpcWatch({
    call: call as unknown as GrpcWatchOptions['call'],
    def,
    signal: stop.signal,
    onFrame: () => undefined,
  });
});

const begin = (): void => {
  watch.onStop(() => {
    left = true;
  });
};

describe('a watch call', () => {
  it('sends what comes together as one batch', () => {
    begin();
    watch.deliver([item('a'), item('b')]);
    assert.deepEqual(
      call.batches.map((batch) => batch.events.length),
      [2],
    );
  });

  it('allows a first state of any size', () => {
    watch.deliver([item('a', MAX_WATCH_BACKLOG_BYTES), item('b', MAX_WATCH_BACKLOG_BYTES)]);
    begin();
    watch.deliver([item('c')]);
    assert.equal(call.failure, undefined);
  });

  it('cuts off a client that does not read', () => {
    begin();
    for (let i = 0; i < 3; i += 1) watch.deliver([item('a', MAX_WATCH_BACKLOG_BYTES / 2)]);
    assert.match(call.failure?.details ?? '', /too slowly/);
    assert.equal(left, true);
  });

  it('keeps a client that reads', () => {
    begin();
    for (let i = 0; i < 6; i += 1) {
      watch.deliver([item('a', MAX_WATCH_BACKLOG_BYTES / 2)]);
      call.read();
    }
    assert.equal(call.failure, undefined);
  });

  it('tells bookmarks as objects with a version only', () => {
    begin();
    watch.deliver([{ type: 'BOOKMARK', revision: 9n, entry: undefined, event: undefined }]);
    const [event] = call.batches[0]?.events ?? [];
    const object = JSON.parse(String(event?.object)) as { metadata: object };
    assert.deepEqual([event?.type, object.metadata], ['BOOKMARK', { resourceVersion: '9' }]);
  });

  const ends: readonly [string, () => void, number | undefined][] = [
    ['an expired version', () => watch.end('expired'), 11],
    ['the end of the server', () => stop.abort(), 14],
    ['the client hanging up', () => call.emit('cancelled'), undefined],
  ];
  for (const [what, end, code] of ends) {
    it(`ends by ${what}, once, and says nothing afterwards`, () => {
      begin();
      end();
      assert.deepEqual([left, call.failure?.code], [true, code]);
      watch.deliver([item('a')]);
      watch.end('closed');
      assert.equal(call.batches.length, 0);
      assert.equal(call.failure?.code, code);
    });
  }

  it('leaves the cache at once when it ended before it began', () => {
    call.emit('cancelled');
    begin();
    assert.equal(left, true);
  });
});
