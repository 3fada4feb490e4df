import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type {
  ClusterRole,
  ClusterRoleBinding,
  EndpointSlice,
  Endpoints,
  KubeObject,
  Service,
} from '@kubets/api';
import { serviceUnavailable } from '@kubets/api';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { createAuthorizer } from '../auth/authorizer.ts';
import { LIMITS } from '../edge-limits.ts';
import { asks, FakeStore, failure, user } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { createBootstrap } from './bootstrap.ts';
import { masterSlices } from './master-service.ts';
import { MasterLeases } from './masters.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { clusterRole, parseRule } from './policy-notation.ts';
import { mergePolicy, reconcilePolicy } from './reconcile-policy.ts';

let store: FakeStore;
let clock: ManualClock;
beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(0);
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
};

const bootstrap = (identity = 'a:6444', port = 6443) =>
  createBootstrap({
    store,
    clusterIp: '10.96.0.1',
    advertiseAddress: '192.0.2.1',
    advertisePort: port,
    identity,
    hostname: 'h',
    instance: 'i',
    clientCa: 'PEM',
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });

describe('policy notation', () => {
  it('reads resources, names and paths', () => {
    assert.deepEqual(parseRule('read | core apps | pods deployments'), {
      verbs: ['get', 'list', 'watch'],
      apiGroups: ['', 'apps'],
      resources: ['pods', 'deployments'],
    });
    assert.deepEqual(parseRule('update | core | configmaps | a b').resourceNames, ['a', 'b']);
    assert.deepEqual(parseRule('get | /api /api/*'), {
      verbs: ['get'],
      nonResourceURLs: ['/api', '/api/*'],
    });
  });
});

