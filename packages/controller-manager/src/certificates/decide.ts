/** What becomes of a CertificateSigningRequest. Pure. */
import type { CertificateSigningRequest, Node } from '@kubets/api';
import { certificateFacts } from '@kubets/platform';
import type { RequestedIdentity } from '@kubets/platform/pki';
import {
  CSR_BACKDATE_MS,
  CSR_DECIDED_KEPT_MS,
  CSR_MIN_DURATION_MS,
  CSR_PENDING_KEPT_MS,
  CSR_SHORT_MS,
} from '../limits.ts';
import { createdMs, parseTime } from '../objects/meta.ts';
import { NODE_PREFIX, SIGNER, type SignerName, signerProblem } from './signers.ts';

const MS_PER_SECOND = 1000;

export const hasCondition = (csr: CertificateSigningRequest, type: string): boolean =>
  (csr.status?.conditions ?? []).some((one) => one.type === type && one.status !== 'False');

export const isIssued = (csr: CertificateSigningRequest): boolean =>
  (csr.status?.certificate ?? '') !== '';

/** Nobody has said yes or no. */
export const isUndecided = (csr: CertificateSigningRequest): boolean =>
  !isIssued(csr) && !['Approved', 'Denied', 'Failed'].some((type) => hasCondition(csr, type));

/** Said yes, and a signer has not acted yet. */
export const awaitsSigning = (csr: CertificateSigningRequest): boolean =>
  !isIssued(csr) &&
  hasCondition(csr, 'Approved') &&
  !hasCondition(csr, 'Denied') &&
  !hasCondition(csr, 'Failed');

/** A right that lets a request pass by itself: whoever asks must hold it. */
export interface ApprovalRule {
  /** Of `certificatesigningrequests`, verb `create`. */
  readonly subresource:
    | 'nodeclient'
    | 'selfnodeclient'
    | 'selfnodeserver'
    | 'proxyclient'
    | 'dnsclient';
  readonly message: string;
}

/** What runs beside a kubelet and is nobody's node: its name, and the right a node needs to ask for it. */
const NODE_PARTS: Readonly<Record<string, ApprovalRule>> = {
  'system:kube-proxy': {
    subresource: 'proxyclient',
    message: 'Auto approving proxy client certificate after SubjectAccessReview.',
  },
  'system:kube-dns': {
    subresource: 'dnsclient',
    message: 'Auto approving name server client certificate after SubjectAccessReview.',
  },
};

function partRules(identity: RequestedIdentity): ApprovalRule[] {
  const { commonName, organizations, dnsNames, ipAddresses, emailAddresses, uris } = identity;
  const bare = [organizations, dnsNames, ipAddresses, emailAddresses, uris];
  const rule = Object.hasOwn(NODE_PARTS, commonName) ? NODE_PARTS[commonName] : undefined;
  return rule === undefined || bare.some((list) => list.length > 0) ? [] : [rule];
}

/** The rules that could approve a request, most special first. Empty: it waits for a person. */
export function approvalRules(
  csr: CertificateSigningRequest,
  identity: RequestedIdentity,
): ApprovalRule[] {
  const { signerName, usages = [], username } = csr.spec;
  const isOwn = username === identity.commonName;
  const fits = (signer: SignerName): boolean =>
    signerName === signer && signerProblem(signer, identity, usages) === undefined;
  const after = 'after SubjectAccessReview.';
  if (fits(SIGNER.kubeletServing)) {
    if (!isOwn) return [];
    const message = `Auto approving kubelet serving certificate ${after}`;
    return [{ subresource: 'selfnodeserver', message }];
  }
  if (fits(SIGNER.apiClient)) return partRules(identity);
  if (!fits(SIGNER.kubeletClient)) return [];
  const self = `Auto approving self kubelet client certificate ${after}`;
  const node = `Auto approving kubelet client certificate ${after}`;
  return [
    ...(isOwn ? [{ subresource: 'selfnodeclient' as const, message: self }] : []),
    { subresource: 'nodeclient', message: node },
  ];
}

/** What a serving certificate is held against. */
export interface ServingFacts {
  readonly node: Node | undefined;
  /** Whether an address belongs to another node, or to a Service. */
  readonly isTaken: (address: string) => boolean;
}

/**
 * A node may serve under its own names and addresses only: the authority is the apiservers' too, so a certificate for one of
 * theirs would let a node stand in for them.
 */
export function servingProblem(
  identity: RequestedIdentity,
  { node, isTaken }: ServingFacts,
): string | undefined {
  const name = identity.commonName.slice(NODE_PREFIX.length);
  if (node === undefined) return `node ${name} does not exist`;
  const own = (node.status?.addresses ?? []).map((one) => one.address);
  const stranger = identity.dnsNames.find((host) => host !== name && !own.includes(host));
  if (stranger !== undefined) return `${stranger} is no name of node ${name}`;
  if (identity.dnsNames.some((host) => host.includes('.svc'))) return 'names of Services';
  const foreign = identity.ipAddresses.find((ip) => !own.includes(ip));
  if (foreign !== undefined) return `${foreign} is no address of node ${name}`;
  const taken = identity.ipAddresses.find(isTaken);
  return taken === undefined ? undefined : `${taken} belongs to another node or a Service`;
}

/** The life of a certificate: what was asked for, within limits. */
export function validity(
  expirationSeconds: number | undefined,
  maxDurationMs: number,
  nowMs: number,
): { notBeforeMs: number; notAfterMs: number } {
  const asked = expirationSeconds === undefined ? maxDurationMs : expirationSeconds * MS_PER_SECOND;
  const durationMs = Math.min(maxDurationMs, Math.max(CSR_MIN_DURATION_MS, asked));
  // Clocks differ: a certificate is valid a little before now. A short one does not get shorter by that.
  const lost = durationMs < CSR_SHORT_MS ? 0 : CSR_BACKDATE_MS;
  return { notBeforeMs: nowMs - CSR_BACKDATE_MS, notAfterMs: nowMs + durationMs - lost };
}

function conditionMs(csr: CertificateSigningRequest, type: string): number {
  const found = csr.status?.conditions?.find((one) => one.type === type);
  return parseTime(found?.lastUpdateTime ?? found?.lastTransitionTime);
}

function issuedHasExpired(csr: CertificateSigningRequest, nowMs: number): boolean {
  const pem = Buffer.from(csr.status?.certificate ?? '', 'base64').toString('latin1');
  try {
    return certificateFacts(pem).notAfterMs <= nowMs;
  } catch {
    // Whatever a foreign signer has put there: it says no time, so the age of the request decides.
    return false;
  }
}

/** Whether a request has been there long enough. */
export function isStale(csr: CertificateSigningRequest, nowMs: number): boolean {
  const olderThan = (ms: number, age: number): boolean => ms > 0 && nowMs - ms > age;
  if (isIssued(csr) && issuedHasExpired(csr, nowMs)) return true;
  if (isUndecided(csr)) return olderThan(createdMs(csr), CSR_PENDING_KEPT_MS);
  const decided = ['Approved', 'Denied', 'Failed'].filter((type) => hasCondition(csr, type));
  // An approved request that its signer has not served yet is still wanted.
  if (awaitsSigning(csr)) return olderThan(conditionMs(csr, 'Approved'), CSR_PENDING_KEPT_MS);
  return decided.some((type) => olderThan(conditionMs(csr, type), CSR_DECIDED_KEPT_MS));
}
