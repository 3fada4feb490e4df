import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentValues } from './recent-values.ts';

const value = (key: string, revision: bigint, bytes = 700) => ({
  ...{ key, revision },
  value: Buffer.alloc(bytes),
});

test('the newest value of a key is remembered until it is forgotten', () => {
  const recent = new RecentValues(10_000);
  recent.put(value('a', 1n));
  recent.put(value('a', 2n));
  assert.equal(recent.get('a')?.revision, 2n);
  recent.forget('a');
  assert.equal(recent.get('a'), undefined);
  recent.forget('a');
});

test('what is kept is bounded by its bytes: what was written longest ago goes first', () => {
  const recent = new RecentValues(10_000);
  for (let i = 0; i < 50; i += 1) {
    recent.put(value(`key-${i}`, BigInt(i + 1)));
    recent.put(value('often', BigInt(i + 1)));
  }
  assert.equal(recent.get('key-0'), undefined);
  assert.equal(recent.get('often')?.revision, 50n);
  const kept = Array.from({ length: 50 }, (_, i) => recent.get(`key-${i}`)).filter(Boolean);
  assert.ok(kept.length > 0 && kept.length < 10, `${kept.length} kept`);
  recent.put(value('too large', 60n, 20_000));
  assert.equal(recent.get('too large'), undefined);
});
