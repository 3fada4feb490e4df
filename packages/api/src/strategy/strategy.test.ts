import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type {
  ConfigMap,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Job,
  Namespace,
  Node,
  PersistentVolumeClaim,
  Pod,
  ReplicaSet,
} from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { created, pod, SELECTOR, specOf, TEMPLATE } from '../testing/make.ts';
import { podQosClass } from './pod.ts';
import { prepareForUpdate } from './strategy.ts';

const deploymentDef = builtinKind('apps/v1', 'Deployment');
const podDef = builtinKind('v1', 'Pod');

function deployment(extra: object = {}): Deployment {
  return created<Deployment>(deploymentDef, {
    spec: { selector: SELECTOR, template: TEMPLATE },
    ...extra,
  });
}

describe('creation', () => {
  test('a status a client sends is dropped', () => {
    assert.deepEqual(deployment({ status: { replicas: 5 } }).status, {});
    const rs = created<ReplicaSet>(builtinKind('apps/v1', 'ReplicaSet'), {
      spec: { selector: SELECTOR, template: TEMPLATE },
      status: { replicas: 5 },
    });
    assert.deepEqual(rs.status, { replicas: 0 });
  });

  test('a node’s status is kept', () => {
    const body = { status: { capacity: { cpu: '1' } } };
    const node = created<Node>(builtinKind('v1', 'Node'), body);
    assert.deepEqual(node.status?.capacity, { cpu: '1' });
  });

  test('the generation starts at one where the server counts it, else it is the writer’s', () => {
    assert.equal(deployment().metadata.generation, 1);
    const map = created<ConfigMap>(builtinKind('v1', 'ConfigMap'), {
      metadata: {
        name: 'x',
        namespace: 'n',
        generation: 7,
        deletionTimestamp: '2024-01-02T03:04:05Z',
      },
    });
    assert.equal(map.metadata.generation, 7);
    assert.equal(map.metadata.deletionTimestamp, undefined);
  });

  test('pods are Pending with a quality of service', () => {
    assert.deepEqual(pod().status, { phase: 'Pending', qosClass: 'BestEffort' });
  });

  test('gated pods say that they are', () => {
    const [condition] = pod({ schedulingGates: [{ name: 'g' }] }).status?.conditions ?? [];
    assert.equal(condition?.reason, 'SchedulingGated');
    assert.equal(condition?.status, 'False');
  });

  test('namespaces get their finalizer', () => {
    const ns = created<Namespace>(builtinKind('v1', 'Namespace'), { status: { phase: 'Gone' } });
    assert.deepEqual(ns.spec?.finalizers, ['kubernetes']);
    assert.deepEqual(ns.status, { phase: 'Active' });
  });

  test('jobs get labels and a selector of their own', () => {
    const job = created<Job>(builtinKind('batch/v1', 'Job'), { spec: { template: TEMPLATE } });
    const uid = job.metadata.uid ?? '';
    const labels = job.spec?.template.metadata?.labels;
    assert.equal(labels?.['batch.kubernetes.io/controller-uid'], uid);
    assert.equal(labels?.['job-name'], 'x');
    assert.deepEqual(job.spec?.selector?.matchLabels, {
      'batch.kubernetes.io/controller-uid': uid,
    });
  });

  test('a job that manages its selector is left alone', () => {
    const job = created<Job>(builtinKind('batch/v1', 'Job'), {
      spec: { manualSelector: true, selector: SELECTOR, template: TEMPLATE },
    });
    assert.deepEqual(job.spec?.template.metadata?.labels, { app: 'a' });
  });

  test('repeated owners are named once', () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
    const map = created<ConfigMap>(builtinKind('v1', 'ConfigMap'), {
      metadata: { name: 'x', namespace: 'n', ownerReferences: [owner, owner] },
    });
    assert.equal(map.metadata.ownerReferences?.length, 1);
  });

  test('a claim’s data source has two names', () => {
    const claim = created<PersistentVolumeClaim>(builtinKind('v1', 'PersistentVolumeClaim'), {
      spec: { dataSource: { kind: 'PersistentVolumeClaim', name: 'src' } },
    });
    assert.equal(claim.spec?.dataSourceRef?.name, 'src');
  });
});