describe('the default policy', () => {
  const names = (objects: readonly KubeObject[]) =>
    objects.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);

  it('has no name twice, and binds only roles it has', () => {
    const { clusterRoles, clusterRoleBindings, roles, roleBindings } = DEFAULT_POLICY;
    for (const list of [clusterRoles, clusterRoleBindings, roles, roleBindings]) {
      assert.equal(new Set(names(list)).size, list.length);
    }
    const known = new Set(clusterRoles.map((role) => role.metadata.name));
    for (const { roleRef } of clusterRoleBindings) assert.ok(known.has(roleRef.name), roleRef.name);
    const local = new Set(names(roles));
    for (const { roleRef, metadata } of roleBindings) {
      assert.ok(local.has(`${metadata.namespace}/${roleRef.name}`), roleRef.name);
    }
  });

  it('leaves no rule without verbs, groups or resources', () => {
    for (const role of [...DEFAULT_POLICY.clusterRoles, ...DEFAULT_POLICY.roles]) {
      for (const rule of role.rules ?? []) {
        assert.ok(rule.verbs.length > 0, role.metadata.name);
        const parts = (rule.apiGroups?.length ?? 0) * (rule.resources?.length ?? 0);
        assert.ok(parts > 0 || (rule.nonResourceURLs?.length ?? 0) > 0, role.metadata.name);
      }
    }
  });

  const can: [string, string, { namespace?: string; name?: string }, boolean][] = [
    ['system:kube-scheduler', 'create pods/binding', { namespace: 'ns' }, true],
    ['system:kube-scheduler', 'patch pods/status', { namespace: 'ns' }, true],
    ['system:kube-scheduler', 'create events', { namespace: 'ns' }, true],
    [
      'system:kube-scheduler',
      'update leases.coordination.k8s.io',
      { namespace: 'kube-system', name: 'kube-scheduler' },
      true,
    ],
    ['system:kube-scheduler', 'get secrets', { namespace: 'ns' }, false],
    ['system:kube-scheduler', 'create pods', { namespace: 'ns' }, false],
    ['system:kube-controller-manager', 'create replicasets.apps', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'create pods', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'update nodes', {}, true],
    ['system:kube-controller-manager', 'update namespaces/finalize', { name: 'ns' }, true],
    ['system:kube-controller-manager', 'create serviceaccounts', { namespace: 'ns' }, true],
    [
      'system:kube-controller-manager',
      'create endpointslices.discovery.k8s.io',
      { namespace: 'ns' },
      true,
    ],
    [
      'system:kube-controller-manager',
      'update leases.coordination.k8s.io',
      { namespace: 'kube-system', name: 'kube-controller-manager' },
      true,
    ],
    [
      'system:kube-controller-manager',
      'create clusterrolebindings.rbac.authorization.k8s.io',
      {},
      false,
    ],
    ['system:kube-proxy', 'watch endpointslices.discovery.k8s.io', {}, true],
    ['system:kube-proxy', 'get nodes', { name: 'n' }, true],
    ['system:kube-proxy', 'list pods', {}, false],
    ['system:cloud-controller-manager', 'patch services/status', { namespace: 'ns' }, true],
    ['system:cloud-controller-manager', 'delete nodes', { name: 'n' }, true],
    ['system:cloud-controller-manager', 'create services', { namespace: 'ns' }, false],
    ['system:cloud-controller-manager', 'list pods', {}, false],
    ['system:cloud-controller-manager', 'get secrets', { namespace: 'ns' }, false],
    [
      'system:cloud-controller-manager',
      'update leases.coordination.k8s.io',
      { namespace: 'kube-system', name: 'cloud-controller-manager' },
      true,
    ],
    ['system:kube-dns', 'watch services', {}, true],
    ['system:kube-dns', 'get secrets', { namespace: 'ns' }, false],
    ['system:kube-dns', 'create services', { namespace: 'kube-system' }, true],
    [
      'system:kube-dns',
      'update endpointslices.discovery.k8s.io',
      { namespace: 'kube-system' },
      true,
    ],
    ['system:kube-dns', 'create services', { namespace: 'default' }, false],
    ['system:kube-controller-manager', 'patch deployments.apps/status', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'patch deployments.apps', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'update replicasets.apps/status', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'patch namespaces/status', { name: 'ns' }, true],
    ['system:kube-controller-manager', 'patch pods/status', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'update secrets', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'create configmaps', { namespace: 'ns' }, true],
    ['system:kube-controller-manager', 'delete endpoints', { namespace: 'ns' }, true],
    [
      'system:kube-controller-manager',
      'create leases.coordination.k8s.io',
      { namespace: 'kube-system' },
      true,
    ],
    ['system:kube-scheduler', 'watch replicasets.apps', {}, true],
    ['system:kube-scheduler', 'watch namespaces', {}, true],
    ['system:kube-scheduler', 'delete pods', { namespace: 'ns' }, true],
    ['joe', 'get /openapi/v2', {}, true],
    ['joe', 'create selfsubjectaccessreviews.authorization.k8s.io', {}, true],
    ['joe', 'get pods', { namespace: 'ns' }, false],
    ['joe', 'get /metrics', {}, false],
  ];
  for (const [who, question, o, allowed] of can) {
    it(`${who}: ${question} ${o.namespace ?? ''}/${o.name ?? ''} → ${allowed}`, async () => {
      await reconcilePolicy(store, DEFAULT_POLICY);
      const { authorizer } = createAuthorizer(store);
      const decision = await authorizer.authorize(asks(user(who), question, o));
      assert.equal(decision.allowed, allowed);
    });
  }

  it('admin, edit and view have their rights without any controller', async () => {
    await reconcilePolicy(store, DEFAULT_POLICY);
    for (const name of ['admin', 'edit', 'view']) {
      store.seed({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: 'ns', name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'User', name }],
      } as ClusterRoleBinding);
    }
    const { authorizer } = createAuthorizer(store);
    const may = async (who: string, question: string) =>
      (await authorizer.authorize(asks(user(who), question, { namespace: 'ns' }))).allowed;
    assert.ok(await may('view', 'list pods'));
    assert.ok(!(await may('view', 'get secrets')));
    assert.ok(await may('edit', 'list pods'));
    assert.ok(await may('edit', 'delete deployments.apps'));
    assert.ok(!(await may('edit', 'create roles.rbac.authorization.k8s.io')));
    // Whoever may edit may also pass on what roles of old clusters name.
    assert.ok(await may('view', 'list ingresses.extensions'));
    assert.ok(await may('edit', 'delete networkpolicies.extensions'));
    assert.ok(!(await may('view', 'delete ingresses.extensions')));
    assert.ok(await may('admin', 'create roles.rbac.authorization.k8s.io'));
    assert.ok(!(await may('admin', 'update resourcequotas')));
  });
});

