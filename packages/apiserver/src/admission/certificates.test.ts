import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest, KubeObject } from '@kubets/api';
import { admission, failure, user } from '../edge-testing.ts';
import type { Authorizer } from '../ports.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts';
import { csrRequester } from './csr-requester.ts';
import { requestedOrganizations } from './csr-subject.ts';

/** Requests made once with openssl, by their subject. */
const REQUESTS: Readonly<Record<string, string>> = {
  'CN=ann, O=dev, O=ops':
    'MIHlMIGMAgEAMCoxDDAKBgNVBAMMA2FubjEMMAoGA1UECgwDZGV2MQwwCgYDVQQKDANvcHMwWTATBgcq' +
    'hkjOPQIBBggqhkjOPQMBBwNCAARaIXeLx/3urTeu1bvOiMYKbkFHAqffiAmwc0IaiAKUo7dlxwXL2yLK' +
    'QUqHEm/HyvOGIm67WsusP4UE3ObrddmooAAwCgYIKoZIzj0EAwIDSAAwRQIhAIwX0C+9723G2CmskEVJ' +
    '3+IH8ZJRrOkf0UB95N0xz76DAiAkxKMe7wTdZqani8c4tlZRIC+G7j+rKRJY1dQ1r5+kVw==',
  'CN=ann':
    'MIHJMHACAQAwDjEMMAoGA1UEAwwDYW5uMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWiF3i8f97q03' +
    'rtW7zojGCm5BRwKn34gJsHNCGogClKO3ZccFy9siykFKhxJvx8rzhiJuu1rLrD+FBNzm63XZqKAAMAoG' +
    'CCqGSM49BAMCA0kAMEYCIQCYT/5LJoTUkH8ScbUcdBSPt6sO58gycSIIUvdw9EAOYgIhAKKNrSpUjFWW' +
    'jzJseR1/Up4fdI0g+xrzRlgM1MowXQ0K',
  'CN=a, O=dev':
    'MIHVMHwCAQAwGjEKMAgGA1UEAwwBYTEMMAoGA1UECgwDZGV2MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD' +
    'QgAEWiF3i8f97q03rtW7zojGCm5BRwKn34gJsHNCGogClKO3ZccFy9siykFKhxJvx8rzhiJuu1rLrD+F' +
    'BNzm63XZqKAAMAoGCCqGSM49BAMCA0kAMEYCIQCDU83FCjYCEnzt27eZwX3l94Mcxiy6DIm03K52oVPk' +
    'YQIhAIGAk5WQNfqiNtLO0OZx8W0/y1HqEpcyB5aVwYmp+4h4',
  'CN=a, O=system:masters':
    'MIHgMIGHAgEAMCUxCjAIBgNVBAMMAWExFzAVBgNVBAoMDnN5c3RlbTptYXN0ZXJzMFkwEwYHKoZIzj0C' +
    'AQYIKoZIzj0DAQcDQgAEWiF3i8f97q03rtW7zojGCm5BRwKn34gJsHNCGogClKO3ZccFy9siykFKhxJv' +
    'x8rzhiJuu1rLrD+FBNzm63XZqKAAMAoGCCqGSM49BAMCA0gAMEUCIQC2rvn/InIZMvvnSUfi+/QIlJ8o' +
    'Hl+1He2BniRhqxks4QIgQ5XR4q4w6J30/ReioMTeqOjUHRGAXfmInGOTuvOXpMU=',
};

