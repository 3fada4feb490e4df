import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Event, KubeObject, Pod, PodSpec, Service, Toleration } from '@kubets/api';
import { builtinKinds } from '@kubets/api';
import { ConfigError, ManualClock } from '@kubets/platform';
import { admission, FakeStore, failure, user } from '../../edge-testing.ts';
import type { AdmissionPlugin, AuthorizationAttributes } from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { eventLimitsOf, eventRateLimit } from './event-rate-limit.ts';
import { namespaceAutoProvision, namespaceExists } from './namespace-presence.ts';
import { ownerPermission } from './owner-permission.ts';
import { podNodeSelector } from './pod-node-selector.ts';
import { extendedResourceToleration, podTolerationRestriction } from './pod-tolerations.ts';
import {
  alwaysDeny,
  denyServiceExternalIps,
  limitPodHardAntiAffinityTopology,
} from './refusals.ts';

const pod = (spec: Partial<PodSpec> = {}, name = 'p'): Pod & { spec: PodSpec } => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const namespace = (annotations: Record<string, string> = {}, name = 'ns'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations },
});

async function run(plugin: AdmissionPlugin, ...given: Parameters<typeof admission>): Promise<void> {
  const attributes = admission(...given);
  await plugin.admit?.(attributes);
  await plugin.validate?.(attributes);
}
const create = (plugin: AdmissionPlugin, object: KubeObject): Promise<void> =>
  run(plugin, 'CREATE', object);
const update = (plugin: AdmissionPlugin, oldObject: KubeObject, object: KubeObject) =>
  run(plugin, 'UPDATE', object, { oldObject });

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

describe('AlwaysDeny', () => {
  it('denies', async () => {
    const error = await failure(() => create(alwaysDeny(), pod()));
    const why = 'admission control is denying all modifications';
    assert.equal(error.message, `pods "p" is forbidden: ${why}`);
  });
});

describe('DenyServiceExternalIPs', () => {
  const plugin = denyServiceExternalIps();
  const service = (...externalIPs: string[]): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'ns', name: 's' },
    spec: { ...(externalIPs.length > 0 && { externalIPs }) },
  });
  const text = 'services "s" is forbidden: Use of external IPs is denied by admission control';

  it('takes Services without, and those that have theirs already', async () => {
    await create(plugin, service());
    await update(plugin, service('1.1.1.1', '2.2.2.2'), service('2.2.2.2'));
    await update(plugin, service('1.1.1.1'), service());
  });

  it('refuses new ones', async () => {
    assert.equal((await failure(() => create(plugin, service('1.1.1.1')))).message, text);
    const more = () => update(plugin, service('1.1.1.1'), service('1.1.1.1', '2.2.2.2'));
    assert.equal((await failure(more)).message, text);
  });
});

describe('LimitPodHardAntiAffinityTopology', () => {
  const plugin = limitPodHardAntiAffinityTopology();
  const apart = (...topologyKeys: string[]): Pod => {
    const terms = topologyKeys.map((topologyKey) => ({ topologyKey }));
    const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: terms };
    return pod({ affinity: { podAntiAffinity } });
  };

  it('takes host names alone', async () => {
    await create(plugin, pod());
    await create(plugin, apart('kubernetes.io/hostname'));
    const error = await failure(() => create(plugin, apart('kubernetes.io/hostname', 'zone')));
    assert.equal(
      error.message,
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    );
  });
});

describe('NamespaceExists', () => {
  it('refuses every write where there is no namespace', async () => {
    const plugin = namespaceExists(store);
    for (const operation of ['CREATE', 'UPDATE', 'DELETE'] as const) {
      const error = await failure(() => run(plugin, operation, pod(), { oldObject: pod() }));
      assert.equal(error.message, 'namespaces "ns" not found');
    }
    await create(plugin, namespace());
    store.seed(namespace());
    await create(plugin, pod());
  });
});

describe('NamespaceAutoProvision', () => {
  it('makes the namespace of what is created, not in a dry run', async () => {
    const plugin = namespaceAutoProvision(store);
    await run(plugin, 'CREATE', pod(), { dryRun: true });
    assert.equal(store.all(GVR.namespaces).length, 0);
    await create(plugin, pod());
    assert.deepEqual(
      store.all(GVR.namespaces).map(({ metadata }) => metadata.name),
      ['ns'],
    );
    await create(plugin, pod());
  });
});

