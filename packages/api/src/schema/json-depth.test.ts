import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_JSON_DEPTH } from '../limits.ts';
import { parseJson } from './decode.ts';
import { isTooDeep } from './json-depth.ts';

const nested = (depth: number): string => `${'{"a":['.repeat(depth / 2)}${']}'.repeat(depth / 2)}`;

test('what nests no deeper than the limit passes', () => {
  assert.equal(isTooDeep(nested(MAX_JSON_DEPTH)), false);
  parseJson(nested(MAX_JSON_DEPTH));
});

test('what nests deeper is refused, without being parsed', () => {
  const why = /^couldn't get version\/kind; json parse error: exceeded max depth$/;
  const refusal = ({ message }: Error): boolean => why.test(message);
  assert.throws(() => parseJson(nested(MAX_JSON_DEPTH + 2)), refusal);
  assert.throws(() => parseJson('['.repeat(MAX_JSON_DEPTH + 1)), refusal);
});

test('many brackets side by side, or in texts, are not deep', () => {
  const texts = ['['.repeat(2_000), `"${'{'.repeat(2_000)}`, `\\"${'['.repeat(2_000)}`];
  const text = JSON.stringify([Array.from({ length: 2_000 }, () => ({})), ...texts]);
  assert.equal(isTooDeep(text), false);
  parseJson(text);
});
