import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { asks, user } from '../edge-testing.ts';
import { abacStep } from './abac.ts';

const folder = mkdtempSync(join(tmpdir(), 'abac-'));
after(() => rmSync(folder, { recursive: true }));

const policy = (spec: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy' },
    spec,
  });

function stepOf(...lines: string[]) {
  const file = join(folder, 'policies.jsonl');
  writeFileSync(file, lines.join('\n'));
  return abacStep(file);
}

const who = {
  ann: user('ann', 'dev'),
  bob: user('bob'),
  anonymous: { ...user('system:anonymous'), groups: ['system:unauthenticated'] },
};
type Who = keyof typeof who;

describe('policies of a file', () => {
  const all = { namespace: '*', resource: '*', apiGroup: '*' };
  const cases: readonly [
    line: string,
    asking: Who,
    text: string,
    namespace: string,
    is: boolean,
  ][] = [
    [policy({ user: 'ann', ...all }), 'ann', 'delete pods', 'ns', true],
    [policy({ user: 'ann', ...all }), 'bob', 'delete pods', 'ns', false],
    [policy({ user: 'ann', ...all }), 'ann', 'get /healthz', '', false],
    [policy({ user: 'ann', ...all, readonly: true }), 'ann', 'watch pods', 'ns', true],
    [policy({ user: 'ann', ...all, readonly: true }), 'ann', 'create pods', 'ns', false],
    [policy({ group: 'dev', ...all }), 'ann', 'get nodes', '', true],
    [policy({ group: 'dev', ...all }), 'bob', 'get nodes', '', false],
    [policy({ user: 'bob', group: 'dev', ...all }), 'bob', 'get nodes', '', false],
    [policy({ user: '*', ...all }), 'bob', 'get nodes', '', true],
    [policy({ user: '*', ...all }), 'anonymous', 'get nodes', '', false],
    [policy({ group: '*', ...all }), 'anonymous', 'get nodes', '', false],
    [policy({ group: 'system:unauthenticated', ...all }), 'anonymous', 'get nodes', '', true],
    [policy(all), 'ann', 'get nodes', '', false],
    [policy({ user: 'ann', ...all, namespace: 'ns' }), 'ann', 'get pods', 'ns', true],
    [policy({ user: 'ann', ...all, namespace: 'ns' }), 'ann', 'get pods', 'other', false],
    [policy({ user: 'ann', ...all, resource: 'pods' }), 'ann', 'get secrets', 'ns', false],
    [policy({ user: 'ann', ...all, apiGroup: 'apps' }), 'ann', 'get pods', 'ns', false],
    [policy({ user: 'ann', ...all, apiGroup: 'apps' }), 'ann', 'get x.apps', 'ns', true],
    [policy({ user: 'ann', nonResourcePath: '/a' }), 'ann', 'get /a', '', true],
    [policy({ user: 'ann', nonResourcePath: '/a' }), 'ann', 'get /a/b', '', false],
    [policy({ user: 'ann', nonResourcePath: '/a/*' }), 'ann', 'post /a/b', '', true],
    [policy({ user: 'ann', nonResourcePath: '*' }), 'ann', 'get /', '', true],
    [policy({ user: 'ann', nonResourcePath: '*' }), 'ann', 'get pods', 'ns', false],
    ['{}', 'bob', 'delete pods', 'ns', true],
    ['{}', 'bob', 'get /healthz', '', true],
    ['{}', 'anonymous', 'get /healthz', '', false],
    ['{"user":"ann"}', 'ann', 'get x.apps', 'ns', true],
    ['{"user":"ann"}', 'bob', 'get pods', 'ns', false],
    ['{"user":"ann","resource":"pods"}', 'ann', 'get pods', 'ns', true],
    ['{"user":"ann","resource":"pods"}', 'ann', 'get /healthz', '', false],
    ['{"user":"*","readonly":true}', 'bob', 'list pods', 'ns', true],
    ['{"user":"*","readonly":true}', 'bob', 'update pods', 'ns', false],
  ];
  for (const [line, asking, text, namespace, is] of cases) {
    it(`${is ? 'let' : 'do not let'} ${asking} ${text} ${namespace} by ${line}`, () => {
      const decision = stepOf(line)(asks(who[asking], text, { namespace }));
      const reason = is ? '' : 'No policy matched.';
      assert.deepEqual(decision, { allowed: is, reason });
    });
  }

  it('add up; comments and empty lines say nothing', () => {
    const step = stepOf('# people', '', '{"user":"ann"}', `  ${policy({ group: 'x' })}`);
    assert.deepEqual(step(asks(who.ann, 'get pods')), { allowed: true, reason: '' });
  });

  const wrong: readonly [string, string, RegExp][] = [
    ['no JSON', '{"user"', /line 2: \{"user": /],
    ['no object', '[]', /no object/],
    ['another kind', '{"apiVersion":"v1","kind":"Pod"}', /no kind "Pod" is registered for.*"v1"/],
    ['a user that is no text', '{"user":1}', /user is no text/],
    ['a readonly of another type', '{"readonly":"yes"}', /neither true nor false/],
  ];
  for (const [what, line, message] of wrong) {
    it(`are refused with ${what}`, () => {
      assert.throws(
        () => stepOf('{"user":"ann"}', line),
        (error) =>
          error instanceof ConfigError &&
          error.message.startsWith('error reading policy file ') &&
          message.test(error.message),
      );
    });
  }
});
