import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fieldPath } from './field-path.ts';
import type { Schema } from './structural.ts';

const TEXT: Schema = { type: 'string' };
const SCHEMA: Schema = {
  type: 'object',
  properties: {
    a: { type: 'object', properties: { 'b.c': TEXT, "q'": TEXT } },
    m: { type: 'object', additionalProperties: TEXT },
    s: TEXT,
  },
};

it('a path leads through properties and maps, or says why not', () => {
  const rows: [string, string][] = [
    ['.s', 's'],
    ["['s']", 's'],
    [".a['b.c']", 'a.b.c'],
    [".a['q\\'']", "a.q'"],
    ['.m.k', 'm[k]'],
    [".m['x.y']", 'm[x.y]'],
    ['', ''],
  ];
  for (const [text, wanted] of rows) {
    const found = fieldPath(text, SCHEMA);
    assert.equal(typeof found === 'string' ? found : found.path, wanted, text);
  }
  const wrong: [string, string][] = [
    ['.z', 'does not refer to a valid field'],
    ['.s.x', 'does not refer to a valid field'],
    ['.', 'unexpected end of JSON path'],
    ['.a[', 'unexpected end of JSON path'],
    ['.a[0]', 'expected single quoted string but got 0'],
    [".a['b.c'", 'unexpected end of JSON path'],
    [".m['\\q']", 'invalid string literal: invalid escape char \\q'],
    ['s', 'expected [ or . but got: s'],
  ];
  for (const [text, why] of wrong) assert.equal(fieldPath(text, SCHEMA), why, text);
  assert.equal(fieldPath("['s']", SCHEMA, false), 'array notation is not allowed');
});
