import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Pod, Secret } from '@kubets/api';
import { formatTime } from '../objects/meta.ts';
import { NOW_MS } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { decideLegacyToken, legacyTokenCleaner } from './legacy-tokens.ts';
import { secretsOf } from './mounted-secrets.ts';

const DAY_MS = 24 * 3_600_000;
const KEPT_MS = 24 * DAY_MS;
const USED = 'kubernetes.io/legacy-token-last-used';
const INVALID = 'kubernetes.io/legacy-token-invalid-since';
const day = (daysAgo: number): string =>
  new Date(NOW_MS - daysAgo * DAY_MS).toISOString().slice(0, 10);

const token = (labels: Record<string, string> = {}, ageDays = 100): Secret => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token' },
  metadata: {
    ...{ name: 't', namespace: 'default', labels },
    creationTimestamp: formatTime(NOW_MS - ageDays * DAY_MS),
    annotations: { 'kubernetes.io/service-account.name': 'a' },
  },
});

describe('a token that was made unasked', () => {
  const cases: readonly [string, Secret, 'keep' | 'mark' | 'delete'][] = [
    ['never used', token(), 'mark'],
    ['made not long ago', token({}, 23), 'keep'],
    ['used not long ago', token({ [USED]: day(24) }), 'keep'],
    ['used long ago', token({ [USED]: day(25) }), 'mark'],
    ['used nobody knows when', token({ [USED]: 'Monday' }), 'keep'],
    ['marked not long ago', token({ [INVALID]: day(24) }), 'keep'],
    ['marked long ago', token({ [INVALID]: day(25) }), 'delete'],
    ['marked nobody knows when', token({ [INVALID]: 'Monday' }), 'mark'],
    ['marked long ago and used since', token({ [INVALID]: day(25), [USED]: day(1) }), 'keep'],
  ];
  for (const [what, secret, verdict] of cases) {
    it(`${what}: ${verdict}`, () =>
      assert.equal(decideLegacyToken(secret, { nowMs: NOW_MS, keptMs: KEPT_MS }), verdict));
  }
});

it('the Secrets of a pod are those it mounts, reads and pulls with', () => {
  const pod: Pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: {} },
    spec: {
      containers: [
        {
          name: 'c',
          image: 'i',
          env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
        },
        { name: 'd', image: 'i', envFrom: [{ secretRef: { name: 'from' } }] },
      ],
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 'v', secret: { secretName: 'mounted' } },
        { name: 'p', projected: { sources: [{ secret: { name: 'projected' } }] } },
      ],
    },
  };
  assert.deepEqual([...secretsOf(pod)].sort(), ['env', 'from', 'mounted', 'projected', 'pull']);
});

describe('the cleaner', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = new TestCluster({ controllers: (deps) => [legacyTokenCleaner(deps, KEPT_MS)] });
  });
  afterEach(() => cluster.stop());

  function there(since: string, listed = ['t'], pods: Pod[] = []): void {
    const namespace = 'kube-system';
    const name = 'kube-apiserver-legacy-service-account-token-tracking';
    const map = { ...{ apiVersion: 'v1', kind: 'ConfigMap' }, metadata: { name, namespace } };
    cluster.api.seed('v1', 'configmaps', { ...map, data: { since } } as never);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount' };
    const metadata = { name: 'a', namespace: 'default' };
    const secrets = listed.map((one) => ({ name: one }));
    cluster.api.seed('v1', 'serviceaccounts', { ...account, metadata, secrets } as never);
    cluster.api.seed('v1', 'secrets', token());
    for (const pod of pods) cluster.api.seed('v1', 'pods', pod);
  }
  const mark = () => cluster.get('secrets', 't').metadata.labels?.[INVALID];

  it('marks a token, and deletes it when that was long enough ago', async () => {
    there(day(60));
    await cluster.start();
    assert.equal(mark(), day(0));
    await cluster.pass(24 * DAY_MS, DAY_MS);
    assert.ok(cluster.has('secrets', 't'));
    await cluster.pass(2 * DAY_MS, DAY_MS);
    assert.ok(!cluster.has('secrets', 't'));
  });

  it('waits until uses were noted for long enough', async () => {
    there(day(24));
    await cluster.start();
    assert.equal(mark(), undefined);
    await cluster.pass(2 * DAY_MS, DAY_MS);
    assert.notEqual(mark(), undefined);
  });

  it('leaves tokens that somebody asked for, or mounts', async () => {
    there(day(60), []);
    await cluster.start();
    assert.equal(mark(), undefined);
  });

  it('leaves tokens that a pod mounts', async () => {
    const pod: Pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' } },
      spec: { containers: [], volumes: [{ name: 'v', secret: { secretName: 't' } }] },
    };
    cluster.runsPods = false;
    there(day(60), ['t'], [pod]);
    await cluster.start();
    assert.equal(mark(), undefined);
  });
});
