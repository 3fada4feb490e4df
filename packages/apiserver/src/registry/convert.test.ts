import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind, type KubeObject, optionalKinds } from '@kubets/api';
import { fromStorage, storedAsItself, toStorage } from './convert.ts';

const newEvent = builtinKind('events.k8s.io/v1', 'Event');
const coreEvent = builtinKind('v1', 'Event');
const oldScaler = builtinKind('autoscaling/v1', 'HorizontalPodAutoscaler');
const newScaler = builtinKind('autoscaling/v2', 'HorizontalPodAutoscaler');

describe('conversion', () => {
  it('leaves kinds of one version alone', () => {
    const pod = builtinKind('v1', 'Pod');
    const object: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
    assert.equal(toStorage(pod, object), object);
    assert.equal(fromStorage(pod, object), object);
    assert.ok(storedAsItself(pod));
  });

  it('shows core events as events.k8s.io, and back', () => {
    const core = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p' },
      message: 'm',
      count: 3,
      source: { component: 'c' },
      reportingComponent: 'r',
      reportingInstance: '',
      type: 'Normal',
    };
    const shown = fromStorage(newEvent, core);
    assert.deepEqual(shown, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'p' },
      note: 'm',
      deprecatedCount: 3,
      deprecatedSource: { component: 'c' },
      reportingController: 'r',
      type: 'Normal',
    });
    assert.deepEqual(toStorage(newEvent, shown), core);
    assert.equal(fromStorage(coreEvent, core), core);
  });

  it('shows an autoscaler’s CPU target in both versions', () => {
    const v1 = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 70 },
      status: {},
    };
    const stored = toStorage(oldScaler, v1);
    assert.deepEqual(stored.spec, {
      maxReplicas: 3,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
      ],
    });
    assert.deepEqual(fromStorage(oldScaler, stored), v1);
  });

  it('keeps metrics the old version has no fields for', () => {
    const memory = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 50 } },
    };
    const v2 = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: { maxReplicas: 3, metrics: [memory] },
      status: {},
    };
    const shown = fromStorage(oldScaler, v2);
    assert.equal((shown.spec as { metrics?: unknown }).metrics, undefined);
    assert.deepEqual(toStorage(oldScaler, shown), v2);
    assert.equal(fromStorage(newScaler, v2), v2);
  });

  it('wraps the capacities of devices in the newer version', () => {
    const of = (version: string) =>
      optionalKinds().find((def) => def.kind === 'ResourceSlice' && def.version === version) ??
      assert.fail(version);
    const slice = (apiVersion: string, capacity: object): KubeObject => ({
      ...{ apiVersion, kind: 'ResourceSlice', metadata: { name: 's' } },
      spec: { driver: 'd', devices: [{ name: 'a', basic: { capacity } }] },
    });
    const older = slice('resource.k8s.io/v1alpha3', { memory: '1Gi' });
    const newer = slice('resource.k8s.io/v1beta1', { memory: { value: '1Gi' } });
    assert.deepEqual(toStorage(of('v1alpha3'), older), newer);
    assert.deepEqual(fromStorage(of('v1alpha3'), newer), older);
  });
});
