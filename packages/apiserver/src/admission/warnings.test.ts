import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { admission } from '../edge-testing.ts';
import { SERVER_CERT, SERVER_KEY } from '../streaming/testing-certificates.ts';
import { objectWarnings } from './warnings.ts';

async function create(object: KubeObject, old?: KubeObject): Promise<string[]> {
  const warnings: string[] = [];
  await objectWarnings().validate?.(
    admission(old ? 'UPDATE' : 'CREATE', object, { warnings, oldObject: old }),
  );
  return warnings;
}

describe('remarks about pods', () => {
  const spec = { containers: [], imagePullSecrets: [{ name: '' }] };
  const metadata = { namespace: 'ns', name: 'x' };

  it('come with a new pod, not with its updates', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
    assert.equal((await create(pod)).length, 1);
    assert.deepEqual(await create(pod, pod), []);
  });

  it('come with templates, at their path, when the spec changes', async () => {
    const template = { metadata: {}, spec };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } };
    const text = 'spec.template.spec.imagePullSecrets[0].name: invalid empty name ""';
    assert.deepEqual(await create(deployment), [text]);
    assert.deepEqual(await create(deployment, deployment), []);
    const other = { ...deployment, spec: { template, paused: true } };
    assert.deepEqual(await create(deployment, other), [text]);
  });
});

describe('remarks about TLS secrets', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const secret = (text: string, type = 'kubernetes.io/tls', key = SERVER_KEY) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'ns', name: 's' },
    type,
    data: { 'tls.crt': base64(text), 'tls.key': base64(key) },
  });
  it('none for a certificate, or another type', async () => {
    assert.deepEqual(await create(secret(SERVER_CERT)), []);
    assert.deepEqual(await create(secret('c', 'Opaque')), []);
  });
  it('no PEM, or nothing that can be read', async () => {
    assert.deepEqual(await create(secret('c')), [
      'tls: failed to find any PEM data in certificate input',
    ]);
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.deepEqual(await create(secret(broken)), ['x509: malformed certificate']);
    assert.deepEqual(await create(secret(SERVER_CERT, 'kubernetes.io/tls', '')), [
      'tls: failed to find any PEM data in key input',
    ]);
    const [switched] = await create(secret(SERVER_KEY));
    assert.match(switched ?? '', /but did find a private key; PEM inputs may have been switched$/);
  });
});
