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

  it('shows an autoscaler’s CPU target in both versions, the last of the metrics', () => {
    const v1 = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h', creationTimestamp: '2024-01-02T03:04:05Z' },
      spec: {
        minReplicas: 1,
        maxReplicas: 3,
        scaleTargetRef: { kind: 'D', name: 'd' },
        targetCPUUtilizationPercentage: 70,
      },
      status: { currentReplicas: 0, desiredReplicas: 0 },
    };
    const stored = toStorage(oldScaler, v1);
    assert.deepEqual(stored.spec, {
      minReplicas: 1,
      maxReplicas: 3,
      scaleTargetRef: { kind: 'D', name: 'd' },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
        },
      ],
    });
    assert.deepEqual(stored.status, { desiredReplicas: 0, currentMetrics: null });
    assert.deepEqual(fromStorage(oldScaler, stored), v1);
  });

  it('gives an autoscaler without a target the one its stored form has', () => {
    const spec = { minReplicas: 1, maxReplicas: 3, scaleTargetRef: { kind: 'D', name: 'd' } };
    const head = { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' };
    const stored = toStorage(oldScaler, { ...head, metadata: { name: 'h' }, spec });
    const shown = fromStorage(oldScaler, stored);
    assert.deepEqual(shown.spec, { ...spec, targetCPUUtilizationPercentage: 80 });
  });

  it('keeps what the old version has no fields for in the annotations upstream uses', () => {
    const memory = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '500Mi' } },
    };
    const rules = {
      stabilizationWindowSeconds: 60,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: 1, periodSeconds: 30 }],
    };
    const up = { ...rules, stabilizationWindowSeconds: 0 };
    const v2 = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: {
        name: 'h',
        creationTimestamp: '2024-01-02T03:04:05Z',
        annotations: { mine: 'x' },
      },
      spec: {
        minReplicas: 1,
        maxReplicas: 3,
        scaleTargetRef: { kind: 'D', name: 'd' },
        metrics: [memory],
        behavior: { scaleUp: up, scaleDown: rules },
      },
      status: { desiredReplicas: 0, currentMetrics: null },
    };
    const shown = fromStorage(oldScaler, v2);
    const go = (seconds: number): string =>
      `{"StabilizationWindowSeconds":${seconds},"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":30}]}`;
    assert.deepEqual(shown.metadata.annotations, {
      mine: 'x',
      'autoscaling.alpha.kubernetes.io/metrics':
        '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"500Mi"}}]',
      'autoscaling.alpha.kubernetes.io/behavior': `{"ScaleUp":${go(0)},"ScaleDown":${go(60)}}`,
    });
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
