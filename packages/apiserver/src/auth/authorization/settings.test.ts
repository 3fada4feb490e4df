import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { conditionProblem } from './match-conditions.ts';
import { readAuthorization } from './settings.ts';

const HEAD = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };

function problemOf(...authorizers: object[]): string {
  try {
    readAuthorization(JSON.stringify({ ...HEAD, authorizers }), conditionProblem);
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
}

const here = import.meta.filename;
const hook = (more: object = {}) => ({
  ...{ type: 'Webhook', name: 'a' },
  webhook: {
    ...{ timeout: '5s', subjectAccessReviewVersion: 'v1', failurePolicy: 'Deny' },
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: here },
    ...more,
  },
});
const at = (rest: string): string => `authorizers[0].${rest}`;
const file = (kubeConfigFile?: string) => ({
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
});
const when = (...expressions: string[]) =>
  hook({
    matchConditionSubjectAccessReviewVersion: 'v1',
    matchConditions: expressions.map((expression) => ({ expression })),
  });
const TYPES = 'supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"';

describe('an AuthorizationConfiguration', () => {
  const table: readonly [string, object[], string][] = [
    [
      'of nobody',
      [],
      'authorizers: Required value: at least one authorization mode must be defined',
    ],
    ['of a webhook', [hook()], ''],
    ['of no type', [{ name: 'a' }], at('type: Required value')],
    [
      'of an unknown type',
      [{ type: 'X', name: 'x' }],
      at(`type: Unsupported value: "X": ${TYPES}`),
    ],
    [
      'of a type twice',
      [
        { type: 'RBAC', name: 'rbac' },
        { type: 'RBAC', name: 'b' },
      ],
      'authorizers[1].type: Duplicate value: "RBAC"',
    ],
    ['of a name twice', [hook(), hook()], 'authorizers[1].name: Duplicate value: "a"'],
    ['of no name', [{ ...hook(), name: '' }], at('name: Required value')],
    [
      'of a name that is none',
      [{ ...hook(), name: 'mY' }],
      at(
        "name: Invalid value: \"mY\": authorizer name is invalid: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ),
    ],
    [
      'of another name than its type has',
      [{ type: 'Node', name: 'x' }],
      'expected name node for authorizer Node instead of x',
    ],
    [
      'of RBAC with a webhook',
      [{ type: 'RBAC', name: 'rbac', webhook: {} }],
      at('webhook: Invalid value: "non-null": may only be specified when type=Webhook'),
    ],
    [
      'of a webhook without one',
      [{ type: 'Webhook', name: 'a' }],
      at('webhook: Required value: required when type=Webhook'),
    ],
    ['without a timeout', [hook({ timeout: undefined })], at('timeout: Required value')],
    [
      'with a long one',
      [hook({ timeout: '61s' })],
      at('timeout: Invalid value: "1m1s": must be > 0s and <= 30s'),
    ],
    [
      'with a negative one',
      [hook({ timeout: '-1s' })],
      at('timeout: Invalid value: "-1s": must be > 0s and <= 30s'),
    ],
    [
      'that keeps for less than nothing',
      [hook({ authorizedTTL: '-1s' })],
      at('authorizedTTL: Invalid value: "-1s": must be > 0s'),
    ],
    [
      'without a version',
      [hook({ subjectAccessReviewVersion: '' })],
      at('subjectAccessReviewVersion: Required value'),
    ],
    [
      'of another version',
      [hook({ subjectAccessReviewVersion: 'v2' })],
      at('subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"'),
    ],
    ['without a policy', [hook({ failurePolicy: '' })], at('failurePolicy: Required value')],
    [
      'of another policy',
      [hook({ failurePolicy: 'X' })],
      at('failurePolicy: Unsupported value: "X": supported values: "NoOpinion", "Deny"'),
    ],
    ['that is nowhere', [hook({ connectionInfo: {} })], at('connectionInfo.type: Required value')],
    [
      'that is somewhere else',
      [hook({ connectionInfo: { type: 'X' } })],
      at(
        'connectionInfo.type: Unsupported value: apiserver.WebhookConnectionInfo{Type:"X", KubeConfigFile:(*string)(nil)}: supported values: "InClusterConfig", "KubeConfigFile"',
      ),
    ],
    ['without a file', [hook(file())], at('connectionInfo.kubeConfigFile: Required value')],
    [
      'with a file beside us',
      [hook(file('a'))],
      at('connectionInfo.kubeConfigFile: Invalid value: "a": must be an absolute path'),
    ],
    [
      'with a folder',
      [hook(file('/'))],
      at('connectionInfo.kubeConfigFile: Invalid value: "/": must be a regular file'),
    ],
    [
      'with a file that is not there',
      [hook(file('/nowhere/x'))],
      at(
        'connectionInfo.kubeConfigFile: Invalid value: "/nowhere/x": error loading file: stat /nowhere/x: no such file or directory',
      ),
    ],
    [
      'with a file in the cluster',
      [hook({ connectionInfo: { type: 'InClusterConfig', kubeConfigFile: '/a' } })],
      at(
        'connectionInfo.kubeConfigFile: Invalid value: "/a": can only be set when type=KubeConfigFile',
      ),
    ],
    ['with conditions', [when("request.user == 'x'", 'has(request.resourceAttributes)')], ''],
    [
      'with conditions of no version',
      [hook({ matchConditions: [{ expression: 'true' }] })],
      at(
        'matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified',
      ),
    ],
    [
      'with conditions of another',
      [hook({ matchConditionSubjectAccessReviewVersion: 'v1beta1' })],
      at(
        'matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": supported values: "v1"',
      ),
    ],
    [
      'with a condition of nothing',
      [when(' ')],
      at('matchConditions[0].expression: Required value'),
    ],
    [
      'with a condition twice',
      [when('true', 'true')],
      at('matchConditions[1].expression: Duplicate value: "true"'),
    ],
    [
      'with a condition that is no truth',
      [when('request.user')],
      at(
        'matchConditions[0].expression: Invalid value: "request.user": must evaluate to bool but got string',
      ),
    ],
    [
      'with a condition of what is not there',
      [when("request.x == 'a'")],
      at(
        "matchConditions[0].expression: Invalid value: \"request.x == 'a'\": compilation failed: ERROR: <input>:1:8: undefined field 'x'\n | request.x == 'a'\n | .......^",
      ),
    ],
    [
      'with 65 conditions',
      [when(...Array.from({ length: 65 }, (_none, i) => `${i} == 0`))],
      at('matchConditions: Too many: 65: must have at most 64 items'),
    ],
    [
      'with what is unknown',
      [{ ...hook(), foo: 1 }],
      'failed to load AuthorizationConfiguration from file: strict decoding error: unknown field "authorizers[0].foo"',
    ],
  ];
  for (const [what, authorizers, problem] of table) {
    it(`${what} is ${problem === '' ? 'fine' : 'refused'}`, () => {
      assert.equal(problemOf(...authorizers), problem);
    });
  }
});
