import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateName, randomSuffix, safeEncode } from './names.ts';

test('a suffix has five characters of the alphabet without vowels', () => {
  let n = 0;
  const next = () => {
    n = (n + 0.37) % 1;
    return n;
  };
  for (let i = 0; i < 50; i += 1)
    assert.match(randomSuffix(next), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test('the same numbers give the same name', () => {
  assert.equal(
    generateName('web-', () => 0),
    'web-bbbbb',
  );
  assert.equal(
    generateName('web-', () => 0.999),
    'web-99999',
  );
});

test('long prefixes are cut, the whole stays a label', () => {
  const name = generateName('x'.repeat(80), () => 0);
  assert.equal(name.length, 63);
  assert.ok(name.endsWith('bbbbb'));
});

test('digits are written in the same alphabet', () => {
  assert.match(safeEncode('1234567890'), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  assert.equal(safeEncode('0'), safeEncode('0'));
});