describe('updates', () => {
  function updated(change: (d: Deployment) => void, subresource?: string): Deployment {
    const old = deployment();
    old.status = { replicas: 2 };
    const next = structuredClone(old);
    change(next);
    prepareForUpdate(deploymentDef, next, old, subresource);
    return next;
  }

  test('the status stays what it was', () => {
    const d = updated((next) => {
      next.status = { replicas: 9 };
    });
    assert.deepEqual(d.status, { replicas: 2 });
    assert.equal(d.metadata.generation, 1);
  });

  test('a change of the spec is a new generation', () => {
    const d = updated((next) => {
      if (next.spec) next.spec.replicas = 5;
    });
    assert.equal(d.metadata.generation, 2);
  });

  test('labels are no change of the spec', () => {
    const d = updated((next) => {
      next.metadata.labels = { a: 'b' };
    });
    assert.equal(d.metadata.generation, 1);
  });

  test('the generation can not be set', () => {
    const d = updated((next) => {
      next.metadata.generation = 99;
    });
    assert.equal(d.metadata.generation, 1);
  });

  test('through status, nothing but the status changes', () => {
    const d = updated((next) => {
      next.status = { replicas: 4 };
      next.metadata.labels = { q: 'r' };
      if (next.spec) next.spec.replicas = 9;
    }, 'status');
    assert.deepEqual(d.status, { replicas: 4 });
    assert.equal(d.spec?.replicas, 1);
    assert.equal(d.metadata.labels, undefined);
    assert.equal(d.metadata.generation, 1);
  });

  test('uid, creation and deletion times can not be taken away', () => {
    const old = pod();
    old.metadata.deletionTimestamp = '2024-02-02T03:04:05Z';
    old.metadata.deletionGracePeriodSeconds = 30;
    const next = structuredClone(old);
    next.metadata = { name: 'x', namespace: 'n' };
    prepareForUpdate(podDef, next, old);
    assert.equal(next.metadata.uid, old.metadata.uid);
    assert.equal(next.metadata.creationTimestamp, old.metadata.creationTimestamp);
    assert.equal(next.metadata.deletionTimestamp, old.metadata.deletionTimestamp);
    assert.equal(next.metadata.deletionGracePeriodSeconds, 30);
  });

  test('pods/status does not touch owners or the spec', () => {
    const old = pod();
    old.metadata.ownerReferences = [{ apiVersion: 'v1', kind: 'X', name: 'o', uid: 'u' }];
    const next = structuredClone(old);
    const { ownerReferences: _owners, ...bare } = next.metadata;
    next.metadata = bare;
    specOf(next).nodeName = 'elsewhere';
    next.status = { phase: 'Running' };
    prepareForUpdate(podDef, next, old, 'status');
    assert.equal(next.metadata.ownerReferences?.length, 1);
    assert.equal(next.spec?.nodeName, undefined);
    assert.deepEqual(next.status, { phase: 'Running', qosClass: 'BestEffort' });
  });

  test('a DaemonSet counts changes of its template', () => {
    const def = builtinKind('apps/v1', 'DaemonSet');
    const old = created<DaemonSet>(def, { spec: { selector: SELECTOR, template: TEMPLATE } });
    const key = 'deprecated.daemonset.template.generation';
    assert.equal(old.metadata.annotations?.[key], '1');
    const next = structuredClone(old);
    delete next.metadata.annotations;
    if (next.spec?.template.spec) next.spec.template.spec.nodeName = 'n';
    prepareForUpdate(def, next, old);
    assert.equal(next.metadata.annotations?.[key], '2');
  });

  test('a slice’s endpoints are its desired state', () => {
    const def = builtinKind('discovery.k8s.io/v1', 'EndpointSlice');
    const old = created<EndpointSlice>(def, { addressType: 'IPv4', endpoints: [] });
    const next = structuredClone(old);
    next.endpoints = [{ addresses: ['10.0.0.1'] }];
    prepareForUpdate(def, next, old);
    assert.equal(next.metadata.generation, 2);
  });
});

describe('quality of service', () => {
  const full = { cpu: '1', memory: '1Gi' };
  const cases: readonly [string, object, ReturnType<typeof podQosClass>][] = [
    ['nothing asked', {}, 'BestEffort'],
    ['limits of both', { limits: full }, 'Guaranteed'],
    ['equal requests and limits', { limits: full, requests: full }, 'Guaranteed'],
    ['lower requests', { limits: full, requests: { cpu: '500m' } }, 'Burstable'],
    ['one resource', { limits: { cpu: '1' } }, 'Burstable'],
    ['requests alone', { requests: full }, 'Burstable'],
    ['zero is nothing', { requests: { cpu: '0' } }, 'BestEffort'],
    ['other resources do not count', { requests: { 'ephemeral-storage': '1Gi' } }, 'BestEffort'],
  ];
  for (const [title, resources, expected] of cases) {
    test(`${title}: ${expected}`, () => {
      assert.equal(podQosClass(pod({}, { resources })), expected);
    });
  }

  test('every container counts, init containers too', () => {
    const initContainers = [{ name: 'i', image: 'i' }];
    const p: Pod = pod({ initContainers }, { resources: { limits: full } });
    assert.equal(podQosClass(p), 'Burstable');
  });
});
