import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '../meta.ts';
import { builtinKind, builtinKinds } from '../registry.ts';
import { complaints, created, type Loose, SELECTOR, TEMPLATE } from '../testing/make.ts';
import { PERCENT_MESSAGE } from './common.ts';
import { validateCreate, validateUpdate } from './index.ts';

type Row = readonly [apiVersion: string, kind: string, body: Loose, complaints: string[]];

function refuses(rows: readonly Row[]): void {
  for (const [apiVersion, kind, body, expected] of rows) {
    test(`${kind}: ${expected[0]?.slice(0, 80) ?? 'fine'}`, () => {
      assert.deepEqual(complaints(builtinKind(apiVersion, kind), body), expected);
    });
  }
}

const run = {
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image: 'i' }] },
};
const once = { spec: { ...run.spec, restartPolicy: 'Never' } };
const LABELS_TEXT = 'must be an empty string or consist of';

describe('workloads', () => {
  const app = { selector: SELECTOR, template: TEMPLATE };
  refuses([
    ['apps/v1', 'Deployment', { spec: app }, []],
    [
      'apps/v1',
      'Deployment',
      { spec: { ...app, replicas: -1, minReadySeconds: 700 } },
      [
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
      ],
    ],
    [
      'apps/v1',
      'Deployment',
      { spec: { ...app, selector: { matchLabels: { app: 'b' } } } },
      [
        'spec.template.metadata.labels: Invalid value: map[string]string{"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'apps/v1',
      'Deployment',
      { spec: { ...app, strategy: { type: 'Recreate', rollingUpdate: {} } } },
      [
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
      ],
    ],
    [
      'apps/v1',
      'Deployment',
      { spec: { ...app, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
      [
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: may not be 0 when `maxSurge` is 0',
      ],
    ],
    [
      'apps/v1',
      'Deployment',
      { spec: { ...app, template: { ...run, spec: { ...run.spec, restartPolicy: 'Never' } } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'apps/v1',
      'ReplicaSet',
      { spec: {} },
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: map[string]string(nil): `selector` does not match template `labels`',
        'spec.template.spec.containers: Required value',
      ],
    ],
    [
      'v1',
      'ReplicationController',
      { spec: {} },
      ['spec.selector: Required value', 'spec.template: Required value'],
    ],
    [
      'apps/v1',
      'StatefulSet',
      { spec: { ...app, ordinals: { start: -1 } } },
      ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'apps/v1',
      'DaemonSet',
      { spec: { ...app, updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } } },
      [
        'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: intstr.IntOrString{Type:0, IntVal:1, StrVal:""}: may not be set when maxUnavailable is non-zero',
      ],
    ],
    [
      'apps/v1',
      'DaemonSet',
      {
        spec: { ...app, updateStrategy: { rollingUpdate: { maxSurge: 'x', maxUnavailable: '0' } } },
      },
      [
        `spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"0"}: ${PERCENT_MESSAGE}`,
        `spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"x"}: ${PERCENT_MESSAGE}`,
        'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
      ],
    ],
    ['batch/v1', 'Job', { spec: { template: once } }, []],
    [
      'batch/v1',
      'Job',
      { spec: { template: run, parallelism: -1 } },
      [
        'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
        'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
      ],
    ],
    [
      'batch/v1',
      'Job',
      { spec: { template: once, completionMode: 'Indexed', completions: null, parallelism: 2 } },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'batch/v1',
      'CronJob',
      { spec: { schedule: '@daily', jobTemplate: { spec: { template: once } } } },
      [],
    ],
    [
      'batch/v1',
      'Job',
      { spec: { template: { ...once, metadata: { labels: { app: 'a' } } }, selector: SELECTOR } },
      [
        'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"a", "batch.kubernetes.io/controller-uid":"11111111-1111-4111-8111-111111111111"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: `selector` not auto-generated',
      ],
    ],
    [
      'batch/v1',
      'CronJob',
      { spec: { schedule: 'TZ=UTC * * * * *', jobTemplate: { spec: { template: once } } } },
      [
        'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      'batch/v1',
      'CronJob',
      {
        spec: {
          schedule: '* * * * *',
          timeZone: 'Mars/X',
          jobTemplate: { spec: { template: once } },
        },
      },
      ['spec.timeZone: Invalid value: "Mars/X": unknown time zone Mars/X'],
    ],
    [
      'batch/v1',
      'CronJob',
      { spec: { schedule: 'x', jobTemplate: { spec: { template: once } } } },
      ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]'],
    ],
  ]);
});

describe('network', () => {
  const service = (spec: Loose): Loose => ({ spec: { selector: { app: 'a' }, ...spec } });
  const rule = (path: Loose): Loose => ({ spec: { rules: [{ http: { paths: [path] } }] } });
  const backend = { service: { name: 's', port: { number: 80 } } };
  refuses([
    ['v1', 'Service', service({ ports: [{ port: 80 }] }), []],
    ['v1', 'Service', service({}), ['spec.ports: Required value']],
    [
      'v1',
      'Service',
      service({ ports: [{ port: 80 }, { port: 81 }] }),
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'v1',
      'Service',
      service({ ports: [{ port: 80, nodePort: 30000 }] }),
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    ['v1', 'Service', service({ type: 'ExternalName' }), ['spec.externalName: Required value']],
    [
      'v1',
      'Service',
      service({ ports: [{ port: 80 }], externalIPs: ['127.0.0.1'] }),
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'v1',
      'Service',
      service({ ports: [{ port: 80 }], ipFamilies: ['IPv6'] }),
      ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    ],
    [
      'v1',
      'Endpoints',
      { subsets: [{}] },
      ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    ],
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: [] }] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'networking.k8s.io/v1',
      'Ingress',
      rule({ path: 'rel', pathType: 'Prefix', backend }),
      ['spec.rules[0].http.paths[0].path: Invalid value: "rel": must be an absolute path'],
    ],
    [
      'networking.k8s.io/v1',
      'Ingress',
      rule({ path: '/', backend }),
      ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
    ],
    [
      'networking.k8s.io/v1',
      'NetworkPolicy',
      {
        spec: {
          podSelector: {},
          ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] } }] }],
        },
      },
      [
        'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`',
      ],
    ],
  ]);
});

