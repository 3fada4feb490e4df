import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CertificateSigningRequest } from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { complaints, created, type Loose, SIGNING_REQUEST } from '../testing/make.ts';
import { validateUpdate } from './index.ts';

type Row = readonly [
  apiVersion: string,
  kind: string,
  body: Loose,
  complaints: (string | RegExp)[],
];

function refuses(rows: readonly Row[]): void {
  for (const [apiVersion, kind, body, expected] of rows) {
    test(`${kind}: ${String(expected[0] ?? 'fine').slice(0, 80)}`, () => {
      const found = complaints(builtinKind(apiVersion, kind), body);
      assert.equal(found.length, expected.length, found.join('\n'));
      expected.forEach((e, i) => {
        if (typeof e === 'string') assert.equal(found[i], e);
        else assert.match(found[i] ?? '', e);
      });
    });
  }
}

describe('autoscalers and budgets', () => {
  const hpa = (spec: Loose): Loose => ({
    spec: { maxReplicas: 3, scaleTargetRef: { kind: 'D', name: 'd' }, ...spec },
  });
  const cpu = (target: Loose): Loose => ({
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
  });
  const v2 = 'autoscaling/v2';
  const kind = 'HorizontalPodAutoscaler';
  refuses([
    [v2, kind, hpa({}), []],
    [
      v2,
      kind,
      hpa(cpu({ type: 'Utilization' })),
      [/averageUtilization: Required value: must set either a target raw value or/],
    ],
    [
      v2,
      kind,
      hpa(cpu({ type: 'Often', averageUtilization: 0 })),
      [
        /target\.type: Invalid value: "Often": must be either Utilization, Value, or AverageValue/,
        /averageUtilization: Invalid value: 0: must be/,
      ],
    ],
    [
      v2,
      kind,
      hpa(cpu({ type: 'Utilization', averageUtilization: 1, averageValue: '1' })),
      [/averageValue: Forbidden: may not set both/],
    ],
    [
      v2,
      kind,
      hpa({ metrics: [{ type: 'Pods', pods: { metric: {}, target: { type: 'Value' } } }] }),
      [
        'spec.metrics[0].pods.metric.name: Required value: must specify a metric name',
        'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
      ],
    ],
    [
      v2,
      kind,
      hpa({ behavior: { scaleDown: { stabilizationWindowSeconds: -1, selectPolicy: 'Any' } } }),
      [
        'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero',
        'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"',
      ],
    ],
    [
      v2,
      kind,
      hpa({ minReplicas: 0 }),
      [/greater than or equal to 1/, /scaling to zero replicas$/],
    ],
    [
      'policy/v1',
      'PodDisruptionBudget',
      { spec: { minAvailable: 1, maxUnavailable: 1 } },
      [/^spec: Invalid value: policy\..*minAvailable and maxUnavailable cannot be both set$/],
    ],
    [
      'policy/v1',
      'PodDisruptionBudget',
      { spec: { minAvailable: 'x', unhealthyPodEvictionPolicy: 'Nope' } },
      [/a valid percent string must be/, /unhealthyPodEvictionPolicy: Unsupported value/],
    ],
  ]);
});

describe('webhooks and policies', () => {
  const group = 'admissionregistration.k8s.io/v1';
  const hook = (h: Loose): Loose => ({
    webhooks: [
      {
        name: 'a.b.c',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { url: 'https://x/y' },
        ...h,
      },
    ],
  });
  refuses([
    [group, 'ValidatingWebhookConfiguration', hook({}), []],
    [
      group,
      'ValidatingWebhookConfiguration',
      hook({ name: 'short', clientConfig: {} }),
      [
        'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
        'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
      ],
    ],
    [
      group,
      'MutatingWebhookConfiguration',
      hook({ timeoutSeconds: 60, clientConfig: { service: {} }, failurePolicy: 'Shrug' }),
      [
        'webhooks[0].failurePolicy: Unsupported value: "Shrug": supported values: "Fail", "Ignore"',
        'webhooks[0].timeoutSeconds: Invalid value: 60: the timeout value must be between 1 and 30 seconds',
        'webhooks[0].clientConfig.service.name: Required value',
        'webhooks[0].clientConfig.service.namespace: Required value',
      ],
    ],
    [
      group,
      'ValidatingWebhookConfiguration',
      hook({
        rules: [
          {
            operations: ['*', 'CREATE'],
            apiGroups: ['*', 'apps'],
            apiVersions: ['v1'],
            resources: ['pods'],
            scope: 'Everywhere',
          },
        ],
      }),
      [
        /operations: .*if '\*' is present, must not specify other operations$/,
        /apiGroups: .*if '\*' is present, must not specify other API groups$/,
        /scope: Unsupported value: "Everywhere"/,
      ],
    ],
    [
      group,
      'ValidatingAdmissionPolicy',
      { spec: {} },
      [
        'spec.matchConstraints: Required value',
        /^spec\.validations: Required value/,
        /^spec\.auditAnnotations: Required value/,
      ],
    ],
    [
      group,
      'ValidatingAdmissionPolicyBinding',
      { spec: { policyName: 'p', validationActions: ['Deny', 'Warn'] } },
      [/must not contain both Deny and Warn/],
    ],
    [
      'flowcontrol.apiserver.k8s.io/v1',
      'PriorityLevelConfiguration',
      { spec: { type: 'Limited' } },
      ['spec.limited: Required value: must not be empty when type is Limited'],
    ],
    [
      'flowcontrol.apiserver.k8s.io/v1',
      'FlowSchema',
      { spec: { matchingPrecedence: 20_000, priorityLevelConfiguration: { name: 'p' } } },
      ['spec.matchingPrecedence: Invalid value: 20000: must not be greater than 10000'],
    ],
  ]);
});

