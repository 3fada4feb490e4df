import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocatorOf } from './allocator.ts';

test('apiservers keep more memory before they give any back than other parts do', () => {
  const trim = (part: string): number => Number(allocatorOf(part).MALLOC_TRIM_THRESHOLD_);
  assert.equal(trim('apiserver-2'), trim('apiserver'));
  assert.ok(trim('apiserver-2') > trim('etcd-1'));
  assert.equal(allocatorOf('etcd-1').MALLOC_ARENA_MAX, '1');
});
