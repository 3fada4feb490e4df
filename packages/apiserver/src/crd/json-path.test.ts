import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { columnsOf } from './columns.ts';
import { findAll, parseJsonPath, setAt } from './json-path.ts';

const OBJECT = {
  metadata: { name: 'n', creationTimestamp: '2024-01-01T00:00:00Z', annotations: { 'a.b/c': 'x' } },
  spec: {
    ...{ n: 3, f: 1.5, b: true, l: ['x', 'y'], o: { z: 1, a: '<&' } },
    ...{ none: null, large: 1234567.5, year: '2024', empty: '' },
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', n: 1 },
      { type: 'Other', status: 'False', n: 2 },
    ],
  },
};

describe('a path', () => {
  const rows: [string, unknown[]][] = [
    ['.spec.n', [3]],
    ['.spec.l', [['x', 'y']]],
    ['.spec.l[0]', ['x']],
    ['.spec.l[-1]', ['y']],
    ['.spec.l[9]', []],
    ['.spec.l[*]', ['x', 'y']],
    ['.spec.nope.deeper', []],
    [".metadata.annotations['a.b/c']", ['x']],
    ['.metadata.annotations.a\\.b/c', ['x']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type=='Other')].status", ['False']],
    ['.status.conditions[?(@.n>1)].type', ['Other']],
    ['.status.conditions[*].type', ['Ready', 'Other']],
  ];
  for (const [text, wanted] of rows) {
    it(text, () => {
      const path = parseJsonPath(text);
      assert.ok(path);
      assert.deepEqual(findAll(OBJECT, path), wanted);
    });
  }

  for (const text of ['.a[', '.a[?(@.b)]', 'a b[[']) {
    it(`that is none: ${text}`, () => assert.equal(parseJsonPath(text), undefined));
  }

  it('sets what it names', () => {
    const object = { spec: { a: 1 } };
    setAt(object, parseJsonPath('.spec.deep.n') ?? [], 2);
    assert.deepEqual(object, { spec: { a: 1, deep: { n: 2 } } });
  });
});

describe('columns', () => {
  const NOW = Date.parse('2024-01-01T00:01:00Z');
  const cell = (type: string, jsonPath: string): unknown =>
    columnsOf([{ name: 'c', type, jsonPath }]).cells(OBJECT, NOW)[0];
  const rows: [string, string, unknown][] = [
    ['integer', '.spec.n', 3],
    ['integer', '.spec.f', 1],
    ['integer', '.metadata.name', null],
    ['number', '.spec.f', 1.5],
    ['boolean', '.spec.b', true],
    ['boolean', '.spec.n', null],
    ['string', '.metadata.name', 'n'],
    ['string', '.spec.n', '3'],
    ['string', '.spec.l', '["x","y"]'],
    ['string', '.spec.o', '{"a":"\\u003c\\u0026","z":1}'],
    ['string', '.spec.none', '<no value>'],
    ['string', '.spec.large', '1.2345675e+06'],
    ['integer', '.spec.none', null],
    ['date', '.spec.none', null],
    ['date', '.spec.year', '<invalid>'],
    ['date', '.spec.empty', '<unknown>'],
    ['string', '.spec.nope', null],
    ['date', '.metadata.creationTimestamp', '60s'],
    ['date', '.metadata.name', '<invalid>'],
    ['date', '.spec.n', null],
  ];
  for (const [type, path, wanted] of rows) {
    it(`${type} ${path}`, () => assert.equal(cell(type, path), wanted));
  }

  it('are the age when none are defined', () => {
    const { columns, cells } = columnsOf(undefined);
    assert.deepEqual(
      columns.map(({ name, type }) => [name, type]),
      [['Age', 'date']],
    );
    assert.deepEqual(cells(OBJECT, NOW), ['60s']);
  });

  it('describe themselves', () => {
    const [one] = columnsOf([{ name: 'c', type: 'string', jsonPath: '.a' }]).columns;
    assert.equal(one?.description, 'Custom resource definition column (in JSONPath format): .a');
  });
});

it('goes through what an object has itself, and leaves the prototype of objects alone', () => {
  const steps = (text: string) => parseJsonPath(text) ?? [];
  const object = JSON.parse('{"spec":{"__proto__":{"a":1}}}') as object;
  assert.deepEqual(findAll(object, steps('.spec.__proto__.a')), [1]);
  assert.deepEqual(findAll({ spec: {} }, steps('.spec.constructor')), []);
  for (const path of ['.spec.__proto__.polluted', '.spec.constructor.polluted']) {
    const made = {};
    setAt(made, steps(path), 7);
    assert.deepEqual(findAll(made, steps(path)), [7]);
  }
  assert.equal('polluted' in {}, false);
});

it('compares integers beyond what a float holds', () => {
  const rows = [
    { n: 9007199254740993n, name: 'a' },
    { n: 5, name: 'b' },
  ];
  const found = (test: string): unknown[] =>
    findAll({ rows }, parseJsonPath(`.rows[?(@.n${test})].name`) ?? []);
  assert.deepEqual(found('==9007199254740993'), ['a']);
  assert.deepEqual(found('==9007199254740992'), []);
  assert.deepEqual(found('>9007199254740992'), ['a']);
  assert.deepEqual(found('<9007199254740993'), ['b']);
});
