import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { Binding } from '../generated/types.ts';
import { pod, specOf } from '../testing/make.ts';
import { bindPod } from './pod.ts';

const NOW = '2024-05-06T07:08:09Z';

function binding(target: object, metadata: object = {}): Binding {
  return { metadata: { name: 'x', ...metadata }, target: { ...target } };
}

function refusal(p: ReturnType<typeof pod>, b: Binding): ApiError {
  try {
    bindPod(p, b, NOW);
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('it was let through');
}

describe('binding a pod', () => {
  test('sets the node, says so in a condition, takes annotations over', () => {
    const p = pod();
    p.metadata.annotations = { old: '1' };
    bindPod(p, binding({ kind: 'Node', name: 'n1' }, { annotations: { a: 'b' } }), NOW);
    assert.equal(specOf(p).nodeName, 'n1');
    assert.deepEqual(p.metadata.annotations, { old: '1', a: 'b' });
    const [condition] = p.status?.conditions ?? [];
    assert.equal(condition?.type, 'PodScheduled');
    assert.equal(condition?.status, 'True');
    assert.equal(condition?.lastTransitionTime, NOW);
  });

  test('the kind of the target may be left out', () => {
    const p = pod();
    bindPod(p, binding({ name: 'n1' }), NOW);
    assert.equal(specOf(p).nodeName, 'n1');
  });

  test('a pod is bound once', () => {
    const error = refusal(pod({ nodeName: 'n1' }), binding({ name: 'n2' }));
    assert.equal(error.reason, 'Conflict');
    assert.equal(
      error.message,
      'Operation cannot be fulfilled on pods/binding "x": pod x is already assigned to node "n1"',
    );
  });

  test('gated, deleted and exchanged pods are refused', () => {
    const gated = refusal(pod({ schedulingGates: [{ name: 'g' }] }), binding({ name: 'n' }));
    assert.match(gated.message, /non-empty \.spec\.schedulingGates/);
    const dying = pod();
    dying.metadata.deletionTimestamp = NOW;
    assert.match(refusal(dying, binding({ name: 'n' })).message, /is being deleted/);
    const other = refusal(pod(), binding({ name: 'n' }, { uid: 'other' }));
    assert.match(other.message, /Precondition failed: UID in precondition: other/);
    assert.equal(other.code, 409);
  });

  test('a malformed Binding is refused before the pod is looked at', () => {
    assert.equal(refusal(pod(), binding({})).message, 'target.name: Required value');
    assert.equal(
      refusal(pod(), binding({ kind: 'Shelf', name: 'n' })).message,
      'target.kind: Unsupported value: "Shelf": supported values: "Node", "<empty>"',
    );
    const named = refusal(pod(), binding({ name: 'n' }, { name: 'other' }));
    assert.equal(named.code, 400);
  });
});

describe('AppArmor profiles', () => {
  const key = 'container.apparmor.security.beta.kubernetes.io/c';

  test('fields become annotations', () => {
    const appArmorProfile = { type: 'Localhost', localhostProfile: 'p' };
    const p = pod({}, { securityContext: { appArmorProfile } });
    assert.equal(p.metadata.annotations?.[key], 'localhost/p');
    const whole = pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } });
    assert.equal(whole.metadata.annotations?.[key], 'runtime/default');
  });

  test('without a profile there is no annotation', () => {
    assert.equal(pod().metadata.annotations, undefined);
  });
});
