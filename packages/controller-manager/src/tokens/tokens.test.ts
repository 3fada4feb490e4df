import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Secret, ServiceAccount } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { at } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { base64, decideToken } from './decide.ts';
import { tokenSigner } from './jwt.ts';
import { tokenController } from './reconciler.ts';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem).toString();
const TYPE = 'kubernetes.io/service-account-token';

const account = (uid = 'u1'): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'robot', namespace: 'default', uid },
});

const secret = (parts: Partial<Secret> = {}, annotations: Record<string, string> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'robot-token',
    namespace: 'default',
    annotations: { 'kubernetes.io/service-account.name': 'robot', ...annotations },
  },
  type: TYPE,
  ...parts,
});

describe('tokens', () => {
  it('are signed and say whose they are', () => {
    const claims = { namespace: 'n', secretName: 's', accountName: 'a', accountUid: 'u' };
    const [header = '', payload = '', signature = ''] = tokenSigner(ec).sign(claims).split('.');
    const read = (part: string): Record<string, string> =>
      JSON.parse(Buffer.from(part, 'base64url').toString());
    assert.equal(read(header).alg, 'ES256');
    assert.equal(read(payload).sub, 'system:serviceaccount:n:a');
    assert.equal(read(payload)['kubernetes.io/serviceaccount/service-account.uid'], 'u');
    const key = createPublicKey(ec);
    const ok = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    assert.ok(ok);
  });

  it('need a key that can sign', () => {
    assert.throws(() => tokenSigner('-----BEGIN NONSENSE-----'), ConfigError);
    const other = generateKeyPairSync('ed25519').privateKey.export(pem).toString();
    assert.throws(() => tokenSigner(other), ConfigError);
  });

  const uid = { 'kubernetes.io/service-account.uid': 'u1' };
  const data = { token: 't', 'ca.crt': base64('PEM'), namespace: base64('default') };
  const cases: [string, Secret, ServiceAccount | undefined, string][] = [
    ['an empty one', secret(), account(), 'fill'],
    ['a complete one', secret({ data }, uid), account(), 'keep'],
    ['an old authority', secret({ data: { ...data, 'ca.crt': 'b2xk' } }, uid), account(), 'fill'],
    ['no account', secret(), undefined, 'delete'],
    ['another account of that name', secret({ data }, uid), account('u2'), 'delete'],
    ['another type', secret({ type: 'Opaque' }), undefined, 'keep'],
    ['no account named', { ...secret(), metadata: { name: 'x' } }, undefined, 'keep'],
    [
      'one on its way out',
      { ...secret(), metadata: { deletionTimestamp: at(0) } },
      undefined,
      'keep',
    ],
  ];
  for (const [what, one, owner, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(decideToken(one, owner, 'PEM').type, expected));
  }

  it('come and go with their account', async () => {
    const cluster = new TestCluster({
      controllers: (deps) => [tokenController(deps, { signer: tokenSigner(ec), rootCa: 'PEM' })],
    });
    await cluster.start();
    const { uid: _uid, ...metadata } = account().metadata;
    await cluster.create('serviceaccounts', { ...account(), metadata });
    await cluster.create('secrets', secret());
    await cluster.create('secrets', {
      ...secret({ type: 'Opaque' }),
      metadata: { name: 'mine', namespace: 'default' },
    });
    await cluster.settle();
    const made = cluster.get<Secret>('secrets', 'robot-token');
    assert.equal(
      Buffer.from(made.data?.token ?? '', 'base64')
        .toString()
        .split('.').length,
      3,
    );
    assert.equal(made.data?.['ca.crt'], base64('PEM'));
    await cluster.delete('serviceaccounts', 'robot');
    await cluster.settle();
    assert.deepEqual(cluster.names('secrets'), ['mine']);
    await cluster.stop();
  });
});
