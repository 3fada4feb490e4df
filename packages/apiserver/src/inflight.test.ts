import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTooManyRequests } from '@kubets/api';
import { Inflight } from './inflight.ts';

describe('requests under way', () => {
  it('are bounded; a place is free again when one ends, well or not', async () => {
    const inflight = new Inflight(2);
    const first = Promise.withResolvers<string>();
    const second = Promise.withResolvers<string>();
    const running = [inflight.run(() => first.promise), inflight.run(() => second.promise)];
    await assert.rejects(
      inflight.run(() => Promise.resolve('third')),
      isTooManyRequests,
    );
    first.resolve('done');
    assert.equal(await running[0], 'done');
    assert.equal(await inflight.run(() => Promise.resolve('third')), 'third');
    second.reject(new Error('broken'));
    await assert.rejects(running[1] ?? assert.fail(), /broken/);
    assert.equal(inflight.running, 0);
  });
});
