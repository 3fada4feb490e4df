import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cloneJson } from './clone.ts';

test('a copy is equal and shares nothing', () => {
  const value = { a: [1, { b: null, c: 'x' }], d: {}, e: [], f: true };
  const copy = cloneJson(value);
  assert.deepEqual(copy, value);
  (copy.a[1] as { c: string }).c = 'y';
  assert.deepEqual(value.a[1], { b: null, c: 'x' });
});

test('any JSON text survives, hostile keys included', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(JSON.stringify(cloneJson(JSON.parse(text))), JSON.stringify(JSON.parse(text)));
    }),
  );
  const hostile = JSON.parse('{"__proto__":{"admin":true},"constructor":1}');
  const copy = cloneJson(hostile);
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
  assert.deepEqual(Object.keys(copy), ['__proto__', 'constructor']);
  assert.equal(copy.admin, undefined);
});

test('what is no JSON value but occurs in objects in memory is kept', () => {
  assert.deepEqual(Object.keys(cloneJson({ a: undefined })), ['a']);
  assert.equal(cloneJson(undefined), undefined);
});
