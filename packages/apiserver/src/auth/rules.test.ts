import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyRule } from '@kubets/api';
import fc from 'fast-check';
import { asks, user } from '../edge-testing.ts';
import { describeRule, quoteList, ruleAllows, uncoveredRules } from './rules.ts';

const joe = user('joe');
const rule = (
  verbs: string,
  group: string,
  resources: string,
  resourceNames?: string[],
): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [group],
  resources: resources.split(' '),
  ...(resourceNames ? { resourceNames } : {}),
});

describe('what a rule allows', () => {
  const cases: [PolicyRule, string, { name?: string }, boolean][] = [
    [rule('get', '', 'pods'), 'get pods', {}, true],
    [rule('get', '', 'pods'), 'list pods', {}, false],
    [rule('*', '', 'pods'), 'deletecollection pods', {}, true],
    [rule('get', '', 'pods'), 'get pods.metrics.k8s.io', {}, false],
    [rule('get', '*', '*'), 'get deployments.apps', {}, true],
    [rule('get', '', 'pods'), 'get pods/log', {}, false],
    [rule('get', '', 'pods/log'), 'get pods/log', {}, true],
    [rule('get', '', '*/log'), 'get pods/log', {}, true],
    [rule('get', '', '*/log'), 'get pods', {}, false],
    [rule('get', '', '*'), 'get pods/log', {}, true],
    [rule('get', '', 'pods/*'), 'get pods/log', {}, false],
    [rule('get', '', 'pods', ['a']), 'get pods', { name: 'a' }, true],
    [rule('get', '', 'pods', ['a']), 'get pods', { name: 'b' }, false],
    [rule('list', '', 'pods', ['a']), 'list pods', {}, false],
    [rule('get', '', 'pods', []), 'get pods', { name: 'b' }, true],
    [{ verbs: ['get'], nonResourceURLs: ['/a'] }, 'get /a', {}, true],
    [{ verbs: ['get'], nonResourceURLs: ['/a'] }, 'get /a/b', {}, false],
    [{ verbs: ['get'], nonResourceURLs: ['/a/*'] }, 'get /a/b/c', {}, true],
    [{ verbs: ['get'], nonResourceURLs: ['/a*'] }, 'get /ab', {}, true],
    [{ verbs: ['get'], nonResourceURLs: ['*'] }, 'get /x', {}, true],
    [{ verbs: ['get'], nonResourceURLs: ['*'] }, 'post /x', {}, false],
    [rule('*', '*', '*'), 'get /x', {}, false],
    [{ verbs: ['*'], nonResourceURLs: ['*'] }, 'get pods', {}, false],
  ];
  for (const [one, question, o, allowed] of cases) {
    it(`${describeRule(one)}: ${question} ${o.name ?? ''} → ${allowed}`, () => {
      assert.equal(ruleAllows(one, asks(joe, question, o)), allowed);
    });
  }
});

describe('what is not covered', () => {
  it('splits to single grants and merges what is missing per resource', () => {
    const held = [rule('get', '', 'pods')];
    const wanted = [rule('get list', '', 'pods secrets')];
    assert.deepEqual(uncoveredRules(held, wanted).map(describeRule), [
      '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
    ]);
  });

  const cases: [string, PolicyRule, PolicyRule, boolean][] = [
    ['a wildcard covers all', rule('*', '*', '*'), rule('get', 'apps', 'deployments/scale'), true],
    [
      'a name does not cover all names',
      rule('get', '', 'pods', ['a']),
      rule('get', '', 'pods'),
      false,
    ],
    ['all names cover a name', rule('get', '', 'pods'), rule('get', '', 'pods', ['a']), true],
    ['*/scale covers a scale', rule('get', '*', '*/scale'), rule('get', 'apps', 'x/scale'), true],
    ['a wildcard is not covered by parts', rule('get', '', 'pods'), rule('get', '', '*'), false],
    [
      'a path prefix covers a deeper prefix',
      { verbs: ['get'], nonResourceURLs: ['/a/*'] },
      { verbs: ['get'], nonResourceURLs: ['/a/b/*'] },
      true,
    ],
    [
      'a path does not cover a prefix',
      { verbs: ['get'], nonResourceURLs: ['/a'] },
      { verbs: ['get'], nonResourceURLs: ['/a*'] },
      false,
    ],
  ];
  for (const [name, held, wanted, covered] of cases) {
    it(name, () => assert.equal(uncoveredRules([held], [wanted]).length === 0, covered));
  }

  it('never lets a user hand out what he may not do (property)', () => {
    const word = fc.constantFrom('a', 'b', '*');
    const words = fc.array(word, { minLength: 1, maxLength: 3 });
    const anyRule = fc.record({
      verbs: words,
      apiGroups: words,
      resources: fc.array(fc.constantFrom('a', 'b', 'a/s', '*/s', '*'), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    const question = fc.record({
      verb: fc.constantFrom('a', 'b', 'c'),
      group: fc.constantFrom('a', 'b', 'c'),
      resource: fc.constantFrom('a', 'b', 'c'),
      sub: fc.constantFrom('', 's', 't'),
    });
    const property = fc.property(anyRule, anyRule, question, (held, wanted, q) => {
      if (uncoveredRules([held], [wanted]).length > 0) return;
      const sub = q.sub ? `/${q.sub}` : '';
      const asked = asks(joe, `${q.verb} ${q.resource}.${q.group}${sub}`);
      if (ruleAllows(wanted, asked)) assert.ok(ruleAllows(held, asked));
    });
    fc.assert(property, { numRuns: 2_000, seed: 7 });
  });
});

it('quotes lists as Go does', () => {
  assert.equal(quoteList(['a', 'b"c']), '["a" "b\\"c"]');
  assert.equal(quoteList([]), '[]');
});