describe('PodNodeSelector', () => {
  const KEY = 'scheduler.alpha.kubernetes.io/node-selector';

  it('adds the selector of the namespace', async () => {
    store.seed(namespace({ [KEY]: 'infra = false , env=test' }));
    const one = pod({ nodeSelector: { disk: 'ssd' } });
    await create(podNodeSelector(store), one);
    assert.deepEqual(one.spec.nodeSelector, { infra: 'false', env: 'test', disk: 'ssd' });
  });

  it('adds the default of the file where the namespace says nothing', async () => {
    store.seed(namespace());
    const one = pod();
    await create(podNodeSelector(store, { clusterDefaultNodeSelector: 'env=prod' }), one);
    assert.deepEqual(one.spec.nodeSelector, { env: 'prod' });
    const plain = pod();
    await create(podNodeSelector(store), plain);
    assert.equal(plain.spec.nodeSelector, undefined);
  });

  it('refuses what contradicts it, and what the file does not allow', async () => {
    store.seed(namespace({ [KEY]: 'env=test' }));
    const other = pod({ nodeSelector: { env: 'prod' } });
    assert.equal(
      (await failure(() => create(podNodeSelector(store), other))).message,
      'pods "p" is forbidden: pod node label selector conflicts with its namespace node label selector',
    );
    const plugin = podNodeSelector(store, { ns: 'env=test,zone=a' });
    await create(plugin, pod({ nodeSelector: { zone: 'a' } }));
    assert.equal(
      (await failure(() => create(plugin, pod({ nodeSelector: { zone: 'b' } })))).message,
      'pods "p" is forbidden: pod node label selector labels conflict with its namespace whitelist',
    );
  });

  it('cannot use what is no selector, or a namespace that is not there', async () => {
    assert.equal(
      (await failure(() => create(podNodeSelector(store), pod()))).message,
      'namespaces "ns" not found',
    );
    store.seed(namespace({ [KEY]: 'a=b=c' }));
    const error = await failure(() => create(podNodeSelector(store), pod()));
    assert.equal(error.message, 'invalid selector: [a b c]');
    assert.equal(error.code, 500);
  });
});

