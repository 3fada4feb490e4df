import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { parse } from 'yaml';
import { user } from '../edge-testing.ts';
import { requestInfoOf } from '../rest/request-info.ts';
import { type AuditPolicy, parseAuditPolicy } from './policy.ts';

const policyOf = (rules: string): AuditPolicy =>
  parseAuditPolicy(parse(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${rules}`), 'policy.yaml');

const POLICY = policyOf(`
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:kube-proxy]
    verbs: [watch]
    resources: [{ group: "", resources: [endpoints, services] }]
  - level: None
    nonResourceURLs: ["/healthz*", /version]
  - level: Metadata
    resources: [{ group: "", resources: [secrets, configmaps] }]
  - level: RequestResponse
    resources: [{ group: "", resources: ["pods/*"], resourceNames: [a] }]
    omitManagedFields: true
  - level: Request
    userGroups: [dev]
    namespaces: [ns, ""]
    omitStages: [ResponseStarted]
  - level: Request
    resources: [{ group: apps, resources: ["*/scale"] }, { group: batch }]
`);

const verdict = (who: string, method: string, path: string, ...groups: string[]) => {
  const [url = '', query = ''] = path.split('?');
  const info = requestInfoOf(method, url, new URLSearchParams(query));
  return POLICY.verdict(user(who, ...groups), info);
};

describe('the audit policy', () => {
  const cases: readonly [string, string, string, string, string[]?][] = [
    ['None', 'system:kube-proxy', 'GET', '/api/v1/services?watch=1'],
    ['Metadata', 'joe', 'GET', '/api/v1/namespaces/ns/secrets/x'],
    ['Metadata', 'joe', 'GET', '/api/v1/namespaces/ns/secrets/x', ['dev']],
    ['None', 'joe', 'GET', '/healthz/etcd'],
    ['None', 'joe', 'GET', '/version'],
    ['None', 'joe', 'GET', '/metrics'],
    ['RequestResponse', 'joe', 'GET', '/api/v1/namespaces/ns/pods/a'],
    ['RequestResponse', 'joe', 'GET', '/api/v1/namespaces/ns/pods/a/log'],
    ['None', 'joe', 'GET', '/api/v1/namespaces/ns/pods/b'],
    ['Request', 'joe', 'GET', '/api/v1/namespaces/ns/pods/b', ['dev']],
    ['None', 'joe', 'GET', '/api/v1/namespaces/other/pods/b', ['dev']],
    ['Request', 'joe', 'GET', '/api/v1/nodes', ['dev']],
    ['None', 'joe', 'GET', '/metrics', ['dev']],
    ['Request', 'joe', 'PUT', '/apis/apps/v1/namespaces/ns/deployments/d/scale'],
    ['None', 'joe', 'PUT', '/apis/apps/v1/namespaces/ns/deployments/d'],
    ['Request', 'joe', 'GET', '/apis/batch/v1/namespaces/ns/jobs/j/status'],
  ];
  for (const [level, who, method, path, groups = []] of cases) {
    it(`${who} ${groups} ${method} ${path} → ${level}`, () => {
      assert.equal(verdict(who, method, path, ...groups).level, level);
    });
  }

  it('adds the stages a rule leaves out to its own', () => {
    const { omitStages } = verdict('joe', 'GET', '/api/v1/nodes', 'dev');
    assert.deepEqual([...omitStages], ['RequestReceived', 'ResponseStarted']);
    assert.equal(verdict('joe', 'GET', '/api/v1/namespaces/ns/pods/a').omitManagedFields, true);
  });

  const wrong: readonly [string, string, RegExp][] = [
    ['without rules', '', /no rules/],
    ['of an unknown level', 'rules: [{ level: All }]', /level must be one of None/],
    ['of an unknown stage', 'rules: [{ level: None, omitStages: [End] }]', /"End" is no stage/],
    [
      'of both worlds',
      'rules: [{ level: None, nonResourceURLs: [/x], namespaces: [a] }]',
      /both regular resources and non-resource URLs/,
    ],
    ['of a path that is none', 'rules: [{ level: None, nonResourceURLs: ["a*b"] }]', /slash/],
  ];
  for (const [what, rules, text] of wrong) {
    it(`is refused ${what}`, () => {
      assert.throws(
        () => policyOf(rules),
        (error) => error instanceof ConfigError && text.test(error.message),
      );
    });
  }
});
