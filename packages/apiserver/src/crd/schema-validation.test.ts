import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasFormat } from './formats.ts';
import { embeddedErrors, repeatedItems } from './invariants.ts';
import { validateValue } from './schema-validation.ts';
import type { Schema } from './structural.ts';

const text = (value: unknown, schema: Schema, old?: unknown): string =>
  validateValue(value, schema, 'f', old === undefined ? undefined : { value: old })
    .map(String)
    .join('; ');

describe('a value against its schema', () => {
  const rows: [unknown, Schema, string][] = [
    [1, { type: 'integer' }, ''],
    [1, { type: 'number' }, ''],
    [
      1.5,
      { type: 'integer' },
      'f: Invalid value: "number": f in body must be of type integer: "number"',
    ],
    [
      'x',
      { type: 'integer' },
      'f: Invalid value: "string": f in body must be of type integer: "string"',
    ],
    [
      null,
      { type: 'string' },
      'f: Invalid value: "null": f in body must be of type string: "null"',
    ],
    [null, { type: 'string', nullable: true }, ''],
    [
      [],
      { type: 'object' },
      'f: Invalid value: "array": f in body must be of type object: "array"',
    ],
    [1, { 'x-kubernetes-int-or-string': true }, ''],
    ['1', { 'x-kubernetes-int-or-string': true }, ''],
    [
      true,
      { 'x-kubernetes-int-or-string': true },
      'f: Invalid value: "boolean": f in body must be of type integer,string: "boolean"',
    ],
    [
      0,
      { type: 'integer', minimum: 1 },
      'f: Invalid value: 0: f in body should be greater than or equal to 1',
    ],
    [
      1,
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      'f: Invalid value: 1: f in body should be greater than 1',
    ],
    [
      3,
      { type: 'integer', maximum: 2 },
      'f: Invalid value: 3: f in body should be less than or equal to 2',
    ],
    [
      2,
      { type: 'number', maximum: 2, exclusiveMaximum: true },
      'f: Invalid value: 2: f in body should be less than 2',
    ],
    [
      2_000_001,
      { type: 'integer', maximum: 2_000_000 },
      'f: Invalid value: 2000001: f in body should be less than or equal to 2000000',
    ],
    [
      3,
      { type: 'integer', multipleOf: 2 },
      'f: Invalid value: 3: f in body should be a multiple of 2',
    ],
    [0.3, { type: 'number', multipleOf: 0.1 }, ''],
    [
      'a',
      { type: 'string', minLength: 2 },
      'f: Invalid value: "a": f in body should be at least 2 chars long',
    ],
    ['abc', { type: 'string', maxLength: 2 }, 'f: Too long: may not be more than 2 bytes'],
    ['ab', { type: 'string', maxLength: 1 }, 'f: Too long: may not be more than 1 byte'],
    ['é', { type: 'string', maxLength: 1 }, ''],
    [
      'b',
      { type: 'string', pattern: '^a' },
      'f: Invalid value: "b": f in body should match \'^a\'',
    ],
    [
      'z',
      { type: 'string', enum: ['p', 'q'] },
      'f: Unsupported value: "z": supported values: "p", "q"',
    ],
    [3, { type: 'integer', enum: [1, 2] }, 'f: Unsupported value: 3: supported values: "1", "2"'],
    [
      'x',
      { type: 'string', format: 'date-time' },
      'f: Invalid value: "x": f in body must be of type date-time: "x"',
    ],
    ['x', { type: 'string', format: 'unheard-of' }, ''],
    [
      [],
      { type: 'array', minItems: 1, items: {} },
      'f: Invalid value: 0: f in body should have at least 1 items',
    ],
    [[1, 2], { type: 'array', maxItems: 1, items: {} }, 'f: Too many: 2: must have at most 1 item'],
    [
      ['a', 1],
      { type: 'array', items: { type: 'string' } },
      'f[1]: Invalid value: "integer": f[1] in body must be of type string: "integer"',
    ],
    [{}, { type: 'object', required: ['a'] }, 'f.a: Required value'],
    [
      {},
      { type: 'object', minProperties: 1 },
      'f: Invalid value: 0: f in body should have at least 1 properties',
    ],
    [
      { a: 1, b: 2 },
      { type: 'object', maxProperties: 1 },
      'f: Too many: 2: must have at most 1 item',
    ],
    [
      { k: 'x' },
      { type: 'object', additionalProperties: { type: 'integer' } },
      'f.k: Invalid value: "string": f.k in body must be of type integer: "string"',
    ],
    [1, { anyOf: [{ type: 'integer', minimum: 0 }, { minimum: 9 }] }, ''],
    [
      {},
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found none valid; f.a: Required value',
    ],
    [
      { a: 1, b: 1 },
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      1,
      { not: { minimum: 1 } },
      '<nil>: Invalid value: "": "f" must not validate the schema (not)',
    ],
    [
      1,
      { allOf: [{ minimum: 2 }] },
      'f: Invalid value: 1: f in body should be greater than or equal to 2; <nil>: Invalid value: "": "f" must validate all the schemas (allOf). None validated',
    ],
  ];
  for (const [value, schema, wanted] of rows) {
    it(`${JSON.stringify(value)} ${JSON.stringify(schema)}`, () => {
      assert.equal(text(value, schema), wanted);
    });
  }
});

