import { type CertificateSigningRequest, semanticEqual } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, Authorizer } from '../ports.ts';
import { objectAs, oldAs, refuse } from './support.ts';

const GROUP = 'certificates.k8s.io';
const API_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

function isRequest(a: AdmissionAttributes, subresource: string): boolean {
  const { group, resource } = a.resource;
  if (group !== GROUP || resource !== 'certificatesigningrequests') return false;
  return a.subresource === subresource;
}

async function maySign(
  authorizer: Authorizer,
  a: AdmissionAttributes,
  verb: string,
): Promise<boolean> {
  const signer = objectAs<CertificateSigningRequest>(a).spec.signerName;
  const [domain = ''] = signer.split('/');
  for (const name of [signer, `${domain}/*`]) {
    const decision = await authorizer.authorize({
      user: a.user,
      verb,
      isResourceRequest: true,
      apiGroup: GROUP,
      apiVersion: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    });
    if (decision.allowed) return true;
  }
  return false;
}

/** Approving takes the verb `approve` on the request's signer. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    only: ['certificatesigningrequests'],
    async validate(a) {
      if (a.operation !== 'UPDATE' || !isRequest(a, 'approval')) return;
      if (await maySign(authorizer, a, 'approve')) return;
      const signer = objectAs<CertificateSigningRequest>(a).spec.signerName;
      throw refuse(
        a,
        `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
      );
    },
  };
}

/** Putting in a certificate, or saying why there is none, takes the verb `sign` on the request's signer. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    only: ['certificatesigningrequests'],
    async validate(a) {
      if (a.operation !== 'UPDATE' || !isRequest(a, 'status')) return;
      const request = objectAs<CertificateSigningRequest>(a);
      const before = oldAs<CertificateSigningRequest>(a);
      const { certificate, conditions } = request.status ?? {};
      const isSame = semanticEqual(conditions, before.status?.conditions);
      if (certificate === before.status?.certificate && isSame) return;
      if (await maySign(authorizer, a, 'sign')) return;
      const signer = JSON.stringify(request.spec.signerName);
      throw refuse(a, `user not permitted to sign requests with signerName ${signer}`);
    },
  };
}

/** Nobody asks the API's client signer for a certificate of the group `system:masters`. */
export function certificateSubjectRestriction(
  organizationsOf: (pem: string) => readonly string[] | undefined,
): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    only: ['certificatesigningrequests'],
    validate(a) {
      if (a.operation !== 'CREATE' || !isRequest(a, '')) return;
      const { spec } = objectAs<CertificateSigningRequest>(a);
      if (spec.signerName !== API_CLIENT_SIGNER) return;
      const pem = Buffer.from(String(spec.request), 'base64').toString('latin1');
      if (!organizationsOf(pem)?.includes('system:masters')) return;
      const why = `use of ${API_CLIENT_SIGNER} signer with system:masters group is not allowed`;
      throw refuse(a, why);
    },
  };
}
