import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '@kubets/api';
import { asks, FakeStore, user } from '../edge-testing.ts';
import type { UserInfo } from '../ports.ts';
import { GVR } from '../resources.ts';
import { bindingKeys, escalationText, RbacAuthorizer } from './rbac.ts';
import { watchRbac } from './rbac-index.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';
const READ_PODS: PolicyRule[] = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }];

const role = (namespace: string, name: string, rules = READ_PODS): Role => ({
  apiVersion,
  kind: 'Role',
  metadata: { namespace, name },
  rules,
});
const clusterRole = (
  name: string,
  rules = READ_PODS,
  more: Partial<ClusterRole> = {},
): ClusterRole => ({
  apiVersion,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
  ...more,
});
const binding = (
  kind: 'RoleBinding' | 'ClusterRoleBinding',
  o: { name: string; namespace?: string; ref: string; subjects: [string, string, string?][] },
): RoleBinding => {
  const [refKind = '', name = ''] = o.ref.split('/');
  return {
    apiVersion,
    kind,
    metadata: { name: o.name, ...(o.namespace ? { namespace: o.namespace } : {}) },
    roleRef: { apiGroup, kind: refKind, name },
    subjects: o.subjects.map(([subjectKind, subject, namespace]) => ({
      kind: subjectKind,
      name: subject,
      ...(namespace ? { namespace } : {}),
    })),
  };
};

