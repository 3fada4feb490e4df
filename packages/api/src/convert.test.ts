import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { convertObject } from './convert.ts';
import type { Event, EventEvents, HorizontalPodAutoscaler } from './generated/types.ts';
import type { KubeObject } from './meta.ts';
import { builtinKind } from './registry.ts';
import { created } from './testing/make.ts';

describe('events', () => {
  const core = builtinKind('v1', 'Event');
  const group = builtinKind('events.k8s.io/v1', 'Event');
  const event = created<Event>(core, {
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'n' },
    reason: 'R',
    message: 'm',
    source: { component: 'c', host: 'h' },
    firstTimestamp: '2024-01-02T03:04:05Z',
    count: 3,
    type: 'Normal',
  });

  test('have other names for the same things in their own group', () => {
    const e = convertObject(core, group, event) as EventEvents;
    assert.equal(e.apiVersion, 'events.k8s.io/v1');
    assert.equal(e.note, 'm');
    assert.equal(e.regarding?.name, 'p');
    assert.equal(e.deprecatedCount, 3);
    assert.deepEqual(e.deprecatedSource, { component: 'c', host: 'h' });
    assert.equal('message' in e, false);
  });

  test('come back unchanged', () => {
    const back = convertObject(group, core, convertObject(core, group, event));
    assert.deepEqual(back, { ...event, kind: 'Event', apiVersion: 'v1' });
  });
});

describe('autoscalers', () => {
  const v1 = builtinKind('autoscaling/v1', 'HorizontalPodAutoscaler');
  const v2 = builtinKind('autoscaling/v2', 'HorizontalPodAutoscaler');
  const target = (name: string, averageUtilization: number) => ({
    type: 'Resource',
    resource: { name, target: { type: 'Utilization', averageUtilization } },
  });
  const hpa = created<HorizontalPodAutoscaler>(v2, {
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'd' },
      maxReplicas: 5,
      metrics: [target('cpu', 70), target('memory', 60)],
    },
  });

  test('version 1 knows the CPU, the rest is kept aside', () => {
    const old = convertObject(v2, v1, hpa);
    assert.equal(
      (old.spec as { targetCPUUtilizationPercentage: number }).targetCPUUtilizationPercentage,
      70,
    );
    assert.match(
      old.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '',
      /memory/,
    );
  });

  test('nothing but the order is lost on the way there and back', () => {
    const back = convertObject(v1, v2, convertObject(v2, v1, hpa)) as HorizontalPodAutoscaler;
    // The CPU comes last: what was kept aside is put before it.
    assert.deepEqual(back.spec?.metrics, [...(hpa.spec?.metrics ?? [])].reverse());
    assert.equal(back.spec?.maxReplicas, 5);
  });

  test('an annotation somebody broke says nothing', () => {
    const old = convertObject(v2, v1, hpa);
    const key = 'autoscaling.alpha.kubernetes.io/metrics';
    old.metadata.annotations = { [key]: '{' };
    const back = convertObject(v1, v2, old) as HorizontalPodAutoscaler;
    assert.equal(back.spec?.metrics?.length, 1);
  });
});

test('kinds with one version are left alone', () => {
  const def = builtinKind('v1', 'ConfigMap');
  const map: KubeObject = { metadata: { name: 'x' } };
  assert.equal(convertObject(def, def, map), map);
});
