import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps } from '@kubets/api';
import { declared } from './declared.ts';
import { compile, EvaluationFailure } from './engine.ts';
import { estimatedCost } from './estimate.ts';

/** Expression; least and most it may cost; what it costs. The numbers are those of the stock server's library. */
const ROWS: readonly (readonly [string, number, number, number])[] = [
  ['[1, 2, 3, 4, 5].sum()', 15, 15, 15],
  ["[duration('1s'), duration('2s')].max()", 14, 14, 14],
  ["'0123456789'.indexOf('9')", 1, 1, 1],
  ["url('https:://kubernetes.io/').getHost()", 4, 4, 4],
  ["url('https:://kubernetes.io/') == url('https:://kubernetes.io/')", 7, 9, 7],
  ["ip('2001:db8:3333:4444:5555:6666:7777:8888').family()", 5, 5, 5],
  ["ip.isCanonical('192.168.0.1')", 3, 3, 3],
  ["cidr('192.168.0.0/16').containsIP('192.169.0.1')", 5, 8, 5],
  ["cidr('192.168.0.0/16').containsCIDR(cidr('192.0.0.0/30'))", 7, 11, 7],
  ["'ABCDEFGHIJ abcdefghij'.lowerAscii() == 'x'", 4, 4, 4],
  ["strings.quote('ABCDEFGHIJ abcdefghij')", 3, 3, 3],
  ["'abc 123 def 123'.replace('123', '456')", 3, 3, 3],
  ["'abc 123 def 123'.findAll('123')", 2, 2, 2],
  ["quantity('50k').add(20).asInteger() > 0", 4, 4, 4],
  ["format.named('dns1123Label').value().validate('my-name')", 34, 34, 10],
  ['sets.contains([1, 2, 3, 4], [2, 3])', 29, 29, 29],
  ['sets.equivalent([1], [1])', 23, 23, 23],
  ['true || false', 0, 0, 0],
  ["true ? 'a' : 'b' + 'c'", 0, 1, 0],
  ['[1, 2].all(x, x > 0)', 17, 21, 21],
  ["{'a': 1}['a'] == 1", 32, 32, 32],
];

describe('the cost of', () => {
  for (const [source, min, max, cost] of ROWS) {
    it(source, () => {
      const expression = compile(source, new Map());
      assert.deepEqual(estimatedCost(expression.checked, new Map()), { min, max });
      assert.equal(expression.measure({}).cost, cost);
    });
  }
});

it('what an object holds costs as much as its schema allows', () => {
  const name: JSONSchemaProps = { type: 'string', maxLength: 10 };
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: {
      names: { type: 'array', items: name, maxItems: 5 },
      free: { type: 'array', items: { type: 'string' } },
    },
  };
  const self = declared(schema, 'self');
  assert.ok(self);
  const most = (source: string): number => {
    const { checked } = compile(source, new Map([['self', self.type]]));
    return estimatedCost(checked, new Map([['self', self]])).max;
  };
  // 40 bytes a name: four of them are compared in one, and the loop does three things beside.
  assert.equal(most("self.names.all(n, n == 'abc')"), 2 + 0 + 1 + 5 * (1 + 1 + 3));
  assert.equal(most("self.names.all(n, n.startsWith('abc'))"), 2 + 1 + 5 * (1 + 1 + 3));
  assert.ok(most("self.free.all(n, n.contains('abc'))") > 10_000_000);
});

it('an evaluation that fails tells what it cost until then', () => {
  const outcome = compile('[1, 2][3] == 1', new Map()).measure({});
  assert.throws(() => outcome.value(), EvaluationFailure);
  assert.equal(outcome.cost, 11);
});
