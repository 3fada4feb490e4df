import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerRevision, KubeObject, PodTemplateSpec } from '@kubets/api';
import { planRevision } from './revisions.ts';

const KIND = { apiVersion: 'apps/v1', kind: 'DaemonSet' } as const;
const CAUSE = 'kubernetes.io/change-cause';

function owner(annotations?: Record<string, string>): KubeObject {
  const metadata = {
    name: 'ds',
    namespace: 'default',
    uid: 'u',
    ...(annotations && { annotations }),
  };
  return { ...KIND, metadata };
}

function template(image: string): PodTemplateSpec {
  const containers = [{ name: 'c', image }];
  return { metadata: { labels: { app: 'a' } }, spec: { containers } } as PodTemplateSpec;
}

const plan = (of: KubeObject, image: string, revisions: readonly ControllerRevision[] = []) =>
  planRevision(of, KIND, { template: template(image), revisions, collisionCount: undefined });

describe('the revision of a template', () => {
  it('carries what its owner said of the change', () => {
    const { current, write } = plan(owner({ [CAUSE]: 'first', other: 'x' }), 'a:1');
    assert.equal(write, 'create');
    assert.deepEqual(current.metadata.annotations, { [CAUSE]: 'first', other: 'x' });
    assert.equal(plan(owner(), 'a:1').current.metadata.annotations, undefined);
  });

  it('keeps it when the template comes back, with the next number', () => {
    const first = plan(owner({ [CAUSE]: 'first' }), 'a:1').current;
    const second = plan(owner({ [CAUSE]: 'second' }), 'a:2', [first]).current;
    assert.equal(second.revision, 2);
    assert.equal(second.metadata.annotations?.[CAUSE], 'second');
    const back = plan(owner({ [CAUSE]: 'third' }), 'a:1', [first, second]);
    assert.equal(back.write, 'renumber');
    assert.equal(back.current.revision, 3);
    assert.equal(back.current.metadata.annotations?.[CAUSE], 'first');
  });

  it('is spelt with its fields in order, for `kubectl rollout undo` compares the bytes', () => {
    const spec = { restartPolicy: 'Always', containers: [{ name: 'c', image: 'a:1' }] };
    const metadata = { labels: { b: '2', a: '1' }, creationTimestamp: null };
    const facts = { template: { spec, metadata } as unknown as PodTemplateSpec, revisions: [] };
    const { current } = planRevision(owner(), KIND, { ...facts, collisionCount: undefined });
    assert.equal(
      JSON.stringify(current.data),
      '{"spec":{"template":{"$patch":"replace",' +
        '"metadata":{"creationTimestamp":null,"labels":{"a":"1","b":"2"}},' +
        '"spec":{"containers":[{"image":"a:1","name":"c"}],"restartPolicy":"Always"}}}}',
    );
  });

  it('that is the newest needs no writing', () => {
    const first = plan(owner(), 'a:1').current;
    assert.deepEqual(plan(owner({ [CAUSE]: 'later' }), 'a:1', [first]), { current: first });
  });
});
