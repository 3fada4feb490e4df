import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { isForbidden, type KubeObject, type Pod, type PodSpec } from '@kubets/api';
import { ConfigError, ManualClock, seededRandom } from '@kubets/platform';
import { createAuthorizer } from '../auth/authorizer.ts';
import { admission, FakeStore, failure, user } from '../edge-testing.ts';
import type { AdmissionChain, AdmissionPlugin } from '../ports.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { type AdmissionOptions, chainOf, createAdmission } from './chain.ts';
import { defaultIngressClass } from './ingress-class.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { claimResize, defaultStorageClass, storageInUseProtection } from './storage.ts';
import { defaultTolerationSeconds, taintNodesByCondition } from './tolerations.ts';

const pod = (
  spec: Partial<PodSpec> = {},
  metadata: Pod['metadata'] = {},
): Pod & { spec: PodSpec } => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p', ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const namespace = (name: string, phase = 'Active') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
  status: { phase },
});

/** Runs a plugin as the chain does. */
async function run(
  plugin: AdmissionPlugin,
  attributes: ReturnType<typeof admission>,
): Promise<void> {
  await plugin.admit?.(attributes);
  await plugin.validate?.(attributes);
}
const create = (plugin: AdmissionPlugin, object: KubeObject): Promise<void> =>
  run(plugin, admission('CREATE', object));
const update = (
  plugin: AdmissionPlugin,
  oldObject: KubeObject,
  object: KubeObject,
): Promise<void> => run(plugin, admission('UPDATE', object, { oldObject }));

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

