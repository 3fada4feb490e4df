import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps, KubeObject, ValidationRule } from '@kubets/api';
import { RulesOfSchema } from './cel-rules.ts';
import { hasRules } from './structural.ts';

const SPEC: JSONSchemaProps = {
  type: 'object',
  properties: {
    i: { type: 'integer' },
    n: { type: 'number' },
    s: { type: 'string' },
    l: { type: 'array', items: { type: 'string' } },
    m: { type: 'object', additionalProperties: { type: 'integer' } },
    o: { type: 'object', properties: { x: { type: 'integer' }, 'a-b': { type: 'string' } } },
    t: { type: 'string', format: 'date-time' },
    d: { type: 'string', format: 'duration' },
    either: { 'x-kubernetes-int-or-string': true },
    any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const VALUE = {
  ...{ i: 1, n: 2, s: 'abc', l: ['a', 'b'], m: { k: 1 }, o: { x: 1, 'a-b': 'q' } },
  ...{ t: '2020-01-01T00:00:00Z', d: '1h', either: 5, any: { z: 1 } },
};

const object = (spec: object): KubeObject => ({
  apiVersion: 'g/v1',
  kind: 'K',
  metadata: { name: 'n' },
  spec,
});

function ruled(...rules: ValidationRule[]): RulesOfSchema {
  const spec = { ...SPEC, 'x-kubernetes-validations': rules };
  return new RulesOfSchema({ type: 'object', properties: { spec } });
}

const said = (rules: RulesOfSchema, spec: object, old?: object): string[] =>
  rules.findings(object(spec), old && object(old)).errors.map(String);

describe('a rule that holds', () => {
  const rules = [
    'self.i + 1 == 2',
    'self.n > 1',
    'self.n == 2.0',
    'self.l.all(x, x.size() == 1)',
    'self.m.k == 1 && "k" in self.m',
    'self.o.a__dash__b == "q"',
    'self.o == self.o',
    'self.t < timestamp("2021-01-01T00:00:00Z") && self.t.getFullYear() == 2020',
    'self.d == duration("1h")',
    'type(self.either) == int ? self.either > 2 : false',
    'self.any == self.any',
    'has(self.s) && !has(self.m.nope)',
    'self.l.isSorted() && self.l.join(",") == "a,b"',
    'self.l.indexOf("b") == 1 && self.l.max() == "b" && self.l.min() == "a"',
    'self.s.matches("^a") && self.s.find("b+") == "b" && self.s.findAll("[ab]").size() == 2',
    'self.l.map(x, x + "1") == ["a1", "b1"]',
    'self.?o.?x.orValue(0) == 1',
    'quantity("1Gi").isGreaterThan(quantity("1Mi")) && !isQuantity(self.s)',
    'url("https://a.b:80/c").getPort() == "80" && url("https://a.b:80/c").getHostname() == "a.b"',
    'isURL("https://a") && !isURL("::")',
    '[1, 2].sum() == 3',
    'self.i in [1, 2]',
  ];
  for (const rule of rules) it(rule, () => assert.deepEqual(said(ruled({ rule }), VALUE), []));
});

describe('a rule that does not hold', () => {
  const FALSE = { rule: 'self.i > 9' };
  const rows: [ValidationRule, string][] = [
    [FALSE, 'spec: Invalid value: "object": failed rule: self.i > 9'],
    [{ ...FALSE, message: 'too small' }, 'spec: Invalid value: "object": too small'],
    [
      { ...FALSE, messageExpression: "'is ' + string(self.i)" },
      'spec: Invalid value: "object": is 1',
    ],
    [
      { ...FALSE, message: 'm', messageExpression: 'self.l[9]' },
      'spec: Invalid value: "object": m',
    ],
    [{ ...FALSE, message: 'm', messageExpression: "''" }, 'spec: Invalid value: "object": m'],
    [
      { ...FALSE, reason: 'FieldValueForbidden', fieldPath: '.i' },
      'spec.i: Forbidden: failed rule: self.i > 9',
    ],
    [
      { ...FALSE, reason: 'FieldValueRequired', fieldPath: "['o'].x" },
      'spec.o.x: Required value: failed rule: self.i > 9',
    ],
    [{ ...FALSE, reason: 'FieldValueDuplicate' }, 'spec: Duplicate value: "object"'],
    [
      { rule: 'self.m.nope == 1', message: 'm' },
      'spec: Invalid value: "object": no such key: nope evaluating rule: m',
    ],
    [
      { rule: 'self.i / 0 == 1' },
      'spec: Invalid value: "object": division by zero evaluating rule: self.i / 0 == 1',
    ],
    [
      { rule: 'self.l[5] == "a"' },
      'spec: Invalid value: "object": index out of bounds: 5 evaluating rule: self.l[5] == "a"',
    ],
  ];
  for (const [rule, wanted] of rows) {
    it(JSON.stringify(rule), () => assert.deepEqual(said(ruled(rule), VALUE), [wanted]));
  }

  it('at the root has no field', () => {
    const rules = new RulesOfSchema({
      type: 'object',
      'x-kubernetes-validations': [{ rule: "self.metadata.name == 'other'" }],
    });
    assert.match(said(rules, {})[0] ?? '', /^<nil>: Invalid value: "object": failed rule/);
  });

  it('is named where it stands, in lists and maps too', () => {
    const few: JSONSchemaProps = {
      type: 'integer',
      'x-kubernetes-validations': [{ rule: 'self < 2' }],
    };
    const properties = {
      l: { type: 'array', items: few },
      m: { type: 'object', additionalProperties: few },
    };
    const rules = new RulesOfSchema({
      type: 'object',
      properties: { spec: { type: 'object', properties } },
    });
    const found = said(rules, { l: [1, 2], m: { a: 3 } }).map((text) => text.split(':')[0]);
    assert.deepEqual(found, ['spec.l[1]', 'spec.m[a]']);
  });
});

describe('a rule about a change', () => {
  const fixed = ruled({ rule: 'self.i == oldSelf.i', message: 'fixed' });
  it('is not asked when there was nothing', () => assert.deepEqual(said(fixed, VALUE), []));
  it('compares', () => {
    assert.deepEqual(said(fixed, VALUE, VALUE), []);
    assert.equal(said(fixed, VALUE, { ...VALUE, i: 2 }).length, 1);
  });

  it('may be asked about creation too', () => {
    const rule = 'oldSelf.hasValue() || self.i == 1';
    const rules = ruled({ rule, optionalOldSelf: true });
    assert.deepEqual(said(rules, { ...VALUE, i: 1 }), []);
    assert.equal(said(rules, { ...VALUE, i: 2 }).length, 1);
    assert.deepEqual(said(rules, { ...VALUE, i: 2 }, { ...VALUE, i: 3 }), []);
  });

  it('other rules leave alone what has not changed, and tell of it', () => {
    const rules = ruled({ rule: 'self.i > 9' });
    assert.deepEqual(said(rules, VALUE, VALUE), []);
    const { tolerated } = rules.findings(object(VALUE), object(VALUE));
    const text = 'spec: Invalid value: "object": failed rule: self.i > 9';
    assert.deepEqual(tolerated.map(String), [text]);
    assert.equal(said(rules, VALUE, { ...VALUE, i: 0 }).length, 1);
  });

  it('what is in a list without keys has changed with the list', () => {
    const items = { type: 'string', 'x-kubernetes-validations': [{ rule: "self != 'a'" }] };
    const spec = {
      type: 'object',
      properties: { l: { type: 'array', items }, n: { type: 'integer' } },
    };
    const rules = new RulesOfSchema({ type: 'object', properties: { spec } });
    const paths = (now: object, old: object): unknown => {
      const { errors, tolerated } = rules.findings(object(now), object(old));
      return [errors, tolerated].map((all) => all.map(({ field }) => field));
    };
    assert.deepEqual(paths({ l: ['a'], n: 2 }, { l: ['a'], n: 1 }), [[], ['spec.l[0]']]);
    assert.deepEqual(paths({ l: ['a', 'b'] }, { l: ['a'] }), [['spec.l[0]'], []]);
  });
});

describe('rules that together cost too much', () => {
  it('end the evaluation', () => {
    const l = Array.from({ length: 400 }, () => 'a');
    const rule = 'self.l.all(a, self.l.all(b, a == b))';
    const rules = ruled(...Array.from({ length: 20 }, () => ({ rule, message: 'm' })));
    assert.deepEqual(said(rules, { ...VALUE, l }), [
      'spec: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });
});

it('a field below a map is named by its key', () => {
  const rule = { rule: 'false', fieldPath: ".m['a.b']" };
  assert.deepEqual(said(ruled(rule), VALUE), [
    'spec.m[a.b]: Invalid value: "object": failed rule: false',
  ]);
});

it('operands that do not fit are told of in full', () => {
  assert.deepEqual(said(ruled({ rule: 'self.either + 1 == 2' }), { ...VALUE, either: 'a' }), [
    `spec: Invalid value: "object": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.either + 1 == 2`,
  ]);
});

it('rules are found wherever they are', () => {
  const rule = { 'x-kubernetes-validations': [{ rule: 'true' }] };
  const rows: [JSONSchemaProps | undefined, boolean][] = [
    [undefined, false],
    [{ properties: { a: {} } }, false],
    [rule, true],
    [{ properties: { a: rule } }, true],
    [{ items: rule }, true],
    [{ additionalProperties: { items: rule } }, true],
  ];
  for (const [schema, wanted] of rows) assert.equal(hasRules(schema), wanted);
});

it('a rule that takes too long is cut off', () => {
  const l = Array.from({ length: 200 }, () => 'a');
  const rule = 'self.l.all(a, self.l.all(b, self.l.all(c, a == b || c == a)))';
  const [text] = said(ruled({ rule, message: 'm' }), { ...VALUE, l });
  assert.match(
    text ?? '',
    /no further validation rules will be run due to call cost exceeds limit for rule: m$/,
  );
});