describe('what has not changed', () => {
  const ORDERED = [{ k: 1 }, { k: 2, v: 'xx' }, { k: 3 }];
  const schema: Schema = {
    type: 'object',
    required: ['r'],
    properties: {
      a: { type: 'string', maxLength: 1 },
      b: { type: 'string', maxLength: 1 },
      list: { type: 'array', items: { type: 'string', maxLength: 1 } },
      keyed: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        maxItems: 2,
        items: { type: 'object', properties: { v: { type: 'string', maxLength: 1 } } },
      },
      whole: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: { v: { type: 'string', maxLength: 1 }, w: { type: 'string' } },
      },
    },
  };
  const rows: [string, object, object, number][] = [
    ['is not complained about', { a: 'xx', r: 1, b: 'x' }, { a: 'xx', r: 1 }, 0],
    ['but what has is', { a: 'yy', r: 1 }, { a: 'xx', r: 1 }, 1],
    ['nothing at all', { a: 'xx' }, { a: 'xx' }, 0],
    ['an object around a change is checked', { a: 'x' }, { a: 'y' }, 1],
    ['items without keys are all checked', { r: 1, list: ['xx', 'y'] }, { r: 1, list: ['xx'] }, 1],
    [
      'items with keys are found again',
      { r: 1, keyed: [{ k: 1 }, { k: 2, v: 'xx' }] },
      { r: 1, keyed: [{ k: 2, v: 'xx' }] },
      0,
    ],
    [
      'but the order of such a list is no change, whatever is wrong with it',
      { r: 1, a: 'x', keyed: ORDERED },
      { r: 1, keyed: ORDERED.toReversed() },
      0,
    ],
    ['its length is', { r: 1, keyed: [...ORDERED, { k: 4 }] }, { r: 1, keyed: ORDERED }, 1],
    [
      'and so is another item',
      { r: 1, keyed: [{ k: 1 }, { k: 3 }, { k: 4 }] },
      { r: 1, keyed: ORDERED },
      1,
    ],
    [
      'atomic maps are one value',
      { r: 1, whole: { v: 'xx', w: '1' } },
      { r: 1, whole: { v: 'xx' } },
      1,
    ],
  ];
  for (const [what, value, old, count] of rows) {
    it(what, () => {
      assert.equal(validateValue(value, schema, '', { value: old }).length, count);
    });
  }
});