describe('NamespaceLifecycle', () => {
  it('takes objects of a living namespace, also one the cache has not seen', async () => {
    store.seed(namespace('ns'));
    await create(namespaceLifecycle(store), pod());
    store.lagging = true;
    store.seed(namespace('fresh'));
    await create(namespaceLifecycle(store), pod({}, { namespace: 'fresh' }));
  });

  it('refuses objects of no namespace, as not found', async () => {
    const error = await failure(() => create(namespaceLifecycle(store), pod()));
    assert.equal(error.message, 'namespaces "ns" not found');
    assert.equal(error.code, 404);
  });

  it('refuses new objects while the namespace goes, and says so in a cause', async () => {
    store.seed(namespace('ns', 'Terminating'));
    const error = await failure(() => create(namespaceLifecycle(store), pod()));
    assert.equal(
      error.message,
      'pods "p" is forbidden: unable to create new content in namespace ns because it is being terminated',
    );
    assert.deepEqual((error as unknown as { status: { details: unknown } }).status.details, {
      name: 'p',
      kind: 'pods',
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace ns is being terminated',
          field: 'metadata.namespace',
        },
      ],
    });
    await update(namespaceLifecycle(store), pod(), pod());
  });

  for (const name of ['default', 'kube-system', 'kube-public']) {
    it(`keeps ${name}`, async () => {
      const attributes = admission('DELETE', undefined, { oldObject: namespace(name) });
      const error = await failure(() => run(namespaceLifecycle(store), attributes));
      assert.equal(
        error.message,
        `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      );
    });
  }

  it('lets other namespaces and cluster objects be', async () => {
    const plugin = namespaceLifecycle(store);
    await run(plugin, admission('DELETE', undefined, { oldObject: namespace('mine') }));
    await create(plugin, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
  });
});

describe('DefaultTolerationSeconds', () => {
  const added = (spec: Partial<PodSpec>) => {
    const one = pod(spec);
    defaultTolerationSeconds().admit?.(admission('CREATE', one));
    return (one.spec.tolerations ?? []).map(
      (t) => `${t.key}:${t.operator}:${t.effect}:${t.tolerationSeconds}`,
    );
  };
  const both = [
    'node.kubernetes.io/not-ready:Exists:NoExecute:300',
    'node.kubernetes.io/unreachable:Exists:NoExecute:300',
  ];

  it('adds both', () => assert.deepEqual(added({}), both));
  it('for as long as it is told', () => {
    const one = pod({});
    const plugin = defaultTolerationSeconds({ notReady: 20, unreachable: 30 });
    plugin.admit?.(admission('CREATE', one));
    assert.deepEqual(
      one.spec.tolerations?.map((t) => t.tolerationSeconds),
      [20, 30],
    );
  });
  it('adds the one that is missing', () => {
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' };
    assert.deepEqual(added({ tolerations: [own] }).slice(1), both.slice(1));
  });
  it('adds nothing to a pod that tolerates all', () => {
    assert.equal(added({ tolerations: [{ operator: 'Exists' }] }).length, 1);
  });
  it('another effect does not count', () => {
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoSchedule' };
    assert.deepEqual(added({ tolerations: [own] }).slice(1), both);
  });
});

describe('TaintNodesByCondition', () => {
  const taints = (spec: object) => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec };
    taintNodesByCondition().admit?.(admission('CREATE', node));
    return (node.spec as { taints?: unknown }).taints;
  };
  const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

  it('taints a new node once', () => {
    assert.deepEqual(taints({}), [notReady]);
    assert.deepEqual(taints({ taints: [notReady] }), [notReady]);
    assert.deepEqual(taints({ taints: [{ key: 'a', effect: 'NoExecute' }] }), [
      { key: 'a', effect: 'NoExecute' },
      notReady,
    ]);
  });
});

describe('Priority', () => {
  const priorityClass = (name: string, value: number, more: object = {}) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    ...more,
  });
  const computed = async (spec: Partial<PodSpec>) => {
    const one = pod(spec);
    await create(priority(store), one);
    const { priority: value, priorityClassName, preemptionPolicy } = one.spec;
    return [value, priorityClassName, preemptionPolicy];
  };

  it('is zero without classes', async () => {
    assert.deepEqual(await computed({}), [0, undefined, 'PreemptLowerPriority']);
  });

  it('comes from the named class', async () => {
    store.seed(priorityClass('high', 42, { preemptionPolicy: 'Never' }));
    assert.deepEqual(await computed({ priorityClassName: 'high' }), [42, 'high', 'Never']);
    assert.deepEqual(await computed({ priorityClassName: 'high', priority: 42 }), [
      42,
      'high',
      'Never',
    ]);
  });

  it('comes from the global default, the least of several', async () => {
    store.seed(
      priorityClass('b', 20, { globalDefault: true }),
      priorityClass('a', 10, { globalDefault: true }),
    );
    assert.deepEqual(await computed({}), [10, 'a', 'PreemptLowerPriority']);
  });

  const refusals: [string, Partial<PodSpec>, string][] = [
    [
      'an unknown class',
      { priorityClassName: 'nope' },
      'no PriorityClass with name nope was found',
    ],
    [
      'a number of its own',
      { priority: 7 },
      'the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    ],
    [
      'a preemption policy of its own',
      { priorityClassName: 'never', preemptionPolicy: 'PreemptLowerPriority' },
      'the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    ],
  ];
  for (const [what, spec, why] of refusals) {
    it(`refuses ${what}`, async () => {
      store.seed(priorityClass('never', 1, { preemptionPolicy: 'Never' }));
      const error = await failure(() => computed(spec));
      assert.equal(error.message, `pods "p" is forbidden: ${why}`);
    });
  }

  it('keeps the number over an update that leaves it out', async () => {
    const object = pod();
    await update(priority(store), pod({ priority: 5, preemptionPolicy: 'Never' }), object);
    assert.deepEqual([object.spec.priority, object.spec.preemptionPolicy], [5, 'Never']);
  });

  it('takes one global default only', async () => {
    const first = priorityClass('one', 1, { globalDefault: true });
    store.seed(first);
    await update(priority(store), first, first);
    const error = await failure(() =>
      create(priority(store), priorityClass('two', 2, { globalDefault: true })),
    );
    assert.equal(
      error.message,
      'priorityclasses.scheduling.k8s.io "two" is forbidden: PriorityClass one is already marked as default. Only one default can exist',
    );
  });
});

describe('storage', () => {
  const claim = (spec: object = {}, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace: 'ns', name: 'c' },
    spec: { resources: { requests: { storage: '1Gi' } }, ...spec },
    ...more,
  });
  const storageClass = (name: string, created: string, more: object = {}, isDefault = 'true') => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name,
      creationTimestamp: created,
      annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault },
    },
    provisioner: 'p',
    ...more,
  });
  const classOf = async (object: ReturnType<typeof claim>) => {
    await create(defaultStorageClass(store), object);
    return (object.spec as { storageClassName?: string }).storageClassName;
  };

  it('gives a claim the newest default class', async () => {
    assert.equal(await classOf(claim()), undefined);
    store.seed(
      storageClass('old', '2024-01-01T00:00:00Z'),
      storageClass('b', '2025-01-01T00:00:00Z'),
      storageClass('a', '2025-01-01T00:00:00Z'),
      storageClass('not', '2026-01-01T00:00:00Z', {}, 'false'),
    );
    assert.equal(await classOf(claim()), 'a');
  });

  it('leaves a claim that says what it wants', async () => {
    store.seed(storageClass('a', '2025-01-01T00:00:00Z'));
    assert.equal(await classOf(claim({ storageClassName: '' })), '');
    assert.equal(await classOf(claim({ storageClassName: 'x' })), 'x');
  });

  it('protects claims and volumes, once', async () => {
    const finalizers = async (object: KubeObject) => {
      await create(storageInUseProtection(), object);
      await create(storageInUseProtection(), object);
      return object.metadata.finalizers;
    };
    assert.deepEqual(await finalizers(claim()), ['kubernetes.io/pvc-protection']);
    const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' } };
    assert.deepEqual(await finalizers(volume), ['kubernetes.io/pv-protection']);
  });

  describe('growing a claim', () => {
    const sized = (storage: string, phase = 'Bound') =>
      claim({ storageClassName: 's', resources: { requests: { storage } } }, { status: { phase } });
    it('needs a class that allows it', async () => {
      const grow = () => update(claimResize(store), sized('1Gi'), sized('2Gi'));
      assert.match((await failure(grow)).message, /must support resize$/);
      store.seed(storageClass('s', '2025-01-01T00:00:00Z', { allowVolumeExpansion: true }));
      await grow();
    });
    it('needs a bound claim', async () => {
      const grow = () =>
        update(claimResize(store), sized('1Gi', 'Pending'), sized('2Gi', 'Pending'));
      assert.ok(isForbidden(await failure(grow)));
    });
    it('is no growing when the size is the same in other words', async () => {
      await update(claimResize(store), sized('1Gi'), sized('1024Mi'));
    });
  });
});

describe('DefaultIngressClass', () => {
  it('fills in the default, unless a class or the old annotation is there', async () => {
    store.seed({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: {
        name: 'web',
        annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
      },
    });
    const classOf = async (spec: object, annotations = {}) => {
      const metadata = { namespace: 'ns', name: 'i', annotations };
      const object = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec };
      await create(defaultIngressClass(store), object);
      return (object.spec as { ingressClassName?: string }).ingressClassName;
    };
    assert.equal(await classOf({}), 'web');
    assert.equal(await classOf({ ingressClassName: 'x' }), 'x');
    assert.equal(await classOf({}, { 'kubernetes.io/ingress.class': 'old' }), undefined);
  });
});

describe('RuntimeClass', () => {
  const overhead = { cpu: '10m' };
  beforeEach(() => {
    store.seed({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'vm' },
      handler: 'vm',
      overhead: { podFixed: overhead },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm' }] },
    } as KubeObject);
  });

  it('brings its overhead, selector and tolerations', async () => {
    const one = pod({ runtimeClassName: 'vm', nodeSelector: { a: 'b' } });
    await create(runtimeClass(store), one);
    assert.deepEqual(one.spec.overhead, overhead);
    assert.deepEqual(one.spec.nodeSelector, { vm: 'yes', a: 'b' });
    assert.deepEqual(one.spec.tolerations, [{ key: 'vm' }]);
  });

  it('keeps the wider one of two tolerations', async () => {
    const narrow = { key: 'vm', operator: 'Equal', value: '' };
    const wide = { key: 'x', operator: 'Exists', effect: 'NoExecute' };
    const tolerations = [{ ...wide, tolerationSeconds: 5 }, narrow, wide];
    const one = pod({ runtimeClassName: 'vm', tolerations });
    await create(runtimeClass(store), one);
    assert.deepEqual(one.spec.tolerations, [wide, { key: 'vm' }]);
  });

  it('leaves an overhead of its own to those who look at the whole pod first', async () => {
    await runtimeClass(store).admit?.(admission('CREATE', pod({ overhead: { cpu: '1' } })));
  });

  const refusals: [Partial<PodSpec>, string][] = [
    [{ runtimeClassName: '' }, 'pod rejected: RuntimeClass "" not found'],
    [
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [{ runtimeClassName: 'no' }, 'pod rejected: RuntimeClass "no" not found'],
    [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ];
  for (const [spec, why] of refusals) {
    it(`refuses: ${why}`, async () => {
      const error = await failure(() => create(runtimeClass(store), pod(spec)));
      assert.equal(error.message, `pods "p" is forbidden: ${why}`);
    });
  }
});

it('AlwaysPullImages sets the policy of every container', async () => {
  const one = pod({ initContainers: [{ name: 'i', imagePullPolicy: 'Never' }] });
  await create(alwaysPullImages(), one);
  assert.equal(one.spec.containers[0]?.imagePullPolicy, 'Always');
  assert.equal(one.spec.initContainers?.[0]?.imagePullPolicy, 'Always');
});

it('AlwaysPullImages leaves updates alone that bring no image', async () => {
  const old = pod();
  const same = pod();
  await update(alwaysPullImages(), old, same);
  assert.equal(same.spec.containers[0]?.imagePullPolicy, undefined);
  const other = pod({ containers: [{ name: 'c', image: 'other' }] });
  await update(alwaysPullImages(), old, other);
  assert.equal(other.spec.containers[0]?.imagePullPolicy, 'Always');
});

it('AlwaysPullImages refuses what a webhook made of it', async () => {
  const one = pod({ containers: [{ name: 'c', imagePullPolicy: 'Never' }] });
  const error = await failure(() => alwaysPullImages().validate?.(admission('CREATE', one)));
  const why =
    'spec.containers[0].imagePullPolicy: Unsupported value: "Never": supported values: "Always"';
  assert.equal(error.message, `pods "p" is forbidden: ${why}`);
});

describe('the chain', () => {
  type Switches = Pick<AdmissionOptions, 'disabled' | 'enabled' | 'config'>;
  const build = (o: Switches = {}) => {
    const { authorizer, rbac } = createAuthorizer(store);
    const clock = new ManualClock(0);
    return createAdmission({ store, authorizer, rbac, clock, random: seededRandom(1), ...o });
  };

  it('leaves out what is disabled and what is off by default', () => {
    assert.ok(build().names.includes('ServiceAccount'));
    assert.ok(!build({ disabled: ['ServiceAccount'] }).names.includes('ServiceAccount'));
    assert.ok(!build().names.includes('AlwaysPullImages'));
    assert.ok(build({ enabled: ['AlwaysPullImages'] }).names.includes('AlwaysPullImages'));
  });

  it('does not start with a name it does not know, and cannot drop the escalation check', () => {
    assert.throws(() => build({ disabled: ['Nope'] }), ConfigError);
    assert.throws(() => build({ disabled: ['RBACEscalation'] }), ConfigError);
    assert.ok(build().names.includes('RBACEscalation'));
  });

  it("knows every plugin of upstream's, in its order", () => {
    const all = [
      ...['AlwaysAdmit', 'NamespaceAutoProvision', 'NamespaceLifecycle', 'NamespaceExists'],
      ...['LimitPodHardAntiAffinityTopology', 'LimitRanger', 'ServiceAccount', 'NodeRestriction'],
      ...['TaintNodesByCondition', 'AlwaysPullImages', 'ImagePolicyWebhook', 'PodSecurity'],
      ...['PodNodeSelector', 'Priority', 'DefaultTolerationSeconds', 'PodTolerationRestriction'],
      ...['EventRateLimit', 'ExtendedResourceToleration', 'DefaultStorageClass'],
      ...['StorageObjectInUseProtection', 'OwnerReferencesPermissionEnforcement'],
      ...['PersistentVolumeClaimResize', 'RuntimeClass', 'CertificateApproval'],
      ...['CertificateSigning', 'ClusterTrustBundleAttest', 'CertificateSubjectRestriction'],
      ...['DefaultIngressClass', 'DenyServiceExternalIPs', 'MutatingAdmissionPolicy'],
      ...['MutatingAdmissionWebhook', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionWebhook'],
      ...['ResourceQuota', 'AlwaysDeny'],
    ];
    const target = { url: new URL('https://images.example.com') };
    const config = {
      eventLimits: [{ type: 'Server', qps: 1, burst: 1, cacheSize: 1 }] as const,
      imagePolicy: {
        ...{ target, allowTtlMs: 0, denyTtlMs: 0, retryBackoffMs: 0, defaultAllow: false },
      },
    };
    const { names } = build({ enabled: all, config });
    assert.deepEqual(
      names.filter((name) => all.includes(name)),
      all,
    );
  });

  it('does not start with plugins that lack what they have to be told, or are on and off', () => {
    assert.throws(() => build({ enabled: ['EventRateLimit'] }), ConfigError);
    assert.throws(() => build({ enabled: ['ImagePolicyWebhook'] }), ConfigError);
    const both = { enabled: ['AlwaysDeny'], disabled: ['AlwaysDeny'] };
    assert.throws(() => build(both), {
      message: '[AlwaysDeny] in enable-admission-plugins and disable-admission-plugins overlapped',
    });
  });

  it('stops at the first refusal', async () => {
    const seen: string[] = [];
    const plugin = (name: string, fail = false): AdmissionPlugin => ({
      name,
      admit() {
        seen.push(name);
        if (fail) throw new Error(name);
      },
    });
    const chain: AdmissionChain = chainOf([plugin('a'), plugin('b', true), plugin('c')]);
    assert.throws(() => chain.admit(admission('CREATE', pod(), { user: user('x') })), /b/);
    assert.deepEqual(seen, ['a', 'b']);
  });

  it('waits for a plugin that waits, and goes on in order', async () => {
    const seen: string[] = [];
    const slow: AdmissionPlugin = {
      name: 'slow',
      async admit() {
        await Promise.resolve();
        seen.push('slow');
      },
    };
    const quick = (name: string): AdmissionPlugin => ({ name, admit: () => void seen.push(name) });
    await chainOf([quick('a'), slow, quick('b'), slow, quick('c')]).admit(
      admission('CREATE', pod(), { user: user('x') }),
    );
    assert.deepEqual(seen, ['a', 'slow', 'b', 'slow', 'c']);
  });

  it('waits for nobody about a plain pod in a namespace that is known', () => {
    store.seed(namespace('ns'));
    const chain = build({ disabled: ['ServiceAccount'] });
    const asked = admission('CREATE', pod(), { user: user('x') });
    assert.equal(chain.admit(asked), undefined);
    assert.equal(chain.validate(asked), undefined);
  });

  it('leaves a kind out of what does not concern it', async () => {
    const seen: string[] = [];
    const plugin = (name: string, only?: string[]): AdmissionPlugin => ({
      name,
      ...(only && { only }),
      validate: () => void seen.push(name),
    });
    const chain = chainOf([plugin('all'), plugin('nodes', ['nodes']), plugin('pods', ['pods'])]);
    for (let again = 0; again < 2; again += 1) {
      await chain.validate(admission('CREATE', pod(), { user: user('x') }));
    }
    assert.deepEqual(seen, ['all', 'pods', 'all', 'pods']);
  });
});
