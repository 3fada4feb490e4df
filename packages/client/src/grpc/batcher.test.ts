import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportError } from '../errors.ts';
import { BATCH_WAITING } from '../limits.ts';
import { Batcher } from './batcher.ts';
import type { Caller } from './caller.ts';

test('what waits for its turn has a limit, and what is beyond it is refused at once', async () => {
  const silent = { createMany: () => new Promise(() => undefined) } as unknown as Caller;
  const batcher = new Batcher(silent);
  const item = { ref: undefined, object: Buffer.alloc(1) } as never;
  for (let i = 0; i < BATCH_WAITING; i += 1) void batcher.add(item);
  await assert.rejects(batcher.add(item), (error) => {
    return error instanceof TransportError && !error.ambiguous;
  });
});