describe('formats', () => {
  const rows: [string, string[], string[]][] = [
    ['date', ['2024-02-29'], ['2023-02-29', '2024-2-9', 'x']],
    ['date-time', ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.5+01:00'], ['2024-01-01', '']],
    ['ipv4', ['1.2.3.4'], ['1.2.3', '::1']],
    ['ipv6', ['::1'], ['1.2.3.4', 'g::']],
    ['cidr', ['10.0.0.0/8', 'fd00::/64'], ['10.0.0.0', '10.0.0.0/33', '1.2.3.4/1/2']],
    ['uuid', ['00000000-0000-4000-8000-000000000000'], ['x', '0000']],
    ['uuid4', ['00000000-0000-4000-8000-000000000000'], ['00000000-0000-1000-8000-000000000000']],
    ['byte', ['YQ==', ''], ['Y', 'a!==']],
    ['duration', ['1h30m', '0', '-2s'], ['1', 'h']],
    ['hostname', ['a.b-c'], ['-a', 'a_b']],
    ['email', ['a@b'], ['ab']],
    ['mac', ['00:11:22:33:44:55'], ['00:11']],
    ['uri', ['https://a/b'], ['::']],
    ['regexp', ['^a+$'], ['(']],
  ];
  for (const [format, good, bad] of rows) {
    it(format, () => {
      for (const one of good) assert.equal(hasFormat(one, format), true, one);
      for (const one of bad) assert.equal(hasFormat(one, format), false, one);
    });
  }
});

describe('lists with identities', () => {
  const set: Schema = { type: 'array', 'x-kubernetes-list-type': 'set', items: {} };
  const map: Schema = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k', 'l'],
    items: { type: 'object', properties: { inner: set } },
  };
  const rows: [unknown, Schema, string[]][] = [
    [['a', 'b'], set, []],
    [['a', 'b', 'a', 'a'], set, ['f[2]: Duplicate value: "a"', 'f[3]: Duplicate value: "a"']],
    [[{ k: 1 }, { k: 1, l: 2 }], map, []],
    [
      [
        { k: 1, l: 'x', v: 1 },
        { k: 1, l: 'x', v: 2 },
      ],
      map,
      ['f[1]: Duplicate value: map[string]interface {}{"k":1, "l":"x"}'],
    ],
    [[{ k: 1, inner: [1, 1] }], map, ['f[0].inner[1]: Duplicate value: 1']],
    [[1, 1], { type: 'array', items: {} }, []],
  ];
  for (const [value, schema, wanted] of rows) {
    it(JSON.stringify(value), () => {
      assert.deepEqual(repeatedItems(value, schema, 'f').map(String), wanted);
    });
  }
});

describe('embedded objects', () => {
  const schema: Schema = {
    type: 'array',
    items: { type: 'object', 'x-kubernetes-embedded-resource': true },
  };
  const rows: [object, string[]][] = [
    [{ apiVersion: 'v1', kind: 'Pod' }, []],
    [
      {},
      [
        'f[0].apiVersion: Required value: must not be empty',
        'f[0].kind: Required value: must not be empty',
      ],
    ],
    [
      { apiVersion: 'a/b/c', kind: 'Pod' },
      ['f[0].apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ],
    [{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'a', labels: { b: 'c' } } }, []],
    [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: '..', namespace: 'A', generation: -1 } },
      [
        `f[0].metadata.name: Invalid value: "..": may not be '..'`,
        `f[0].metadata.namespace: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
        'f[0].metadata.generation: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
  ];
  for (const [value, wanted] of rows) {
    it(JSON.stringify(value), () => {
      assert.deepEqual(embeddedErrors([value], schema, 'f').map(String), wanted);
    });
  }

  it('have a kind that could be a name', () => {
    const [error] = embeddedErrors([{ apiVersion: 'v1', kind: 'Not A Kind' }], schema, 'f');
    assert.match(String(error), /^f\[0\]\.kind: .*may have mixed case, but should otherwise match/);
  });
});
