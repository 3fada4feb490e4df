import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { ConfigMap, Secret } from '@kubets/api';
import { NOW_MS } from '../testing/builders.ts';
import { namespace, TestCluster } from '../testing/cluster.ts';
import { bootstrapSigner, tokenCleaner } from './reconciler.ts';
import { detachedSignature, signingToken } from './tokens.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function token(id: string, over: Record<string, string> = {}): Secret {
  const facts = {
    'token-id': id,
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-signing': 'true',
    ...over,
  };
  const data = Object.fromEntries(Object.entries(facts).map(([k, v]) => [k, base64(v)]));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    data,
  };
}

test('the signature is a detached JWS with the token as key', () => {
  const made = detachedSignature('facts', { id: 'abcdef', secret: '0123456789abcdef' });
  const [header = '', payload, signature] = made.split('.');
  assert.equal(payload, '');
  const read = JSON.parse(Buffer.from(header, 'base64url').toString());
  assert.deepEqual(read, { alg: 'HS256', kid: 'abcdef' });
  const text = `${header}.${Buffer.from('facts').toString('base64url')}`;
  const wanted = createHmac('sha256', '0123456789abcdef').update(text).digest('base64url');
  assert.equal(signature, wanted);
});

test('only whole tokens in date that are meant for it sign', () => {
  assert.deepEqual(signingToken(token('abcdef'), NOW_MS), {
    id: 'abcdef',
    secret: '0123456789abcdef',
  });
  const bad = [
    token('abcdef', { 'token-secret': 'short' }),
    token('abcdef', { 'usage-bootstrap-signing': 'false' }),
    token('abcdef', { expiration: '2020-01-01T00:00:00Z' }),
    token('abcdef', { expiration: 'soon' }),
    { ...token('abcdef'), type: 'Opaque' },
    { ...token('abcdef'), metadata: { name: 'other', namespace: 'kube-system' } },
  ];
  for (const one of bad) assert.equal(signingToken(one, NOW_MS), undefined);
});

describe('the loops', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = new TestCluster({
      controllers: (deps) => [bootstrapSigner(deps), tokenCleaner(deps)],
    });
    for (const name of ['kube-system', 'kube-public']) {
      cluster.api.seed('v1', 'namespaces', namespace(name));
    }
    await cluster.start();
  });
  after(() => cluster.stop());

  const facts = () => cluster.get<ConfigMap>('configmaps', 'cluster-info').data ?? {};

  test('facts carry a signature of each token, and none of a token that is gone', async () => {
    await cluster.create<ConfigMap>('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cluster-info', namespace: 'kube-public' },
      data: { kubeconfig: 'facts' },
    });
    await cluster.create('secrets', token('aaaaaa'));
    const expiration = new Date(cluster.clock.now() + 60_000).toISOString();
    await cluster.create('secrets', token('bbbbbb', { expiration }));
    await cluster.settle();
    const keys = ['jws-kubeconfig-aaaaaa', 'jws-kubeconfig-bbbbbb', 'kubeconfig'];
    assert.deepEqual(Object.keys(facts()).sort(), keys);
    await cluster.pass(62_000);
    assert.deepEqual(cluster.names('secrets'), ['bootstrap-token-aaaaaa']);
    assert.deepEqual(Object.keys(facts()).sort(), ['jws-kubeconfig-aaaaaa', 'kubeconfig']);
  });

  test('changed facts are signed anew', async () => {
    const before = facts()['jws-kubeconfig-aaaaaa'];
    await cluster.change<ConfigMap>('configmaps', 'cluster-info', (map) => {
      map.data = { ...map.data, kubeconfig: 'other facts' };
    });
    await cluster.settle();
    assert.notEqual(facts()['jws-kubeconfig-aaaaaa'], before);
  });
});
