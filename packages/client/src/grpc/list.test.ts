import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { ManualClock } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import type { Endpoint } from './endpoints.ts';
import { readList } from './list.ts';

const PATIENCE_MS = 60_000;

class Stream extends EventEmitter {
  isCancelled = false;

  cancel(): void {
    this.isCancelled = true;
  }
  chunk(name: string, version = ''): void {
    const items = [Buffer.from(JSON.stringify({ metadata: { name } }))];
    this.emit('data', { items, resource_version: version, continue_token: '' });
  }
}

function reading() {
  const [stream, clock] = [new Stream(), new ManualClock()];
  const stub: unknown = { List: () => stream };
  const endpoint = { stub } as Pick<Endpoint, 'stub'>;
  const call = { request: {}, deadlineMs: clock.now() + PATIENCE_MS, clock };
  const list = readList<{ metadata: { name: string } }>(endpoint, new Metadata(), call);
  return { stream, clock, list };
}

describe('reading a list', () => {
  it('has no end while something comes', async () => {
    const { stream, clock, list } = reading();
    for (const name of ['a', 'b', 'c']) {
      clock.advance(PATIENCE_MS - 1);
      stream.chunk(name, name === 'a' ? '7' : '');
    }
    stream.emit('end');
    const { items, resourceVersion } = await list;
    assert.deepEqual(
      [items.map(({ metadata }) => metadata.name), resourceVersion],
      [['a', 'b', 'c'], '7'],
    );
    assert.equal(clock.pendingTimers, 0);
  });

  it('is given up when nothing comes', async () => {
    const { stream, clock, list } = reading();
    stream.chunk('a');
    clock.advance(PATIENCE_MS);
    await assert.rejects(list, (error) => error instanceof TransportError && !error.ambiguous);
    assert.equal(stream.isCancelled, true);
    stream.emit('error', { code: 1, message: 'cancelled', details: 'cancelled' });
    assert.equal(clock.pendingTimers, 0);
  });
});