describe('putting the policy in order', () => {
  const role = clusterRole('r', 'get | core | pods\nlist | core | pods');

  it('adds missing rules and keeps added ones', () => {
    const present = {
      ...structuredClone(role),
      rules: [parseRule('get | core | pods'), parseRule('get | core | secrets')],
    };
    assert.deepEqual(mergePolicy(present, role)?.rules, [
      parseRule('get | core | pods'),
      parseRule('get | core | secrets'),
      parseRule('list | core | pods'),
    ]);
    assert.equal(mergePolicy(structuredClone(role), role), undefined);
  });

  it('leaves alone what is marked so', () => {
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    const present: ClusterRole = {
      ...role,
      rules: [],
      metadata: { ...role.metadata, annotations },
    };
    assert.equal(mergePolicy(present, role), undefined);
  });

  it('adds missing subjects, but leaves a binding that was pointed elsewhere', () => {
    const wanted = DEFAULT_POLICY.clusterRoleBindings.find(
      (b) => b.metadata.name === 'system:discovery',
    );
    assert.ok(wanted);
    const bare: ClusterRoleBinding = {
      ...structuredClone(wanted),
      subjects: [{ kind: 'User', name: 'x' }],
    };
    assert.equal(mergePolicy(bare, wanted)?.subjects?.length, 2);
    const other = { ...bare, roleRef: { ...bare.roleRef, name: 'view' } };
    assert.equal(mergePolicy(other, wanted), undefined);
  });

  it('three apiservers at once, with caches that lag, end with each object once', async () => {
    store.lagging = true;
    await Promise.all([1, 2, 3].map(() => reconcilePolicy(store, DEFAULT_POLICY)));
    assert.equal(store.all(GVR.clusterRoles).length, DEFAULT_POLICY.clusterRoles.length);
    assert.equal(
      store.all(GVR.clusterRoleBindings).length,
      DEFAULT_POLICY.clusterRoleBindings.length,
    );
  });

  it('writes nothing when all is there', async () => {
    await reconcilePolicy(store, DEFAULT_POLICY);
    const before = store.all(GVR.clusterRoles).map((one) => one.metadata.resourceVersion);
    await reconcilePolicy(store, DEFAULT_POLICY);
    const after = store.all(GVR.clusterRoles).map((one) => one.metadata.resourceVersion);
    assert.deepEqual(after, before);
  });
});

describe('a new cluster', () => {
  it('gets its namespaces, classes, policy, service and configuration', async () => {
    const one = bootstrap();
    one.start();
    await one.whenDone();
    await settle();
    assert.ok(one.done());
    assert.deepEqual(
      store
        .all(GVR.namespaces)
        .map((object) => object.metadata.name)
        .sort(),
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
    );
    assert.equal(store.all(GVR.priorityClasses).length, 2);
    const [service] = store.all(GVR.services) as Service[];
    assert.equal(service?.spec?.clusterIP, '10.96.0.1');
    assert.deepEqual(service?.metadata.labels, { component: 'apiserver', provider: 'kubernetes' });
    const [endpoints] = store.all(GVR.endpoints) as Endpoints[];
    assert.deepEqual(endpoints?.subsets, [
      {
        addresses: [{ ip: '192.0.2.1' }],
        ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
      },
    ]);
    await one.stop();
  });

  it('is set up once the store is there', async () => {
    let away = true;
    store.beforeCreate = () => {
      if (away) throw serviceUnavailable('no leader');
    };
    const one = bootstrap();
    one.start();
    await settle();
    assert.equal(one.done(), false);
    away = false;
    clock.advance(LIMITS.bootstrapRetryMaxMs);
    await one.whenDone();
    await one.stop();
  });

  it('can be given up before it is set up', async () => {
    store.beforeCreate = () => {
      throw serviceUnavailable('no leader');
    };
    const one = bootstrap();
    one.start();
    await settle();
    await one.stop();
    assert.equal(one.done(), false);
  });
});

