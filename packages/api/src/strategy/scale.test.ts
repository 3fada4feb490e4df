import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment } from '../generated/types.ts';
import { scaleOf, validateScale, withScale } from './scale.ts';

const deployment: Deployment = {
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name: 'd', namespace: 'n', uid: 'u', resourceVersion: '5' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { b: '2', a: '1' } },
    template: { spec: { containers: [] } },
  },
  status: { replicas: 2 },
};

describe('scale', () => {
  test('shows replicas wanted and there, and the selector as text', () => {
    const scale = scaleOf(deployment);
    assert.deepEqual(scale.spec, { replicas: 3 });
    assert.deepEqual(scale.status, { replicas: 2, selector: 'a=1,b=2' });
    assert.equal(scale.metadata.resourceVersion, '5');
    assert.equal(scale.kind, 'Scale');
  });

  test('zero is left out of the spec, as the stock server does', () => {
    const none = { ...deployment, spec: { ...deployment.spec, replicas: 0 } };
    assert.deepEqual(scaleOf(none as Deployment).spec, {});
  });

  test('a ReplicationController’s selector is a plain map', () => {
    const rc = {
      kind: 'ReplicationController',
      metadata: { name: 'r' },
      spec: { replicas: 1, selector: { app: 'a' } },
    };
    assert.equal(scaleOf(rc).status?.selector, 'app=a');
  });

  test('writes replicas into a copy, with the version the client saw', () => {
    const scale = { ...scaleOf(deployment), spec: { replicas: 7 } };
    const next = withScale(deployment, { ...scale, metadata: { resourceVersion: '4' } });
    assert.equal(next.spec?.replicas, 7);
    assert.equal(next.metadata.resourceVersion, '4');
    assert.equal(deployment.spec?.replicas, 3);
  });

  test('negative replicas are refused', () => {
    const bad = { ...scaleOf(deployment), spec: { replicas: -1 } };
    assert.deepEqual(validateScale(bad).map(String), [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
    assert.deepEqual(validateScale(scaleOf(deployment)), []);
  });
});