describe('slices and events', () => {
  refuses([
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1', '10.0.0.1', '127.0.0.1'] }] },
      [
        'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address',
        'endpoints[0].addresses[2]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'FQDN', endpoints: [{ addresses: ['a.example'] }] },
      [],
    ],
    [
      'events.k8s.io/v1',
      'Event',
      {
        regarding: { namespace: 'n' },
        reportingController: 'c',
        type: 'Odd',
        series: { count: 1 },
        deprecatedCount: 3,
        deprecatedSource: { host: 'h' },
      },
      [
        'series.count: Invalid value: "": should be at least 2',
        'series.lastObservedTime: Required value',
        'eventTime: Required value',
        'type: Invalid value: "": has invalid value: Odd',
        'count: Invalid value: "": needs to be unset',
        'source: Invalid value: "": needs to be unset',
      ],
    ],
    [
      'events.k8s.io/v1',
      'Event',
      {
        regarding: { namespace: 'elsewhere' },
        eventTime: '2024-01-02T03:04:05.000000Z',
        reportingController: 'c',
        reportingInstance: 'i'.repeat(129),
        type: 'Normal',
      },
      [
        'reportingInstance: Invalid value: "": can have at most 128 characters',
        'action: Required value',
        'reason: Required value',
      ],
    ],
    [
      'v1',
      'Event',
      {
        involvedObject: { namespace: 'n' },
        eventTime: '2024-01-02T03:04:05.000000Z',
        ...{ reportingComponent: 'a', reportingInstance: 'b', action: 'c', reason: 'd' },
        message: 'x'.repeat(1025),
      },
      ['message: Invalid value: "": can have at most 1024 characters'],
    ],
    [
      'v1',
      'Event',
      { involvedObject: { namespace: 'other' } },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
  ]);
});

describe('core', () => {
  refuses([
    [
      'v1',
      'ConfigMap',
      { data: { a: '1' }, binaryData: { a: 'AAAA' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    [
      'v1',
      'ConfigMap',
      { data: { big: 'x'.repeat(1024 * 1024 + 1) } },
      ['[]: Too long: may not be more than 1048576 bytes'],
    ],
    [
      'v1',
      'Secret',
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
      ['data[tls.key]: Required value'],
    ],
    [
      'v1',
      'Secret',
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'bm90' } },
      [
        `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'o' in literal null (expecting 'u')`,
      ],
    ],
    [
      'v1',
      'Node',
      { spec: { taints: [{ key: 'a', effect: 'Nope' }] } },
      [
        'metadata.taints[0].effect: Unsupported value: "Nope": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      'v1',
      'ResourceQuota',
      { spec: { hard: { pods: '-1' } } },
      ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      'v1',
      'LimitRange',
      { spec: { limits: [{ type: 'Nope' }] } },
      [
        'spec.limits[0].type: Invalid value: "Nope": must be a standard limit type or fully qualified',
      ],
    ],
    [
      'v1',
      'PersistentVolumeClaim',
      { spec: {} },
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'v1',
      'PersistentVolume',
      { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
      ['spec: Required value: must specify a volume type'],
    ],
  ]);
});

describe('access and policy', () => {
  const rbac = 'rbac.authorization.k8s.io/v1';
  refuses([
    [
      rbac,
      'Role',
      { rules: [{}] },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      rbac,
      'Role',
      { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
      [
        'rules[0].nonResourceURLs: Invalid value: []string{"/x"}: namespaced rules cannot apply to non-resource URLs',
      ],
    ],
    [
      rbac,
      'ClusterRoleBinding',
      { roleRef: { kind: 'Role', name: 'r' } },
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    ],
    [
      'coordination.k8s.io/v1',
      'Lease',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'scheduling.k8s.io/v1',
      'PriorityClass',
      { value: 2_000_000_000 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    [
      'policy/v1',
      'PodDisruptionBudget',
      { spec: { maxUnavailable: '150%' } },
      [
        'spec.maxUnavailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"150%"}: must not be greater than 100%',
      ],
    ],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      { spec: { minReplicas: 5, maxReplicas: 2, scaleTargetRef: { kind: 'D', name: 'd' } } },
      ['spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`'],
    ],
    [
      'storage.k8s.io/v1',
      'StorageClass',
      { provisioner: 'p', reclaimPolicy: 'Recycle' },
      ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    ],
  ]);
});

describe('updates', () => {
  function change(apiVersion: string, kind: string, body: Loose, next: Loose): string[] {
    const def = builtinKind(apiVersion, kind);
    const old = created<KubeObject>(def, body);
    return validateUpdate(def, { ...structuredClone(old), ...next } as KubeObject, old).map(String);
  }
  const app = { selector: SELECTOR, template: TEMPLATE };
  const spec = {
    ...app,
    selector: { matchLabels: { app: 'a', b: 'c' } },
    template: { ...TEMPLATE },
  };

  test('a finalizer without a domain is for kinds of some groups and custom ones', () => {
    const bare = 'name is neither a standard finalizer name nor is it fully qualified';
    const refused = [`metadata.finalizers[1]: Invalid value: "mine": ${bare}`];
    const plain = builtinKind('coordination.k8s.io/v1', 'Lease');
    const custom = { ...plain, group: 'a.example', rules: { unstructured: true } };
    const config = builtinKind('v1', 'ConfigMap');
    const cases = [
      [config, refused, [...refused, ...refused]],
      [plain, [], []],
      [custom, [], []],
    ] as const;
    for (const [def, expected, updating] of cases) {
      const old = created<KubeObject>(def, {});
      const metadata = { ...old.metadata, finalizers: ['a.example/b', 'mine'] };
      const next = { ...old, metadata };
      assert.deepEqual(validateCreate(def, next).map(String), expected);
      assert.deepEqual(validateUpdate(def, next, old).map(String), updating);
    }
  });

  test('a finalizer that is no name is refused in an update, too', () => {
    const old = created<KubeObject>(builtinKind('v1', 'ConfigMap'), {});
    const next = { ...old, metadata: { ...old.metadata, finalizers: ['a/b c'] } };
    const [first] = validateUpdate(builtinKind('v1', 'ConfigMap'), next, old).map(String);
    assert.match(first ?? '', /^metadata\.finalizers: Invalid value: "a\/b c": name part must/);
  });

  test('selectors of apps/v1 never change', () => {
    const found = change('apps/v1', 'ReplicaSet', { spec: app }, { spec });
    assert.ok(
      found.some((m) => /^spec\.selector: Invalid value: v1\.LabelSelector\{.*immutable$/.test(m)),
    );
  });

  test('a StatefulSet changes in few fields', () => {
    const found = change(
      'apps/v1',
      'StatefulSet',
      { spec: { ...app, serviceName: 's' } },
      {
        spec: created<KubeObject>(builtinKind('apps/v1', 'StatefulSet'), {
          spec: { ...app, serviceName: 't' },
        }).spec,
      },
    );
    assert.match(found.join(), /updates to statefulset spec for fields other than/);
  });

  test('immutable maps and secrets', () => {
    const found = change(
      'v1',
      'ConfigMap',
      { immutable: true, data: { a: '1' } },
      { data: { a: '2' } },
    );
    assert.deepEqual(found, ['data: Forbidden: field is immutable when `immutable` is set']);
    assert.deepEqual(change('v1', 'Secret', { type: 'a/b' }, { type: 'c/d' }), [
      'type: Invalid value: "c/d": field is immutable',
    ]);
  });

  test('a role reference, a priority, a node’s range', () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
    const binding = change(
      'rbac.authorization.k8s.io/v1',
      'RoleBinding',
      { roleRef },
      { roleRef: { ...roleRef, name: 's' } },
    );
    assert.match(
      binding[0] ?? '',
      /^roleRef: Invalid value: rbac\.RoleRef\{.*cannot change roleRef$/,
    );
    const priority = change('scheduling.k8s.io/v1', 'PriorityClass', { value: 1 }, { value: 2 });
    assert.deepEqual(priority, ['value: Forbidden: may not be changed in an update.']);
    const node = change(
      'v1',
      'Node',
      { spec: { podCIDR: '10.0.0.0/24' } },
      { spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] } },
    );
    assert.match(node[0] ?? '', /node updates may not change podCIDR/);
  });

  test('counts of a status can not exceed the whole', () => {
    const def = builtinKind('apps/v1', 'ReplicaSet');
    const old = created<KubeObject>(def, { spec: app });
    const next = { ...structuredClone(old), status: { replicas: 1, readyReplicas: 2 } };
    assert.deepEqual(validateUpdate(def, next, old, 'status').map(String), [
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });
});

describe('names by kind', () => {
  const rows: readonly [string, string, string, boolean][] = [
    ['v1', 'ConfigMap', 'a.b', true],
    ['v1', 'Service', 'a.b', false],
    ['v1', 'Service', '1a', false],
    ['v1', 'Namespace', 'a.b', false],
    ['rbac.authorization.k8s.io/v1', 'Role', 'system:a', true],
    ['rbac.authorization.k8s.io/v1', 'Role', 'a/b', false],
    ['coordination.k8s.io/v1', 'Lease', 'a.b', true],
  ];
  for (const [apiVersion, kind, name, fine] of rows) {
    test(`${kind} ${name}: ${fine ? 'fine' : 'refused'}`, () => {
      const def = builtinKind(apiVersion, kind);
      const metadata = { name, ...(def.namespaced ? { namespace: 'n' } : {}) };
      const found = complaints(def, { metadata, spec: {} });
      assert.equal(!found.some((m) => m.startsWith('metadata.name')), fine, found.join());
    });
  }
});

test('no kind’s validation falls over an empty object', () => {
  for (const def of builtinKinds.all()) {
    const object = created<KubeObject>(def, {});
    assert.doesNotThrow(() => validateCreate(def, object), def.kind);
    assert.doesNotThrow(() => validateUpdate(def, object, object), def.kind);
    assert.doesNotThrow(() => validateUpdate(def, object, object, 'status'), def.kind);
  }
});

test('label values of templates are checked', () => {
  const template = { ...TEMPLATE, metadata: { labels: { app: 'a', b: 'not ok' } } };
  const found = complaints(builtinKind('apps/v1', 'Deployment'), {
    spec: { selector: SELECTOR, template },
  });
  assert.match(found[0] ?? '', new RegExp(`^spec\\.template\\.labels: .*${LABELS_TEXT}`));
});
