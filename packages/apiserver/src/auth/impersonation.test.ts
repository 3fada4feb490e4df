import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failure, user } from '../edge-testing.ts';
import type { AuthorizationAttributes, Authorizer } from '../ports.ts';
import { createImpersonator, PlainTextError, readImpersonation } from './impersonation.ts';

const admin = user('admin', 'system:masters');

function recording(allowed: (asked: AuthorizationAttributes) => boolean = () => true) {
  const asked: string[] = [];
  const authorizer: Authorizer = {
    async authorize(a) {
      const sub = a.subresource ? `/${a.subresource}` : '';
      asked.push(`${a.verb} ${a.resource}${sub} [${a.apiGroup}] ${a.namespace}/${a.name}`);
      return { allowed: allowed(a), reason: '' };
    },
  };
  return { asked, impersonator: createImpersonator(authorizer) };
}

describe('impersonation', () => {
  it('changes nothing and asks nothing without headers', async () => {
    const { asked, impersonator } = recording();
    assert.equal(await impersonator.impersonate(admin, { accept: '*/*' }), admin);
    assert.deepEqual(asked, []);
  });

  it('becomes a user, authenticated', async () => {
    const { impersonator } = recording();
    assert.deepEqual(await impersonator.impersonate(admin, { 'impersonate-user': 'alice' }), {
      name: 'alice',
      uid: '',
      groups: ['system:authenticated'],
      extra: {},
    });
  });

  it('asks for each part: user, groups, extra, uid', async () => {
    const { asked, impersonator } = recording();
    const became = await impersonator.impersonate(admin, {
      'impersonate-user': 'alice',
      'impersonate-group': ['g1', 'g2'],
      'impersonate-uid': 'u-9',
      'impersonate-extra-scopes': 'view',
      'impersonate-extra-a%2fb': 'x',
    });
    assert.deepEqual(became, {
      name: 'alice',
      uid: 'u-9',
      groups: ['g1', 'g2', 'system:authenticated'],
      extra: { scopes: ['view'], 'a/b': ['x'] },
    });
    assert.deepEqual(asked, [
      'impersonate users [] /alice',
      'impersonate groups [] /g1',
      'impersonate groups [] /g2',
      'impersonate userextras/scopes [authentication.k8s.io] /view',
      'impersonate userextras/a/b [authentication.k8s.io] /x',
      'impersonate uids [authentication.k8s.io] /u-9',
    ]);
  });

  it('a service account brings its groups, unless others are named', async () => {
    const { asked, impersonator } = recording();
    const name = 'system:serviceaccount:ns:sa';
    const became = await impersonator.impersonate(admin, { 'impersonate-user': name });
    assert.deepEqual(became.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ]);
    assert.deepEqual(asked, ['impersonate serviceaccounts [] ns/sa']);
    const other = await impersonator.impersonate(admin, {
      'impersonate-user': name,
      'impersonate-group': 'g',
    });
    assert.deepEqual(other.groups, ['g', 'system:authenticated']);
  });

  it('what no service account can be called is a plain user', async () => {
    for (const name of ['system:serviceaccount:N:sa', 'system:serviceaccount:ns:a_b']) {
      const { asked, impersonator } = recording();
      const became = await impersonator.impersonate(admin, { 'impersonate-user': name });
      assert.deepEqual(became.groups, ['system:authenticated']);
      assert.deepEqual(asked, [`impersonate users [] /${name}`]);
    }
  });

  it('anonymous is not authenticated', async () => {
    const { impersonator } = recording();
    const became = await impersonator.impersonate(admin, {
      'impersonate-user': 'system:anonymous',
    });
    assert.deepEqual(became.groups, ['system:unauthenticated']);
  });

  it('refuses the first part the user may not take', async () => {
    const { impersonator } = recording((asked) => asked.resource !== 'groups');
    const headers = { 'impersonate-user': 'a', 'impersonate-group': 'system:masters' };
    const error = await failure(() => impersonator.impersonate(user('joe'), headers));
    assert.equal(
      error.message,
      'groups "system:masters" is forbidden: User "joe" cannot impersonate resource "groups" in API group "" at the cluster scope',
    );
    assert.equal(error.code, 403);
  });

  it('names the namespace of a service account', async () => {
    const { impersonator } = recording(() => false);
    const headers = { 'impersonate-user': 'system:serviceaccount:ns:sa' };
    const error = await failure(() => impersonator.impersonate(user('joe'), headers));
    assert.equal(
      error.message,
      'serviceaccounts "sa" is forbidden: User "joe" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "ns"',
    );
  });

  it('refuses groups, uid or extra without a user', () => {
    for (const headers of [
      { 'impersonate-group': 'g' },
      { 'impersonate-uid': 'u' },
      { 'impersonate-extra-x': 'y' },
    ]) {
      assert.throws(() => readImpersonation(headers), PlainTextError);
    }
    assert.throws(
      () => readImpersonation({ 'impersonate-group': 'g' }),
      /^PlainTextError: requested \[\{Group {2}g {4}\}\] without impersonating a user$/,
    );
  });

  it('keeps a key that is no percent-encoding as it is', () => {
    const wanted = readImpersonation({ 'impersonate-user': 'a', 'impersonate-extra-100%': 'x' });
    assert.deepEqual(wanted?.extra, { '100%': ['x'] });
  });
});
