import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as errors from './errors.ts';
import { aggregateText, FieldError, GoText, invalid, required, tooLong } from './field-error.ts';

const pods = { group: '', resource: 'pods' };
const deployments = { group: 'apps', resource: 'deployments' };

describe('each maker gives the stock server’s Status', () => {
  const cases: readonly [string, errors.ApiError, number, string, string][] = [
    ['notFound', errors.notFound(pods, 'x'), 404, 'NotFound', 'pods "x" not found'],
    [
      'notFound with a group',
      errors.notFound(deployments, 'x'),
      404,
      'NotFound',
      'deployments.apps "x" not found',
    ],
    [
      'alreadyExists',
      errors.alreadyExists(pods, 'x'),
      409,
      'AlreadyExists',
      'pods "x" already exists',
    ],
    [
      'beingDeleted',
      errors.beingDeleted(pods, 'x'),
      409,
      'AlreadyExists',
      'object is being deleted: pods "x" already exists',
    ],
    [
      'conflict',
      errors.conflict(deployments, 'x'),
      409,
      'Conflict',
      'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; please apply your changes to the latest version and try again',
    ],
    ['unauthorized', errors.unauthorized(), 401, 'Unauthorized', 'Unauthorized'],
    ['badRequest', errors.badRequest('why'), 400, 'BadRequest', 'why'],
    ['internal', errors.internal('boom'), 500, 'InternalError', 'Internal error occurred: boom'],
    ['expired', errors.expired('old'), 410, 'Expired', 'old'],
    ['timeout', errors.timeout('late'), 504, 'Timeout', 'Timeout: late'],
    [
      'methodNotSupported',
      errors.methodNotSupported(deployments, 'get'),
      405,
      'MethodNotAllowed',
      'get is not supported on resources of kind "deployments.apps"',
    ],
    [
      'serverTimeout',
      errors.serverTimeout(pods, 'list'),
      500,
      'ServerTimeout',
      'The list operation against pods could not be completed at this time, please try again.',
    ],
  ];
  for (const [name, error, code, reason, message] of cases) {
    test(name, () => {
      assert.equal(error.code, code);
      assert.equal(error.reason, reason);
      assert.equal(error.message, message);
      assert.equal(error.status.status, 'Failure');
      assert.equal(error.status.kind, 'Status');
    });
  }

  test('details leave empty parts out', () => {
    assert.deepEqual(errors.notFound(pods, 'x').status.details, { name: 'x', kind: 'pods' });
    assert.deepEqual(errors.notFound(deployments, 'x').status.details, {
      name: 'x',
      group: 'apps',
      kind: 'deployments',
    });
  });
});

describe('forbidden', () => {
  test('names user, verb, resource and place', () => {
    const error = errors.forbidden({ user: 'joe', verb: 'list', group: '', resource: 'pods' });
    assert.equal(
      error.message,
      'pods is forbidden: User "joe" cannot list resource "pods" in API group "" at the cluster scope',
    );
    assert.equal(error.code, 403);
  });

  test('an object in a namespace, a subresource, a reason', () => {
    const error = errors.forbidden({
      user: 'joe',
      verb: 'get',
      group: 'apps',
      resource: 'deployments',
      subresource: 'scale',
      namespace: 'n',
      name: 'd',
      reason: 'no rule',
    });
    assert.equal(
      error.message,
      'deployments.apps "d" is forbidden: User "joe" cannot get resource "deployments/scale" in API group "apps" in the namespace "n": no rule',
    );
  });

  test('a path', () => {
    const error = errors.forbidden({ user: 'u', verb: 'get', path: '/metrics' });
    assert.equal(error.message, 'forbidden: User "u" cannot get path "/metrics"');
    assert.deepEqual(error.status.details, {});
  });
});

describe('field errors', () => {
  const cases: readonly [FieldError, string][] = [
    [invalid('spec.a', 'x', 'bad'), 'spec.a: Invalid value: "x": bad'],
    [invalid('spec.a', 5, 'bad'), 'spec.a: Invalid value: 5: bad'],
    [invalid('spec.a', 'q"\n', 'bad'), 'spec.a: Invalid value: "q\\"\\n": bad'],
    [invalid('spec.a', null, 'bad'), 'spec.a: Invalid value: null: bad'],
    [invalid('spec.a', new GoText('m[x]'), 'bad'), 'spec.a: Invalid value: m[x]: bad'],
    [required('spec.a'), 'spec.a: Required value'],
    [required('spec.a', 'why'), 'spec.a: Required value: why'],
    [tooLong('data', '', 10), 'data: Too long: may not be more than 10 bytes'],
    [new FieldError('Duplicate', 'a[1]', 'x'), 'a[1]: Duplicate value: "x"'],
    [new FieldError('NotFound', 'a', 'x'), 'a: Not found: "x"'],
    [new FieldError('Forbidden', 'a', '', 'no'), 'a: Forbidden: no'],
  ];
  for (const [error, text] of cases) {
    test(text, () => {
      assert.equal(String(error), text);
    });
  }

  test('one stands alone, several in brackets, repetitions once', () => {
    const a = required('a');
    assert.equal(aggregateText([a]), 'a: Required value');
    assert.equal(aggregateText([a, required('b')]), '[a: Required value, b: Required value]');
    assert.equal(aggregateText([a, a]), 'a: Required value');
  });

  test('become the causes of a Status', () => {
    const error = errors.invalidObject({ group: 'apps', kind: 'Deployment' }, 'd', [
      required('spec.selector'),
      invalid('spec.replicas', -1, 'must not be negative'),
    ]);
    assert.equal(error.code, 422);
    assert.match(error.message, /^Deployment\.apps "d" is invalid: \[spec\.selector: Required/);
    assert.deepEqual(error.status.details?.causes?.[0], {
      reason: 'FieldValueRequired',
      message: 'Required value',
      field: 'spec.selector',
    });
  });
});

describe('recognising errors', () => {
  test('by reason, never by text', () => {
    assert.ok(errors.isNotFound(errors.notFound(pods, 'x')));
    assert.ok(errors.isNotFound(errors.fromStatus({ reason: 'NotFound', code: 404 })));
    assert.ok(!errors.isNotFound(new Error('pods "x" not found')));
    assert.ok(errors.isConflict(errors.conflict(pods, 'x')));
    assert.ok(errors.isExpired(errors.gone('g')));
    assert.ok(errors.isRetriable(errors.tooManyRequests('later', 1)));
    assert.ok(!errors.isRetriable(errors.badRequest('no')));
  });

  test('a Status that is none is an unclassified failure', () => {
    assert.equal(errors.fromStatus('x').code, 500);
  });
});
