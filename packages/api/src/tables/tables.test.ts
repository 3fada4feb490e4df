import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { KubeObject } from '../meta.ts';
import { builtinKind, builtinKinds } from '../registry.ts';
import { ageDescription, parseIncludeObject, scaleKind, tableColumns, tableFor } from './index.ts';

const NOW = Date.parse('2024-01-02T03:10:00Z');
const BORN = '2024-01-02T03:05:00Z';

function row(apiVersion: string, kind: string, object: object): unknown[] {
  const full = { metadata: { name: 'x', namespace: 'n', creationTimestamp: BORN }, ...object };
  const table = tableFor(builtinKind(apiVersion, kind), [full as KubeObject], { nowMs: NOW });
  return table.rows?.[0]?.cells ?? [];
}

describe('rows', () => {
  const rows: readonly [string, string, object, unknown[]][] = [
    [
      'apps/v1',
      'Deployment',
      {
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'a' } },
          template: {
            spec: {
              containers: [
                { name: 'c', image: 'i' },
                { name: 'd', image: 'j' },
              ],
            },
          },
        },
        status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
      },
      ['x', '2/3', 3, 1, '5m', 'c,d', 'i,j', 'app=a'],
    ],
    [
      'v1',
      'Service',
      {
        spec: {
          type: 'NodePort',
          clusterIP: '10.96.0.1',
          clusterIPs: ['10.96.0.1'],
          ports: [
            { port: 80, nodePort: 30080, protocol: 'TCP' },
            { port: 53, protocol: 'UDP' },
          ],
        },
      },
      ['x', 'NodePort', '10.96.0.1', '<none>', '80:30080/TCP,53/UDP', '5m', '<none>'],
    ],
    [
      'v1',
      'Service',
      {
        spec: { type: 'LoadBalancer', externalIPs: ['1.1.1.1', '0.0.0.1'] },
        status: {
          loadBalancer: { ingress: [{ ip: '9.9.9.9' }, { hostname: 'b' }, { ip: '1.1.1.1' }] },
        },
      },
      [
        'x',
        'LoadBalancer',
        '<none>',
        '1.1.1.1,9.9.9.9,b,1.1.1.1,0.0.0.1',
        '<none>',
        '5m',
        '<none>',
      ],
    ],
    [
      'v1',
      'Endpoints',
      { subsets: [{ notReadyAddresses: [{ ip: '1.1.1.1' }], ports: [{ port: 1 }] }] },
      ['x', '', '5m'],
    ],
    [
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [], ports: [{ name: 'a' }, { name: '', port: 2 }, {}] },
      ['x', 'IPv4', 'a,2,*', '<unset>', '5m'],
    ],
    [
      'networking.k8s.io/v1',
      'Ingress',
      {
        spec: { rules: [{}, { host: 'a' }, { host: 'b' }, { host: 'c' }, {}] },
        status: {
          loadBalancer: { ingress: [{ hostname: 'z' }, { ip: '1.2.3.4' }, { hostname: 'z' }] },
        },
      },
      ['x', '<none>', 'a,b,c + 2 more...', '1.2.3.4,z', '80', '5m'],
    ],
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingAdmissionPolicyBinding',
      { spec: { policyName: 'p', paramRef: { name: 'a' } } },
      ['x', 'p', '*/a', '5m'],
    ],
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingAdmissionPolicyBinding',
      {
        spec: {
          policyName: 'p',
          paramRef: {
            selector: {
              matchLabels: { b: '1', a: '2' },
              matchExpressions: [{ key: 'k', operator: 'In', values: ['x', 'y'] }],
            },
          },
        },
      },
      [
        'x',
        'p',
        '&LabelSelector{MatchLabels:map[string]string{a: 2,b: 1,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}',
        '5m',
      ],
    ],
    [
      'v1',
      'Service',
      { spec: { type: 'LoadBalancer' } },
      ['x', 'LoadBalancer', '<none>', '<pending>', '<none>', '5m', '<none>'],
    ],
    [
      'v1',
      'Node',
      {
        metadata: {
          name: 'x',
          creationTimestamp: BORN,
          labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/a': '' },
        },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
          nodeInfo: { kubeletVersion: 'v1', osImage: 'os', kernelVersion: '6' },
        },
      },
      [
        'x',
        'Ready,SchedulingDisabled',
        'a,worker',
        '5m',
        'v1',
        '10.0.0.1',
        '<none>',
        'os',
        '6',
        '<unknown>',
      ],
    ],
    ['v1', 'ConfigMap', { data: { a: '1' }, binaryData: { b: '' } }, ['x', 2, '5m']],
    ['v1', 'Secret', { type: 'Opaque', data: { a: '' } }, ['x', 'Opaque', 1, '5m']],
    ['v1', 'Namespace', { status: { phase: 'Active' } }, ['x', 'Active', '5m']],
    [
      'v1',
      'Endpoints',
      {
        subsets: [
          {
            addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
            ports: [{ port: 80 }, { port: 81 }],
          },
        ],
      },
      ['x', '10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...', '5m'],
    ],
    [
      'v1',
      'Event',
      {
        type: 'Normal',
        reason: 'R',
        message: ' m ',
        involvedObject: { kind: 'Pod', name: 'p' },
        source: { component: 'kubelet', host: 'n1' },
        firstTimestamp: '2024-01-02T03:00:00Z',
        lastTimestamp: '2024-01-02T03:09:00Z',
        count: 4,
      },
      ['60s', 'Normal', 'R', 'pod/p', '', 'kubelet, n1', 'm', '10m', 4, 'x'],
    ],
    [
      'batch/v1',
      'Job',
      {
        spec: { completions: 2, selector: {}, template: { spec: { containers: [] } } },
        status: {
          succeeded: 2,
          startTime: BORN,
          completionTime: '2024-01-02T03:05:42Z',
          conditions: [{ type: 'Complete', status: 'True' }],
        },
      },
      ['x', 'Complete', '2/2', '42s', '5m', '', '', '<none>'],
    ],
    [
      'batch/v1',
      'CronJob',
      {
        spec: {
          schedule: '@daily',
          suspend: false,
          jobTemplate: { spec: { template: { spec: { containers: [] } } } },
        },
        status: { lastScheduleTime: '2024-01-02T03:09:30Z', active: [{}] },
      },
      ['x', '@daily', '<none>', 'False', 1, '30s', '5m', '', '', '<none>'],
    ],
    [
      'v1',
      'PersistentVolumeClaim',
      {
        spec: { volumeName: 'v', storageClassName: 's', volumeMode: 'Filesystem' },
        status: {
          phase: 'Bound',
          capacity: { storage: '1Gi' },
          accessModes: ['ReadOnlyMany', 'ReadWriteOnce'],
        },
      },
      ['x', 'Bound', 'v', '1Gi', 'RWO,ROX', 's', '<unset>', '5m', 'Filesystem'],
    ],
    [
      'autoscaling/v2',
      'HorizontalPodAutoscaler',
      {
        spec: {
          scaleTargetRef: { kind: 'Deployment', name: 'd' },
          minReplicas: 1,
          maxReplicas: 5,
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
            },
          ],
        },
        status: {
          currentReplicas: 2,
          currentMetrics: [
            { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40 } } },
          ],
        },
      },
      ['x', 'Deployment/d', 'cpu: 40%/80%', '1', 5, 2, '5m'],
    ],
    ['coordination.k8s.io/v1', 'Lease', { spec: { holderIdentity: 'me' } }, ['x', 'me', '5m']],
    ['rbac.authorization.k8s.io/v1', 'Role', {}, ['x', BORN]],
  ];
  for (const [apiVersion, kind, object, cells] of rows) {
    test(kind, () => {
      assert.deepEqual(row(apiVersion, kind, object), cells);
    });
  }
});