describe('the apiservers behind the kubernetes service', () => {
  const lease = (identity: string, address = '192.0.2.1', port = 6443) =>
    new MasterLeases({
      ...{ store, identity, clusterIp: '10.96.0.1', clock },
      self: { address, port },
      log: silentLogger,
    });
  const addresses = () => {
    const [endpoints] = store.all(GVR.endpoints) as Endpoints[];
    return endpoints?.subsets?.flatMap((subset) =>
      (subset.addresses ?? []).map((one) => `${one.ip}:${subset.ports?.[0]?.port}`),
    );
  };

  it('are all that live, once each', async () => {
    await lease('a').renew();
    await lease('b').renew();
    await lease('c', '192.0.2.3').renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443', '192.0.2.3:6443']);
  });

  it('one that died goes after its silence, by the clock of the one that watches', async () => {
    const [a, b] = [lease('a'), lease('b', '192.0.2.2')];
    await a.renew();
    await b.renew();
    await a.renew();
    clock.advance(LIMITS.masterLeaseExpiryMs - 1);
    await a.renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443', '192.0.2.2:6443']);
    clock.advance(1);
    await a.renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443']);
    await b.renew();
    await a.renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443', '192.0.2.2:6443']);
  });

  it('one that stops leaves at once, but the last address stays', async () => {
    const [a, b] = [lease('a'), lease('b', '192.0.2.2')];
    await a.renew();
    await b.renew();
    await b.stop();
    assert.deepEqual(addresses(), ['192.0.2.1:6443']);
    await a.stop();
    assert.deepEqual(addresses(), ['192.0.2.1:6443']);
  });

  it('renew by themselves', async () => {
    const a = lease('a');
    a.start();
    await settle();
    const before = (await store.raw.get('/registry/masterleases/a')).revision;
    clock.advance(LIMITS.masterLeaseRenewMs);
    await settle();
    assert.ok((await store.raw.get('/registry/masterleases/a')).revision > before);
    await a.stop();
    assert.equal((await store.raw.get('/registry/masterleases/a')).value, undefined);
  });

  it('a service that somebody deleted is back with the next round', async () => {
    const a = lease('a');
    await a.renew();
    await store.delete({ ...GVR.services, namespace: 'default', name: 'kubernetes' });
    await a.renew();
    const [service] = store.all(GVR.services) as Service[];
    assert.equal(service?.spec?.clusterIP, '10.96.0.1');
    assert.equal(service?.spec?.ports?.[0]?.targetPort, 6443);
  });

  it('different ports make several slices, and one too many goes', async () => {
    const slices = masterSlices([
      { address: '192.0.2.1', port: 6445 },
      { address: '192.0.2.1', port: 6443 },
    ]);
    assert.deepEqual(
      slices.map((slice) => slice.metadata.name),
      ['kubernetes', 'kubernetes-6445'],
    );
    const [a, b] = [lease('a'), lease('b', '192.0.2.1', 6445)];
    await b.renew();
    await a.renew();
    const names = () =>
      (store.all(GVR.endpointSlices) as EndpointSlice[]).map((slice) => slice.metadata.name).sort();
    assert.deepEqual(names(), ['kubernetes', 'kubernetes-6445']);
    await b.stop();
    assert.deepEqual(names(), ['kubernetes']);
  });

  it('leave out those that only this machine can reach', async () => {
    const error = await failure(() => lease('a', '127.0.0.1').renew());
    assert.match(error.message, /set --advertise-address$/);
    assert.equal(addresses(), undefined);
    assert.equal(store.all(GVR.services)[0]?.metadata.name, 'kubernetes');
    await lease('b').renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443']);
  });

  it('a list that is right is not written again, one that was edited is', async () => {
    const a = lease('a');
    await a.renew();
    const version = () => store.all(GVR.endpoints)[0]?.metadata.resourceVersion;
    const before = version();
    await a.renew();
    assert.equal(version(), before);
    const [endpoints] = store.all(GVR.endpoints) as Endpoints[];
    store.seed({ ...endpoints, subsets: [] } as unknown as Endpoints);
    await a.renew();
    assert.deepEqual(addresses(), ['192.0.2.1:6443']);
  });
});
