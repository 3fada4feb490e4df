import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, hash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { certificateFacts, publicKeyPin } from '../certificates.ts';
import { createAuthority } from './authority.ts';
import { createRequest, grantRequest, readRequest } from './requests.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;

test('a request says who and for which hosts', async () => {
  const { request } = await createRequest({
    commonName: 'system:node:a',
    organizations: ['system:nodes'],
    hosts: ['a', '192.0.2.7'],
  });
  const { identity } = await readRequest(request);
  assert.deepEqual(identity, {
    commonName: 'system:node:a',
    organizations: ['system:nodes'],
    dnsNames: ['a'],
    ipAddresses: ['192.0.2.7'],
    emailAddresses: [],
    uris: [],
  });
});

test('a request whose text was changed, or that is none, is refused', async () => {
  const { request } = await createRequest({ commonName: 'system:node:a' });
  const der = Buffer.from(request.replace(/-----.*-----|\n/g, ''), 'base64');
  const at = der.indexOf('system:node:a');
  der[at + 'system:node:'.length] = 'b'.charCodeAt(0);
  const body = der.toString('base64');
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
  await assert.rejects(readRequest(forged), /signature does not fit/);
  await assert.rejects(readRequest('hello'), /not a certificate request/);
});

test('a granted certificate fits its key, its authority, its terms', async () => {
  const authority = await createAuthority('test-ca', NOW_MS, 1);
  const { request, key } = await createRequest({ commonName: 'x', hosts: ['x', '192.0.2.7'] });
  const pem = await grantRequest(authority, await readRequest(request), {
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + HOUR_MS,
    usages: ['digital signature', 'server auth'],
  });
  const cert = new X509Certificate(pem);
  assert.ok(cert.verify(new X509Certificate(authority.cert).publicKey));
  assert.ok(cert.checkPrivateKey(createPrivateKey(key)));
  assert.deepEqual(cert.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  const facts = certificateFacts(pem);
  assert.equal(facts.notAfterMs, NOW_MS + HOUR_MS);
  assert.deepEqual(facts.hosts, ['x', '192.0.2.7']);
  assert.equal(facts.commonName, 'x');
});

test('a kind of use that nothing was asked of is not spoken of: TLS refuses empty ones', async () => {
  const authority = await createAuthority('test-ca', NOW_MS, 1);
  const { request } = await createRequest({ commonName: 'x' });
  const terms = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + HOUR_MS };
  const grant = async (...usages: string[]) =>
    new x509.X509Certificate(
      await grantRequest(authority, await readRequest(request), { ...terms, usages }),
    );
  const client = await grant('client auth');
  assert.equal(client.getExtension(x509.KeyUsagesExtension), null);
  const uses = client.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  assert.deepEqual([...uses], [x509.ExtendedKeyUsage.clientAuth]);
  const signer = await grant('digital signature');
  assert.equal(signer.getExtension(x509.ExtendedKeyUsageExtension), null);
  const flags = x509.KeyUsageFlags.digitalSignature;
  assert.equal(signer.getExtension(x509.KeyUsagesExtension)?.usages, flags);
});

test('no certificate outlives its authority', async () => {
  const authority = await createAuthority('test-ca', NOW_MS, 1);
  const { request } = await createRequest({ commonName: 'x' });
  const pem = await grantRequest(authority, await readRequest(request), {
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + 48 * HOUR_MS,
    usages: ['client auth'],
  });
  assert.equal(certificateFacts(pem).notAfterMs, NOW_MS + 24 * HOUR_MS);
});

test('the pin is of the key, not of the certificate', async () => {
  const { cert } = await createAuthority('test-ca', NOW_MS, 1);
  const spki = createPublicKey(cert).export({ type: 'spki', format: 'der' });
  assert.equal(publicKeyPin(cert), `sha256:${hash('sha256', spki, 'hex')}`);
});
