import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { podSecurity } from './pod-security.ts';

const KEY = 'pod-security.kubernetes.io/';
type Labels = Record<string, string>;

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

const namespace = (labels: Labels): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'ns',
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [KEY + key, value])),
  },
});

const pod = (name: string, spec: object = {}, owner?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'ns',
    name,
    ...(owner && {
      ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: owner, uid: owner, controller: true }],
    }),
  },
  spec: { containers: [{ name: 'c', image: 'img:1' }], ...spec },
});

async function write(now: KubeObject, before?: KubeObject): Promise<string[]> {
  const warnings: string[] = [];
  const attributes = admission(before ? 'UPDATE' : 'CREATE', now, { oldObject: before, warnings });
  await podSecurity(store).validate?.(attributes);
  return warnings;
}

describe("PodSecurity on a namespace's labels", () => {
  it('refuses what no label may say, all of it at once', async () => {
    const labels = {
      warn: 'x',
      enforce: 'foo',
      'enforce-version': 'v1.x',
      'audit-version': 'v1.01',
    };
    const { message } = await failure(() => write(namespace(labels)));
    const version = 'must be "latest" or "v1.x"';
    const level = 'must be one of privileged, baseline, restricted';
    assert.equal(
      message,
      `Namespace "ns" is invalid: [metadata.labels[${KEY}enforce]: Invalid value: "foo": ${level}, ` +
        `metadata.labels[${KEY}enforce-version]: Invalid value: "v1.x": ${version}, ` +
        `metadata.labels[${KEY}audit-version]: Invalid value: "v1.01": ${version}, ` +
        `metadata.labels[${KEY}warn]: Invalid value: "x": ${level}]`,
    );
    await write(namespace({ enforce: 'baseline', 'enforce-version': 'v1.32', warn: 'restricted' }));
  });

  it('leaves what was wrong before', async () => {
    const wrong = namespace({ enforce: 'foo' });
    await write(wrong, wrong);
    await failure(() => write(namespace({ enforce: 'bar' }), wrong));
  });

  it('warns of the pods a stricter level would refuse, like ones together', async () => {
    store.seed(
      pod('b', { hostPID: true }),
      pod('a', { hostPID: true }),
      pod('c', { hostPID: true }),
      pod('d', { hostNetwork: true, volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
      pod('fine'),
    );
    const before = namespace({});
    assert.deepEqual(await write(namespace({ enforce: 'baseline' }), before), [
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 2 other pods): host namespaces',
      'd: host namespaces, hostPath volumes',
    ]);
  });

  it('is silent where nothing gets stricter', async () => {
    store.seed(pod('a', { hostPID: true }));
    const strict = namespace({ enforce: 'restricted' });
    assert.deepEqual(await write(namespace({ enforce: 'baseline' }), strict), []);
    assert.deepEqual(await write(namespace({ enforce: 'privileged' }), strict), []);
    assert.deepEqual(await write(namespace({ warn: 'baseline' }), namespace({})), []);
    assert.deepEqual(await write(strict, strict), []);
  });

  it('says how many it looked at where there are too many, one of each owner first', async () => {
    for (let n = 0; n < 3_001; n++) store.seed(pod(`a${n}`, {}, 'set'));
    store.seed(pod('z', { hostIPC: true }));
    assert.deepEqual(await write(namespace({ enforce: 'baseline' }), namespace({})), [
      'new PodSecurity enforce level only checked against the first 3000 of 3002 existing pods',
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'z: host namespaces',
    ]);
  });
});

describe('PodSecurity on what is written there', () => {
  it('warns by the enforced level where nothing else is asked for', async () => {
    store.seed(namespace({ enforce: 'baseline' }));
    const template = { metadata: {}, spec: { hostPID: true, containers: [{ name: 'c' }] } };
    const metadata = { namespace: 'ns', name: 'd' };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } };
    assert.deepEqual(await write(deployment), [
      'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    ]);
    store.seed(namespace({ enforce: 'baseline', warn: 'privileged' }));
    assert.deepEqual(await write(deployment), []);
  });

  it('only speaks by levels it knows', async () => {
    store.seed(namespace({ warn: 'foo', audit: 'foo' }));
    assert.deepEqual(await write(pod('a', { hostPID: true })), []);
  });

  it('looks at a pod again when its image changes', async () => {
    store.seed(namespace({ enforce: 'baseline' }));
    const before = pod('a', { hostPID: true });
    await write(pod('a', { hostPID: true, activeDeadlineSeconds: 5 }), before);
    const now = pod('a', { hostPID: true, containers: [{ name: 'c', image: 'img:2' }] });
    const { message } = await failure(() => write(now, before));
    assert.match(message, /^pods "a" is forbidden: violates PodSecurity "baseline:latest": host /);
  });
});
