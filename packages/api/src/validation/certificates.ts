/** Requests for certificates, and what is said of them. */
import { semanticEqual } from '../equal.ts';
import {
  duplicate,
  forbidden,
  GoText,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts';
import type { CertificateSigningRequest } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors } from './common.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { certificateOf, pemBlocks } from './pem.ts';
import { requestComplaint } from './signing-request-text.ts';

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const MAX_DOMAIN = 253;
const MAX_SIGNER_PATH = 253 + 63 + 1;

/** `domain.of.the.signer/name`. */
export function validateSigner(errors: Errors, path: string, signer: string): void {
  const [domain = '', name = '', ...more] = signer.split('/');
  if (more.length > 0 || !signer.includes('/')) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    errors.push(invalid(path, signer, why));
    return;
  }
  if (domain.length > MAX_DOMAIN) errors.push(tooLong(path, '', MAX_DOMAIN));
  const labels = domain.split('.');
  const first = (parts: readonly string[], rule: (part: string) => string[]): string[] => {
    const bad = parts.find((part) => rule(part).length > 0);
    if (bad === undefined) return [];
    return rule(bad).map((m) => `validating label ${JSON.stringify(bad)}: ${m}`);
  };
  addMessages(errors, path, domain, first(labels, dns1123Label));
  if (labels.length < 2) {
    const why = 'should be a domain with at least two segments separated by dots';
    errors.push(invalid(path, domain, why));
  }
  addMessages(errors, path, name, first(name.split('.'), dns1123Subdomain));
  if (name.length > MAX_SIGNER_PATH) errors.push(tooLong(path, '', MAX_SIGNER_PATH));
}

const MIN_SECONDS = 600;

export function validateSigningRequest(errors: Errors, csr: CertificateSigningRequest): void {
  const { request, usages, signerName, expirationSeconds } = csr.spec;
  const bytes = Buffer.from(request ?? '', 'base64');
  const complaint = requestComplaint(bytes);
  if (complaint !== undefined) {
    const hex = [...bytes].map((b) => `0x${b.toString(16)}`).join(', ');
    errors.push(invalid('spec.request', new GoText(`[]byte{${hex}}`), complaint));
  }
  if ((usages ?? []).length === 0) errors.push(required('spec.usages'));
  (usages ?? []).forEach((usage, i) => {
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES));
  });
  (usages ?? []).forEach((usage, i) => {
    if (usages?.indexOf(usage) !== i) errors.push(duplicate(`spec.usages[${i}]`, usage));
  });
  if (!signerName) errors.push(required('spec.signerName'));
  else if (signerName === LEGACY_SIGNER) {
    const why = 'the legacy signerName is not allowed via this API version';
    errors.push(invalid('spec.signerName', signerName, why));
  } else validateSigner(errors, 'spec.signerName', signerName);
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
  validateConditions(errors, csr.status?.conditions);
}

type Conditions = NonNullable<CertificateSigningRequest['status']>['conditions'];

const DECISIONS = ['Approved', 'Denied'];
const LASTING = [...DECISIONS, 'Failed'];
const STATUSES = ['False', 'True', 'Unknown'];
const CONDITIONS = 'status.conditions';

function validateConditions(errors: Errors, conditions: Conditions): void {
  const seen = new Set<string>();
  (conditions ?? []).forEach(({ type, status }, i) => {
    const at = `${CONDITIONS}[${i}]`;
    if (!type) errors.push(required(`${at}.type`));
    const allowed = LASTING.includes(type) ? ['True'] : STATUSES;
    if (!status) errors.push(required(`${at}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${at}.status`, status, allowed));
    if (DECISIONS.some((other) => other !== type && seen.has(other)) && DECISIONS.includes(type)) {
      const why = 'Approved and Denied conditions are mutually exclusive';
      errors.push(invalid(`${at}.type`, type, why));
    }
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type));
    seen.add(type);
  });
}

const ofType = (csr: CertificateSigningRequest, type: string): NonNullable<Conditions> =>
  (csr.status?.conditions ?? []).filter((c) => c.type === type);

/** The rules of `certificatesigningrequests/approval`: what was decided stays, and so does that it failed. */
export function validateApproval(
  errors: Errors,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): void {
  for (const type of LASTING) {
    if (ofType(csr, type).length >= ofType(old, type).length) continue;
    errors.push(forbidden(CONDITIONS, `updates may not remove a condition of type "${type}"`));
  }
}

/** The rules of `certificatesigningrequests/status`: it brings the certificate, once, and decides nothing. */
export function validateSigningRequestStatus(
  errors: Errors,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): void {
  const at = 'status.certificate';
  const [now, was] = [csr.status?.certificate ?? '', old.status?.certificate ?? ''];
  const problem = now === was ? undefined : certificateProblem(now);
  if (problem) errors.push(invalid(at, '<certificate data>', problem));
  validateApproval(errors, csr, old);
  for (const type of DECISIONS) {
    const [after, before] = [ofType(csr, type), ofType(old, type)];
    if (after.length < before.length || semanticEqual(after, before)) continue;
    const what = after.length > before.length ? 'add' : 'modify';
    const end = what === 'add' ? '' : '\n';
    errors.push(
      forbidden(CONDITIONS, `updates may not ${what} a condition of type "${type}"${end}`),
    );
  }
  if (now !== was && was !== '') {
    errors.push(forbidden(at, 'updates may not modify existing certificate content'));
  }
}

/** What is wrong with a certificate's PEM text (base64 of it). */
function certificateProblem(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const blocks = pemBlocks(Buffer.from(base64, 'base64').toString('latin1'));
  for (const { type, hasHeaders, der } of blocks) {
    if (type !== 'CERTIFICATE') {
      return `only CERTIFICATE PEM blocks are allowed, found ${goQuote(type)}`;
    }
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (der.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates';
    if (certificateOf(der) === undefined) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}
