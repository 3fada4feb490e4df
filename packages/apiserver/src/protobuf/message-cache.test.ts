import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CacheEntry } from '../cache/entry.ts';
import { MessageCache } from './message-cache.ts';

const entry = (name: string) => ({ name }) as CacheEntry;

it('messages are made once, and the oldest make room', () => {
  const cache = new MessageCache(25);
  let made = 0;
  const get = (of: CacheEntry): Buffer =>
    cache.get(of, () => {
      made += 1;
      return Buffer.alloc(10);
    });
  const [a, b, c] = [entry('a'), entry('b'), entry('c')];
  assert.equal(get(a), get(a));
  get(b);
  assert.equal(made, 2);
  get(c);
  assert.equal(cache.bytes, 20);
  get(a);
  assert.equal(made, 4);
});

it('one that is larger than the whole room is handed out and not kept', () => {
  const cache = new MessageCache(5);
  assert.equal(cache.get(entry('a'), () => Buffer.alloc(10)).length, 10);
  assert.equal(cache.bytes, 0);
});