describe('RBAC', () => {
  let store: FakeStore;
  let rbac: RbacAuthorizer;
  const joe = user('joe', 'dev');

  beforeEach(() => {
    store = new FakeStore();
    rbac = new RbacAuthorizer(watchRbac(store).index);
  });

  const check = (who: UserInfo, question: string, namespace = '') =>
    rbac.authorize(asks(who, question, { namespace }));

  it('has no opinion without bindings', () => {
    assert.deepEqual(check(joe, 'get pods', 'a'), { allowed: false, reason: '' });
  });

  it('allows by a RoleBinding in its namespace only, and says by which', () => {
    store.seed(
      role('a', 'r'),
      binding('RoleBinding', {
        name: 'b',
        namespace: 'a',
        ref: 'Role/r',
        subjects: [['User', 'joe']],
      }),
    );
    assert.deepEqual(check(joe, 'get pods', 'a'), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/a" of Role "r" to User "joe"',
    });
    assert.equal(check(joe, 'get pods', 'b').allowed, false);
    assert.equal(check(joe, 'get pods').allowed, false);
    assert.equal(check(user('ann'), 'get pods', 'a').allowed, false);
  });

  it('allows by a ClusterRole bound in one namespace, to a group', () => {
    store.seed(
      clusterRole('r'),
      binding('RoleBinding', {
        name: 'b',
        namespace: 'a',
        ref: 'ClusterRole/r',
        subjects: [['Group', 'dev']],
      }),
    );
    const { allowed, reason } = check(joe, 'list pods', 'a');
    assert.ok(allowed);
    assert.equal(reason, 'RBAC: allowed by RoleBinding "b/a" of ClusterRole "r" to Group "dev"');
    assert.equal(check(joe, 'list pods', 'b').allowed, false);
  });

  it('allows everywhere by a ClusterRoleBinding', () => {
    store.seed(
      clusterRole('r', [...READ_PODS, { verbs: ['get'], nonResourceURLs: ['/metrics'] }]),
      binding('ClusterRoleBinding', {
        name: 'b',
        ref: 'ClusterRole/r',
        subjects: [['User', 'joe']],
      }),
    );
    assert.ok(check(joe, 'get pods', 'any').allowed);
    assert.ok(check(joe, 'list pods').allowed);
    assert.ok(check(joe, 'get /metrics').allowed);
    assert.equal(check(joe, 'get /other').allowed, false);
  });

  it('knows service accounts by subject, in the binding’s namespace when none is named', () => {
    store.seed(
      role('a', 'r'),
      binding('RoleBinding', {
        name: 'b',
        namespace: 'a',
        ref: 'Role/r',
        subjects: [
          ['ServiceAccount', 'sa'],
          ['ServiceAccount', 'other', 'x'],
        ],
      }),
    );
    const account = user('system:serviceaccount:a:sa');
    assert.equal(
      check(account, 'get pods', 'a').reason,
      'RBAC: allowed by RoleBinding "b/a" of Role "r" to ServiceAccount "sa/a"',
    );
    assert.ok(check(user('system:serviceaccount:x:other'), 'get pods', 'a').allowed);
    assert.equal(check(user('system:serviceaccount:x:sa'), 'get pods', 'a').allowed, false);
  });

  it('says which role is missing', () => {
    store.seed(
      binding('RoleBinding', {
        name: 'b',
        namespace: 'a',
        ref: 'Role/gone',
        subjects: [['User', 'joe']],
      }),
    );
    assert.deepEqual(check(joe, 'get pods', 'a'), {
      allowed: false,
      reason: 'RBAC: role.rbac.authorization.k8s.io "gone" not found',
    });
  });

  it('follows every change of roles and bindings', async () => {
    const bound = binding('RoleBinding', {
      name: 'b',
      namespace: 'a',
      ref: 'Role/r',
      subjects: [['User', 'joe']],
    });
    store.seed(role('a', 'r'), bound);
    assert.ok(check(joe, 'get pods', 'a').allowed);
    store.seed(role('a', 'r', [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }]));
    assert.equal(check(joe, 'get pods', 'a').allowed, false);
    assert.ok(check(joe, 'get secrets', 'a').allowed);
    store.seed({ ...bound, subjects: [{ kind: 'User', name: 'ann' }] } as RoleBinding);
    assert.equal(check(joe, 'get secrets', 'a').allowed, false);
    assert.ok(check(user('ann'), 'get secrets', 'a').allowed);
    await store.delete({ ...GVR.roleBindings, namespace: 'a', name: 'b' });
    assert.equal(check(user('ann'), 'get secrets', 'a').allowed, false);
  });

  it('takes over the rules of aggregated roles, through several levels and loops', () => {
    const selector = (to: string) => ({
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`to-${to}`]: 'true' } }] },
    });
    const labelled = (name: string, to: string, rules: PolicyRule[], more = {}) =>
      clusterRole(name, rules, { metadata: { name, labels: { [`to-${to}`]: 'true' } }, ...more });
    store.seed(
      clusterRole('admin', [], selector('admin')),
      labelled('edit', 'admin', [], selector('edit')),
      labelled('parts', 'edit', READ_PODS, selector('admin')),
      binding('ClusterRoleBinding', {
        name: 'b',
        ref: 'ClusterRole/admin',
        subjects: [['User', 'joe']],
      }),
    );
    assert.ok(check(joe, 'get pods', 'a').allowed);
    assert.equal(check(joe, 'get secrets', 'a').allowed, false);
  });

  it('lists the rules of a user', () => {
    store.seed(
      role('a', 'r'),
      binding('RoleBinding', {
        name: 'b',
        namespace: 'a',
        ref: 'Role/r',
        subjects: [['User', 'joe']],
      }),
    );
    assert.deepEqual(rbac.rulesFor(joe, 'a'), { rules: READ_PODS, errors: [] });
    assert.deepEqual(rbac.rulesFor(joe, 'b'), { rules: [], errors: [] });
  });
});

it('a subject without namespace in a cluster-wide binding names no account', () => {
  const one = binding('ClusterRoleBinding', {
    name: 'b',
    ref: 'ClusterRole/r',
    subjects: [['ServiceAccount', 'sa']],
  });
  assert.deepEqual(bindingKeys(one), []);
});

it('names the user, the groups and what is missing, sorted and once', () => {
  const text = escalationText(user('joe', 'dev'), ['{b}', '{a}', '{b}']);
  assert.equal(
    text,
    'user "joe" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{a}\n{b}',
  );
});
