import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_JSON_DEPTH } from '../limits.ts';
import { checkDepth, checkDepthOf } from './json-depth.ts';

const nested = (depth: number): string => `${'{"a":['.repeat(depth / 2)}${']}'.repeat(depth / 2)}`;

test('what nests no deeper than the limit passes', () => {
  const text = nested(MAX_JSON_DEPTH);
  checkDepth(JSON.parse(text));
  checkDepthOf(text, JSON.parse(text));
});

test('what nests deeper is refused', () => {
  const text = nested(MAX_JSON_DEPTH + 2);
  assert.throws(() => checkDepth(JSON.parse(text)), /exceeded max depth/);
  assert.throws(() => checkDepthOf(text, JSON.parse(text)), /exceeded max depth/);
});

test('many brackets side by side, or in texts, are not deep', () => {
  const text = JSON.stringify([Array.from({ length: 2_000 }, () => ({})), '['.repeat(2_000)]);
  checkDepthOf(text, JSON.parse(text));
});
