import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind, type KubeObject } from '@kubets/api';
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
});
