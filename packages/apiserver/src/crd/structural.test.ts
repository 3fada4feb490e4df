import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dropNulls, fillDefaults, prune, readEmbedded, type Schema } from './structural.ts';

const keep: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

describe('pruning', () => {
  const rows: [string, object, Schema, object, string[]][] = [
    ['drops unknown fields', { a: 1, b: 2 }, { properties: { a: {} } }, { a: 1 }, ['b']],
    [
      'keeps what every object has',
      { apiVersion: 'v', kind: 'k', metadata: { x: 1 }, q: 1 },
      {},
      { apiVersion: 'v', kind: 'k', metadata: { x: 1 } },
      ['q'],
    ],
    [
      'goes into lists',
      { l: [{ a: 1, b: 1 }] },
      { properties: { l: { items: { properties: { a: {} } } } } },
      { l: [{ a: 1 }] },
      ['l[0].b'],
    ],
    [
      'goes into maps',
      { m: { k: { a: 1, b: 1 } } },
      { properties: { m: { additionalProperties: { properties: { a: {} } } } } },
      { m: { k: { a: 1 } } },
      ['m.k.b'],
    ],
    [
      'stops where all is kept',
      { o: { x: { y: 1 } } },
      { properties: { o: keep } },
      { o: { x: { y: 1 } } },
      [],
    ],
    [
      'goes on below what is kept',
      { o: { p: { a: 1, b: 2 }, z: 1 } },
      { properties: { o: { ...keep, properties: { p: { properties: { a: {} } } } } } },
      { o: { p: { a: 1 }, z: 1 } },
      ['o.p.b'],
    ],
    [
      'keeps maps of anything',
      { m: { k: 1 } },
      { properties: { m: { additionalProperties: true } } },
      { m: { k: 1 } },
      [],
    ],
    [
      'names fields like those of all objects',
      { constructor: 1 },
      { properties: {} },
      {},
      ['constructor'],
    ],
    [
      'keeps kind and version of embedded objects',
      { e: { kind: 'k', spec: {} } },
      { properties: { e: { 'x-kubernetes-embedded-resource': true } } },
      { e: { kind: 'k' } },
      ['e.spec'],
    ],
  ];
  for (const [what, value, schema, wanted, dropped] of rows) {
    it(what, () => {
      assert.deepEqual(prune(value, schema, true), dropped);
      assert.deepEqual(value, wanted);
    });
  }

  it('finds nothing the second time', () => {
    const schema: Schema = {
      properties: { a: { additionalProperties: { properties: { b: {} } } }, c: { items: keep } },
    };
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.jsonValue()), (value) => {
        const object = structuredClone(value);
        prune(object, schema, true);
        const once = structuredClone(object);
        assert.deepEqual(prune(object, schema, true), []);
        assert.deepEqual(object, once);
      }),
      { numRuns: 200 },
    );
  });
});

describe('defaults', () => {
  const n = (fallback: unknown, more: Schema = {}): Schema => ({ default: fallback, ...more });
  const rows: [string, object, Schema, object][] = [
    ['fill what is absent', {}, { properties: { a: n(1) } }, { a: 1 }],
    ['leave what is there', { a: 2 }, { properties: { a: n(1) } }, { a: 2 }],
    ['fill nulls', { a: null }, { properties: { a: n(1) } }, { a: 1 }],
    [
      'leave nulls that may be',
      { a: null },
      { properties: { a: n(1, { nullable: true }) } },
      { a: null },
    ],
    ['need a parent', {}, { properties: { o: { properties: { a: n(1) } } } }, {}],
    [
      'go on below defaults',
      {},
      { properties: { o: n({}, { properties: { a: n(1) } }) } },
      { o: { a: 1 } },
    ],
    [
      'go into lists',
      { l: [{}, { a: 2 }] },
      { properties: { l: { items: { properties: { a: n(1) } } } } },
      { l: [{ a: 1 }, { a: 2 }] },
    ],
    [
      'go into maps',
      { m: { k: {} } },
      { properties: { m: { additionalProperties: { properties: { a: n(1) } } } } },
      { m: { k: { a: 1 } } },
    ],
  ];
  for (const [what, value, schema, wanted] of rows) {
    it(what, () => {
      fillDefaults(value, schema);
      assert.deepEqual(value, wanted);
    });
  }

  it('are copies', () => {
    const schema: Schema = { properties: { o: { default: { x: 1 } } } };
    const [a, b] = [{}, {}] as { o?: { x: number } }[];
    fillDefaults(a, schema);
    fillDefaults(b, schema);
    if (a?.o) a.o.x = 2;
    assert.equal(b?.o?.x, 1);
  });
});

describe('nulls', () => {
  it('go where nothing may be null', () => {
    const schema: Schema = {
      properties: {
        a: { type: 'string' },
        b: { type: 'string', nullable: true },
        c: { default: 1 },
        l: { items: { properties: { x: { type: 'string' } } } },
      },
    };
    const value = { a: null, b: null, c: null, l: [{ x: null }], z: null };
    dropNulls(value, schema);
    assert.deepEqual(value, { b: null, c: null, l: [{}], z: null });
  });
});

describe('metadata of embedded objects', () => {
  it('loses what metadata does not have', () => {
    const schema: Schema = {
      properties: { t: { ...keep, 'x-kubernetes-embedded-resource': true } },
    };
    const value = { t: { metadata: { name: 'x', junk: 1, labels: { a: 'b' } } } };
    assert.deepEqual(readEmbedded(value, schema).unknownFields, ['t.metadata.junk']);
    assert.deepEqual(value, { t: { metadata: { name: 'x', labels: { a: 'b' } } } });
  });

  it('is refused when it cannot be read', () => {
    const schema: Schema = { items: { ...keep, 'x-kubernetes-embedded-resource': true } };
    const said = (one: object) => readEmbedded([one], schema, 'f').typeErrors;
    assert.deepEqual(said({ metadata: { namespace: 42 } }), [
      'f[0].metadata: Invalid value: map[string]interface {}{"namespace":42}: ' +
        'json: cannot unmarshal number into Go struct field ObjectMeta.namespace of type string',
    ]);
    assert.deepEqual(said({ metadata: 'x' }), [
      'f[0].metadata: Invalid value: "x": ' +
        'json: cannot unmarshal string into Go value of type v1.ObjectMeta',
    ]);
    assert.deepEqual(said({ kind: 1 }), ['f[0].kind: Invalid value: 1: must be a string']);
    const empty = { metadata: null };
    assert.deepEqual(said(empty), []);
    assert.deepEqual(empty, { metadata: {} });
  });
});
