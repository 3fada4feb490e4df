import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDuplicateFields } from './json-scan.ts';

test('fields given twice are found by what they say, not by how it is written', () => {
  const cases: readonly [text: string, found: readonly string[]][] = [
    ['{"a":1,"b":{"a":1}}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"a\\"":"a\\"","a":1,"a\\"":2}', ['a"']],
    ['{"a\\\\":"\\\\","b":"\\\\\\"","a\\\\":2}', ['a\\']],
    ['{"x":[{"k":"k"},{"k":1,"k":2}]}', ['x[1].k']],
    ['{"":1,"":2}', ['']],
  ];
  for (const [text, found] of cases) {
    JSON.parse(text);
    assert.deepEqual(findDuplicateFields(text), found, text);
  }
});
