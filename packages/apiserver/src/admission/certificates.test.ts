import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { admission, failure, user } from '../edge-testing.ts';
import type { Authorizer } from '../ports.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts';
import { requestedOrganizations } from './csr-subject.ts';

async function csrPem(name: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: algorithm,
  });
  return request.toString('pem');
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
  it('tells its organisations', async () => {
    assert.deepEqual(requestedOrganizations(await csrPem('CN=ann, O=dev, O=ops')), ['dev', 'ops']);
    assert.deepEqual(requestedOrganizations(await csrPem('CN=ann')), []);
    assert.equal(requestedOrganizations('nonsense'), undefined);
    const broken = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----';
    assert.equal(requestedOrganizations(broken), undefined);
  });

  it('for the group of masters is refused', async () => {
    const plugin = certificateSubjectRestriction(requestedOrganizations);
    const create = async (name: string, signerName?: string) => {
      const pem = await csrPem(name);
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
});
