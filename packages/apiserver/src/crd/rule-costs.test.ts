import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { schemaErrors } from './schema-rules.ts';
import type { Schema } from './structural.ts';

const texts = (spec: Schema): string[] =>
  schemaErrors({ type: 'object', properties: { spec } }, 'schema').map(String);

const ruled = (schema: Schema, ...rules: string[]): Schema => ({
  ...schema,
  'x-kubernetes-validations': rules.map((rule) => ({ rule })),
});

const HOW =
  'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
const SPEC = 'schema.properties[spec]';
const RULE = 'x-kubernetes-validations[0].rule';
const TEXT: Schema = { type: 'string' };
const list = (items: Schema, maxItems?: number): Schema => ({
  type: 'array',
  items,
  ...(maxItems && { maxItems }),
});

describe('what a rule costs at most', () => {
  it('is beyond the budget where lists in lists have no bounds', () => {
    const inner = ruled(list(TEXT), "self.all(s, s == 'string constant')");
    const where = `${SPEC}.items.${RULE}`;
    const [first, second, third] = texts(list(inner));
    assert.equal(
      first,
      `${where}: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (${HOW})`,
    );
    assert.match(second ?? '', /contributed to estimated rule cost total exceeding cost limit/);
    assert.match(
      third ?? '',
      /^schema: Forbidden: x-kubernetes-validations estimated rule cost total/,
    );
  });

  it('is within it where there are bounds', () => {
    const pairs = 'self.all(x, self.all(y, x == y))';
    const number: Schema = { type: 'integer' };
    assert.deepEqual(texts(ruled(list(number, 725), pairs)), []);
    assert.match(texts(ruled(list(number), pairs))[0] ?? '', /exceeds budget/);
    const named: Schema = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 253 }, port: { type: 'integer' } },
    };
    const once = 'self.all(a, self.exists_one(b, a.name == b.name && a.port == b.port))';
    assert.deepEqual(texts(ruled(list(named, 64), once)), []);
    assert.match(texts(ruled(list(named), once))[0] ?? '', /more than 100x/);
  });

  it('says by how much when that is not much', () => {
    const bounded: Schema = { type: 'string', maxLength: 25_000 };
    const twice = ruled(list(ruled(bounded, "self.matches('^(a|b|c|d)+$')"), 600));
    assert.match(
      texts(twice)[0] ?? '',
      /estimated rule cost exceeds budget by factor of 1\.\dx|2\.\dx/,
    );
  });

  it('counts plain comparisons for next to nothing', () => {
    const free: Schema = {
      type: 'object',
      properties: { a: TEXT, b: TEXT, labels: { type: 'object', additionalProperties: TEXT } },
    };
    for (const rule of [
      "self.a == 'x' || self.b.startsWith('y')",
      "!has(self.labels) || 'x' in self.labels",
      'self.labels.all(k, k.size() < 10)',
      "self.a.matches('^[a-z]+$')",
      'self == oldSelf',
    ]) {
      assert.deepEqual(texts(ruled(free, rule)), [], rule);
    }
  });

  it('is added up over a schema', () => {
    const rule = "self.all(k, k.matches('^[a-z]+$'))";
    const many = Array.from({ length: 40 }, () => rule);
    const spec = ruled(list({ type: 'string', maxLength: 5_000 }, 1_500), ...many);
    const found = texts(spec);
    assert.match(found.at(-1) ?? '', /entire OpenAPIv3 schema exceeds budget by factor of \d/);
    assert.equal(found.filter((text) => text.includes('contributed to')).length, 4);
  });
});

describe('rules about changes', () => {
  const where = (spec: Schema): string => texts(spec).join();
  const changed = ruled(TEXT, 'self == oldSelf');
  const keyed: Schema = {
    type: 'object',
    required: ['k'],
    properties: { k: TEXT, v: changed },
  };

  it('stand only where parts can be followed', () => {
    const why = (at: string): RegExp =>
      new RegExp(
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}$`,
      );
    assert.match(where(list(changed, 5)), why('schema\\.properties\\[spec\\]'));
    const set: Schema = { ...list(changed, 5), 'x-kubernetes-list-type': 'set' };
    assert.match(where(set), why('schema\\.properties\\[spec\\]'));
    const map: Schema = {
      ...list(keyed, 5),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    };
    assert.equal(where(map), '');
    const atomic: Schema = {
      type: 'object',
      properties: { a: changed },
      'x-kubernetes-map-type': 'atomic',
    };
    assert.match(where(atomic), why('schema\\.properties\\[spec\\]'));
    assert.equal(where({ type: 'object', additionalProperties: changed, maxProperties: 5 }), '');
  });
});
