import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject, PolicyRule } from '@kubets/api';
import { admission, FakeStore, failure, user } from '../edge-testing.ts';
import type { AdmissionPlugin, UserInfo } from '../ports.ts';
import { createAuthorizer } from './authorizer.ts';
import { createEscalationCheck } from './escalation.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';
const joe = user('joe', 'dev');
const pods = (...verbs: string[]): PolicyRule => ({ verbs, apiGroups: [''], resources: ['pods'] });

const role = (name: string, rules: PolicyRule[]): KubeObject & { rules: PolicyRule[] } => ({
  apiVersion,
  kind: 'Role',
  metadata: { namespace: 'ns', name },
  rules,
});
const binding = (name: string, ref: string, subject = 'z') => {
  const [kind = '', refName = ''] = ref.split('/');
  return {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { namespace: 'ns', name },
    roleRef: { apiGroup, kind, name: refName },
    subjects: [{ kind: 'User', name: subject }],
  };
};

describe('handing out rights', () => {
  let store: FakeStore;
  let plugin: AdmissionPlugin;

  beforeEach(() => {
    store = new FakeStore();
    const { authorizer, rbac } = createAuthorizer(store);
    plugin = createEscalationCheck(authorizer, rbac);
    store.seed(role('mine', [pods('get')]), binding('mine', 'Role/mine', 'joe'));
  });

  const write = (object: KubeObject, o: { who?: UserInfo; old?: KubeObject } = {}) =>
    plugin.admit?.(
      admission(o.old ? 'UPDATE' : 'CREATE', object, { user: o.who ?? joe, oldObject: o.old }),
    );

  it('lets a user give what he has', async () => {
    await write(role('ok', [pods('get')]));
  });

  it('refuses what he has not, and says what', async () => {
    const wanted = [{ ...pods('get', 'list'), resources: ['pods', 'secrets'] }];
    const error = await failure(() => write(role('bad', wanted)));
    assert.equal(error.code, 403);
    assert.equal(
      error.message,
      'roles.rbac.authorization.k8s.io "bad" is forbidden: user "joe" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
    );
  });

  it('masters may give anything', async () => {
    await write(role('all', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]), {
      who: user('root', 'system:masters'),
    });
  });

  it('the verb escalate on roles is enough', async () => {
    const rule = { verbs: ['escalate'], apiGroups: [apiGroup], resources: ['roles'] };
    store.seed(role('e', [rule]), binding('e', 'Role/e', 'joe'));
    await write(role('all', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]));
  });

  it('a change that leaves the rules alone needs nothing', async () => {
    const old = role('big', [pods('*')]);
    const labelled = { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } };
    await write(labelled, { old });
    await assert.rejects(async () => write(role('big', [pods('*', 'x')]), { old }));
  });

  it('aggregating other roles takes all rights', async () => {
    const object = {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: 'agg' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    };
    const error = await failure(() => write(object));
    assert.match(error.message, /\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}/);
  });

  it('binds a role whose rights he has', async () => {
    await write(binding('ok', 'Role/mine'));
  });

  it('does not bind a role with more rights', async () => {
    store.seed(role('secrets', [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }]));
    const error = await failure(() => write(binding('no', 'Role/secrets')));
    assert.match(error.message, /^rolebindings\.rbac\.authorization\.k8s\.io "no" is forbidden: /);
    assert.match(error.message, /\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/);
  });

  it('the verb bind on that one role is enough', async () => {
    const rule = {
      verbs: ['bind'],
      apiGroups: [apiGroup],
      resources: ['roles'],
      resourceNames: ['s'],
    };
    store.seed(
      role('b', [rule]),
      binding('b', 'Role/b', 'joe'),
      role('s', [pods('*')]),
      role('t', [pods('*')]),
    );
    await write(binding('ok', 'Role/s'));
    assert.equal((await failure(() => write(binding('no', 'Role/t')))).code, 403);
  });

  it('binding a role that does not exist is not found', async () => {
    const error = await failure(() => write(binding('no', 'Role/missing')));
    assert.equal(error.code, 404);
    assert.equal(error.message, 'rolebindings.rbac.authorization.k8s.io "missing" not found');
  });

  it('other kinds and deletions are none of its business', async () => {
    await write({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'ns', name: 'c' } });
    const old = role('big', [pods('*')]);
    await plugin.admit?.(admission('DELETE', undefined, { user: joe, oldObject: old }));
  });
});