describe('storage', () => {
  const pv = (spec: Loose): Loose => ({
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/d' },
      ...spec,
    },
  });
  refuses([
    ['v1', 'PersistentVolume', pv({}), []],
    [
      'v1',
      'PersistentVolume',
      pv({
        nfs: { server: 's', path: '/p' },
        accessModes: ['Sometimes'],
        capacity: { storage: '0' },
      }),
      [
        /accessModes: Unsupported value: "Sometimes"/,
        'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
        'spec.nfs: Forbidden: may not specify more than 1 volume type',
      ],
    ],
    [
      'v1',
      'PersistentVolume',
      pv({ hostPath: null, local: { path: '/d' } }),
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'v1',
      'PersistentVolumeClaim',
      {
        spec: {
          accessModes: ['ReadWriteOncePod', 'ReadOnlyMany'],
          resources: { requests: { storage: '-1' } },
        },
      },
      [/may not use ReadWriteOncePod with other access modes/, /must be greater than zero/],
    ],
    [
      'storage.k8s.io/v1',
      'CSINode',
      {
        spec: {
          drivers: [
            { name: 'd', nodeID: '' },
            { name: 'd', nodeID: 'i' },
          ],
        },
      },
      ['spec.drivers[0].nodeID: Required value', 'spec.drivers[1].name: Duplicate value: "d"'],
    ],
  ]);

  test('a claim’s spec stays, but for a larger request once it is bound', () => {
    const def = builtinKind('v1', 'PersistentVolumeClaim');
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const old = created<KubeObject>(def, { spec });
    old.status = { phase: 'Bound', capacity: { storage: '1Gi' } };
    const resized = (storage: string) => {
      const next = structuredClone(old);
      next.spec = { ...(old.spec as object), resources: { requests: { storage } } };
      return validateUpdate(def, next, old).map(String);
    };
    assert.deepEqual(resized('2Gi'), []);
    assert.match(resized('512Mi').join(), /field can not be less than status\.capacity/);
    const moved = {
      ...structuredClone(old),
      spec: { ...(old.spec as object), volumeMode: 'Block' },
    };
    assert.match(
      validateUpdate(def, moved, old).map(String).join(),
      /spec is immutable after creation/,
    );
  });
});

describe('signing requests', () => {
  test('carry a request, usages and a signer', () => {
    const found = complaints(builtinKind('certificates.k8s.io/v1', 'CertificateSigningRequest'), {
      spec: { request: 'bm90IHBlbQ==', signerName: 'bad', usages: [], expirationSeconds: 5 },
    });
    assert.match(found[0] ?? '', /PEM block type must be CERTIFICATE REQUEST$/);
    assert.equal(found[1], 'spec.usages: Required value');
    assert.match(found[2] ?? '', /must be a fully qualified domain and path/);
    assert.match(found[3] ?? '', /may not specify a duration less than 600 seconds/);
  });

  test('get their certificate once, and no decisions, through the status', () => {
    const def = builtinKind('certificates.k8s.io/v1', 'CertificateSigningRequest');
    const request = SIGNING_REQUEST;
    const spec = { request, signerName: 'a.b/c', usages: ['any'] };
    const old = created<CertificateSigningRequest>(def, { spec });
    const change = (status: CertificateSigningRequest['status']) =>
      validateUpdate(def, { ...old, status }, old, 'status').map(String);
    const approved = { type: 'Approved', status: 'True' };
    assert.deepEqual(change({ conditions: [approved] }), [
      'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    ]);
    assert.deepEqual(change({ certificate: 'AAAA', conditions: [{ type: 'X', status: 'y' }] }), [
      'status.conditions[0].status: Unsupported value: "y": supported values: "False", "True", "Unknown"',
      'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    ]);
    const had = { ...old, status: { certificate: 'AAAA' } };
    const again = validateUpdate(def, { ...old, status: { certificate: '' } }, had, 'status');
    assert.deepEqual(again.map(String), [
      'status.certificate: Forbidden: updates may not modify existing certificate content',
    ]);
  });
});