function csrPem(name: string): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${REQUESTS[name]}\n-----END CERTIFICATE REQUEST-----\n`;
}

const request = (
  o: { signerName?: string; pem?: string; certificate?: string } = {},
): KubeObject => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'r' },
  spec: {
    signerName: o.signerName ?? 'kubernetes.io/kube-apiserver-client',
    request: Buffer.from(o.pem ?? '').toString('base64'),
    usages: [],
  },
  status: o.certificate ? { certificate: o.certificate } : {},
});

/** Allows one verb on signers of one name. */
const only = (verb: string, name: string): Authorizer => ({
  authorize: async (asked) => ({
    allowed: asked.verb === verb && asked.name === name && asked.resource === 'signers',
    reason: '',
  }),
});

describe('a certificate request', () => {
  it('tells its organisations', () => {
    assert.deepEqual(requestedOrganizations(csrPem('CN=ann, O=dev, O=ops')), ['dev', 'ops']);
    assert.deepEqual(requestedOrganizations(csrPem('CN=ann')), []);
    assert.equal(requestedOrganizations('nonsense'), undefined);
    const broken = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----';
    assert.equal(requestedOrganizations(broken), undefined);
  });

  it('for the group of masters is refused', async () => {
    const plugin = certificateSubjectRestriction(requestedOrganizations);
    const create = async (name: string, signerName?: string) => {
      const pem = csrPem(name);
      const object = signerName ? request({ pem, signerName }) : request({ pem });
      await plugin.validate?.(admission('CREATE', object));
    };
    await create('CN=a, O=dev');
    await create('CN=a, O=system:masters', 'example.com/other');
    const error = await failure(() => create('CN=a, O=system:masters'));
    assert.equal(
      error.message,
      'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
  });

  it('is approved by who may approve for its signer, by name or domain', async () => {
    const approve = (authorizer: Authorizer) =>
      certificateApproval(authorizer).validate?.(
        admission('UPDATE', request(), {
          subresource: 'approval',
          oldObject: request(),
          user: user('x'),
        }),
      );
    await approve(only('approve', 'kubernetes.io/kube-apiserver-client'));
    await approve(only('approve', 'kubernetes.io/*'));
    const error = await failure(async () => approve(only('sign', 'kubernetes.io/*')));
    assert.match(error.message, /user not permitted to approve requests with signerName/);
  });

  it('gets its certificate from who may sign for its signer', async () => {
    const put = (authorizer: Authorizer, certificate?: string) =>
      certificateSigning(authorizer).validate?.(
        admission('UPDATE', request(certificate ? { certificate } : {}), {
          subresource: 'status',
          oldObject: request(),
        }),
      );
    await put(only('nothing', ''));
    await put(only('sign', 'kubernetes.io/*'), 'Y2VydA==');
    const error = await failure(async () => put(only('approve', 'kubernetes.io/*'), 'Y2VydA=='));
    assert.match(error.message, /user not permitted to sign requests with signerName/);
  });

  it('says who asked, not who the client says asked', async () => {
    const csr = request() as CertificateSigningRequest;
    csr.spec.username = 'system:admin';
    csr.spec.extra = { forged: ['yes'] };
    const scope = { user: user('jane', 'dev'), dryRun: false, subresource: '' };
    await csrRequester.beginCreate?.(csr, scope);
    assert.deepEqual([csr.spec.username, csr.spec.groups?.[0]], ['jane', 'dev']);
    assert.equal(csr.spec.extra, undefined);
  });
});

it("saying of a request that it failed is the signer's, too", async () => {
  const condition = { type: 'Failed', status: 'True', reason: 'r', message: 'm' };
  const failed = { ...request(), status: { conditions: [condition] } } as KubeObject;
  const write = async (authorizer: Authorizer, object: KubeObject): Promise<void> => {
    const o = { oldObject: request(), subresource: 'status' };
    await certificateSigning(authorizer).validate?.(admission('UPDATE', object, o));
  };
  const signer = 'kubernetes.io/kube-apiserver-client';
  await write(only('sign', signer), failed);
  await write(only('sign', 'other'), request());
  const error = await failure(() => write(only('sign', 'other'), failed));
  const why = `user not permitted to sign requests with signerName "${signer}"`;
  assert.match(error.message, new RegExp(`is forbidden: ${why}$`));
});