describe('PodTolerationRestriction', () => {
  const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations';
  const ALLOWED = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
  const on = (key: string): Toleration => ({ key, operator: 'Exists', effect: 'NoSchedule' });
  const text = (...all: Toleration[]): string => JSON.stringify(all);
  const PRESSURE = on('node.kubernetes.io/memory-pressure');
  const busy = { name: 'c', resources: { requests: { cpu: '1' } } };

  it('adds what the namespace, else the cluster, gives by default', async () => {
    store.seed(namespace({ [DEFAULTS]: text(on('a')) }));
    const one = pod({ tolerations: [on('own')] });
    const rules = { defaults: [on('b')], allowed: [] };
    await create(podTolerationRestriction(store, rules), one);
    assert.deepEqual(one.spec.tolerations, [on('own'), on('a')]);
    store.seed(namespace());
    const two = pod();
    await create(podTolerationRestriction(store, rules), two);
    assert.deepEqual(two.spec.tolerations, [on('b')]);
  });

  it('adds that pods that ask for something bear a lack of memory', async () => {
    store.seed(namespace());
    const one = pod({ containers: [busy] });
    await create(podTolerationRestriction(store), one);
    assert.deepEqual(one.spec.tolerations, [PRESSURE]);
  });

  it('refuses what is not allowed', async () => {
    store.seed(namespace({ [ALLOWED]: text(on('a')) }));
    const plugin = podTolerationRestriction(store, { defaults: [], allowed: [on('b')] });
    await create(plugin, pod({ tolerations: [on('a')] }));
    const error = await failure(() => create(plugin, pod({ tolerations: [on('b')] })));
    const about = (scope: string): string =>
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`;
    assert.equal(error.message, about('namespace'));
    assert.equal(error.code, 500);
    store.seed(namespace());
    await create(plugin, pod({ tolerations: [on('b')] }));
    const other = () => create(plugin, pod({ tolerations: [on('a')] }));
    assert.equal((await failure(other)).message, about('cluster'));
  });
});

describe('ExtendedResourceToleration', () => {
  it('tolerates the taint of each device that is asked for', async () => {
    const asks = (...names: string[]) => ({
      name: 'c',
      resources: { requests: Object.fromEntries(names.map((name) => [name, '1'])) },
    });
    const one = pod({
      containers: [asks('example.com/z', 'cpu'), asks('example.com/a')],
      initContainers: [asks('example.com/z')],
      tolerations: [{ key: 'example.com/z', operator: 'Exists', effect: 'NoSchedule' }],
    });
    await create(extendedResourceToleration(), one);
    assert.deepEqual(
      one.spec.tolerations?.map(({ key }) => key),
      ['example.com/z', 'example.com/a'],
    );
  });
});

describe('EventRateLimit', () => {
  const VERSION = 'eventratelimit.admission.k8s.io/v1alpha1';
  const event = (component: string, ns = 'ns'): Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: ns, name: 'e' },
    involvedObject: { kind: 'Pod', namespace: ns, name: 'p' },
    source: { component },
  });
  const limited = (clock: ManualClock, ...limits: object[]): AdmissionPlugin =>
    eventRateLimit(
      clock,
      eventLimitsOf('x', { kind: 'Configuration', apiVersion: VERSION, limits }),
    );

  it('takes a burst, then as many as the rate allows', async () => {
    const clock = new ManualClock(0);
    const plugin = limited(clock, { type: 'Server', qps: 1, burst: 2 });
    await create(plugin, event('a'));
    await create(plugin, event('b'));
    const error = await failure(() => create(plugin, event('c')));
    assert.equal(error.message, 'Too many requests: limit reached on type Server for key ');
    assert.equal(error.code, 429);
    await clock.advance(1000);
    await create(plugin, event('c'));
    assert.equal((await failure(() => create(plugin, event('c')))).code, 429);
    await create(plugin, pod());
  });

  it('counts namespaces, users and sources apart, and forgets the one longest unused', async () => {
    const clock = new ManualClock(0);
    const types = { Namespace: event('a', 'other'), SourceAndObject: event('b') };
    for (const [type, other] of Object.entries(types)) {
      const plugin = limited(clock, { type, qps: 1, burst: 1, cacheSize: 1 });
      await create(plugin, event('a'));
      assert.equal((await failure(() => create(plugin, event('a')))).code, 429);
      await create(plugin, other);
      await create(plugin, event('a'));
    }
    const plugin = limited(clock, { type: 'User', qps: 1, burst: 1 });
    await create(plugin, event('a'));
    await run(plugin, 'CREATE', event('a'), { user: user('somebody') });
    const error = await failure(() => create(plugin, event('a')));
    assert.equal(error.message, 'Too many requests: limit reached on type User for key tester');
  });

  it('tells what is wrong with its limits', () => {
    const wrong = { type: 'Galaxy', qps: 0, burst: -1, cacheSize: -5 };
    assert.throws(() => limited(new ManualClock(0)), ConfigError);
    assert.throws(() => limited(new ManualClock(0), wrong), {
      message:
        'x: [limits[0].type: Unsupported value: "Galaxy": supported values: "Namespace", "Server", "SourceAndObject", "User", limits[0].burst: Invalid value: -1: must be positive, limits[0].qps: Invalid value: 0: must be positive, limits[0].cacheSize: Invalid value: -5: must not be negative]',
    });
  });
});

describe('OwnerReferencesPermissionEnforcement', () => {
  const owner = (o: object = {}) => ({
    ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u1' },
    ...o,
  });
  const owned = (...ownerReferences: ReturnType<typeof owner>[]): Pod => {
    const one = pod();
    return { ...one, metadata: { ...one.metadata, ownerReferences } };
  };
  const asked: string[] = [];
  const plugin = (...refused: string[]): AdmissionPlugin => {
    asked.length = 0;
    const authorize = (a: AuthorizationAttributes) => {
      const text = `${a.verb} ${a.resource}${a.subresource ? `/${a.subresource}` : ''} ${a.name}`;
      asked.push(text);
      return { allowed: !refused.some((one) => text.startsWith(one)), reason: 'why' };
    };
    return ownerPermission({ authorize }, builtinKinds);
  };

  it('asks nothing where owners stay as they are', async () => {
    await create(plugin(), pod());
    await update(plugin(), owned(owner()), owned(owner()));
    assert.deepEqual(asked, []);
  });

  it('wants the right to delete the object whose owners change', async () => {
    await create(plugin(), owned(owner()));
    assert.deepEqual(asked, ['delete pods p']);
    const error = await failure(() => create(plugin('delete pods'), owned(owner())));
    assert.equal(
      error.message,
      'pods "p" is forbidden: cannot set an ownerRef on a resource you can\'t delete: why, <nil>',
    );
  });

  it('wants the right to finalizers of owners that now wait for the object', async () => {
    const blocking = owner({ blockOwnerDeletion: true });
    await update(plugin(), owned(owner()), owned(blocking));
    assert.deepEqual(asked, ['delete pods p', 'update replicasets/finalizers rs']);
    const refusing = plugin('update replicasets');
    const error = await failure(() => create(refusing, owned(blocking)));
    assert.equal(
      error.message,
      'pods "p" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: why, <nil>',
    );
    await update(plugin(), owned(blocking), owned(blocking, owner({ uid: 'u2' })));
    assert.deepEqual(asked, ['delete pods p']);
  });

  it('does not know kinds that are not there', async () => {
    const strange = owner({ kind: 'Strange', apiVersion: 'x/v1', blockOwnerDeletion: true });
    const error = await failure(() => create(plugin(), owned(strange)));
    assert.equal(
      error.message,
      'pods "p" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion x/v1 Kind Strange: no matches for kind "Strange" in version "x/v1"',
    );
  });
});