describe('every kind', () => {
  test('has as many cells as columns', () => {
    for (const def of builtinKinds.all()) {
      if (!def.verbs.includes('list')) continue;
      const object = {
        metadata: { name: 'x', creationTimestamp: BORN },
        spec: { source: {}, template: {}, jobTemplate: {} },
        roleRef: { kind: 'Role', name: 'r' },
      };
      const table = tableFor(def, [object], { nowMs: NOW });
      const columns = table.columnDefinitions.length;
      assert.equal(table.rows?.[0]?.cells.length, columns, `${def.apiVersion} ${def.kind}`);
    }
  });

  test('names and describes its columns', () => {
    for (const def of builtinKinds.all()) {
      const columns = tableColumns(def);
      assert.ok(columns.some((c) => c.name === 'Name' && c.format === 'name'));
      assert.match(columns[0]?.description ?? '', /\w/, `${def.apiVersion} ${def.kind}`);
    }
    assert.match(ageDescription(), /creationTimestamp/i);
  });
});

describe('what a row carries', () => {
  const def = builtinKind('v1', 'ConfigMap');
  const map = { metadata: { name: 'x' }, data: { a: '1' } };
  const carried = (includeObject?: 'None' | 'Metadata' | 'Object') =>
    tableFor(def, [map], { nowMs: NOW, ...(includeObject ? { includeObject } : {}) }).rows?.[0]
      ?.object;

  test('metadata, unless asked otherwise', () => {
    const expected = {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'x' },
    };
    assert.deepEqual(carried(), expected);
    assert.deepEqual(carried('Metadata'), expected);
    assert.deepEqual(carried('Object'), { kind: 'ConfigMap', apiVersion: 'v1', ...map });
    assert.equal(carried('None'), null);
  });

  test('the parameter is one of three', () => {
    assert.equal(parseIncludeObject(null), 'Metadata');
    assert.equal(parseIncludeObject('Object'), 'Object');
    assert.throws(() => parseIncludeObject('Nope'), ApiError);
  });

  test('no rows are an empty list, or null without a printer', () => {
    assert.deepEqual(tableFor(def, [], { nowMs: NOW }).rows, []);
    const role = builtinKind('rbac.authorization.k8s.io/v1', 'Role');
    assert.equal(tableFor(role, [], { nowMs: NOW }).rows, null);
  });
});

test('the scale of a workload has columns of its own', () => {
  const def = scaleKind(builtinKind('apps/v1', 'Deployment'));
  const scale = { metadata: { name: 'x', creationTimestamp: BORN }, spec: { replicas: 3 } };
  const table = tableFor(def, [{ ...scale, status: { replicas: 2 } } as KubeObject], {
    nowMs: NOW,
  });
  const names = table.columnDefinitions.map(({ name, type }) => `${name} ${type}`);
  assert.deepEqual(names, ['Name string', 'Desired integer', 'Available integer', 'Age string']);
  assert.deepEqual(table.rows?.[0]?.cells, ['x', 3, 2, '5m']);
});
