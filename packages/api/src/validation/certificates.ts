/** Requests for certificates. */
import { semanticEqual } from '../equal.ts';
import { duplicate, GoText, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type { CertificateSigningRequest } from '../generated/types.ts';
import { addMessages, type Errors, IMMUTABLE } from './common.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';

const PEM_TEXT = 'PEM block type must be CERTIFICATE REQUEST';
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
function validateSigner(errors: Errors, path: string, signer: string): void {
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
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(bytes.toString())) {
    const hex = [...bytes].map((b) => `0x${b.toString(16)}`).join(', ');
    errors.push(invalid('spec.request', new GoText(`[]byte{${hex}}`), PEM_TEXT));
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
}

export function validateSigningRequestUpdate(
  errors: Errors,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): void {
  if (semanticEqual(csr.spec, old.spec)) return;
  errors.push(invalid('spec', new GoText('certificates.CertificateSigningRequestSpec'), IMMUTABLE));
}
