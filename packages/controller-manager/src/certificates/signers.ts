/** What each signer of the cluster grants. Pure; names, rules and texts are the API's own. */
import type { RequestedIdentity } from '@kubets/platform/pki';

export const SIGNER = {
  apiClient: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
} as const;

export type SignerName = (typeof SIGNER)[keyof typeof SIGNER];

export const NODE_PREFIX = 'system:node:';
const NODE_GROUP = 'system:nodes';

/** Usages a signer demands and those it allows besides. */
interface UsageRule {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const USAGES: Readonly<Record<SignerName, UsageRule>> = {
  [SIGNER.apiClient]: {
    required: ['client auth'],
    optional: ['digital signature', 'key encipherment'],
  },
  [SIGNER.kubeletClient]: {
    required: ['client auth', 'digital signature'],
    optional: ['key encipherment'],
  },
  [SIGNER.kubeletServing]: {
    required: ['server auth', 'digital signature'],
    optional: ['key encipherment'],
  },
};

/** `kubernetes.io/legacy-unknown` and foreign signers are left to others. */
export function isOurSigner(name: string): name is SignerName {
  return Object.values<string>(SIGNER).includes(name);
}

function usageProblem(signer: SignerName, usages: readonly string[]): string | undefined {
  const { required, optional } = USAGES[signer];
  const missing = required.find((usage) => !usages.includes(usage));
  if (missing !== undefined) return `usages did not include "${missing}"`;
  const extra = usages.find((usage) => !required.includes(usage) && !optional.includes(usage));
  return extra === undefined ? undefined : `usage "${extra}" is not granted by ${signer}`;
}

function nodeProblem(identity: RequestedIdentity): string | undefined {
  const { organizations, commonName } = identity;
  if (organizations.length !== 1 || organizations[0] !== NODE_GROUP) {
    return `subject organization is not ${NODE_GROUP}`;
  }
  const named = commonName.startsWith(NODE_PREFIX) && commonName.length > NODE_PREFIX.length;
  return named ? undefined : `subject common name does not begin with ${NODE_PREFIX}`;
}

const count = (...lists: readonly (readonly string[])[]): number =>
  lists.reduce((sum, list) => sum + list.length, 0);

/** Why this signer does not grant this; undefined when it does. */
export function signerProblem(
  signer: SignerName,
  identity: RequestedIdentity,
  usages: readonly string[],
): string | undefined {
  const usage = usageProblem(signer, usages);
  if (usage !== undefined || signer === SIGNER.apiClient) return usage;
  const node = nodeProblem(identity);
  if (node !== undefined) return node;
  const { dnsNames, ipAddresses, emailAddresses, uris } = identity;
  if (count(emailAddresses) > 0) return 'email subjectAltNames are not allowed';
  if (count(uris) > 0) return 'URI subjectAltNames are not allowed';
  const hosts = count(dnsNames, ipAddresses);
  if (signer === SIGNER.kubeletClient) {
    return hosts === 0 ? undefined : 'DNS and IP subjectAltNames are not allowed';
  }
  return hosts > 0 ? undefined : 'at least one DNS or IP subjectAltName is required';
}
