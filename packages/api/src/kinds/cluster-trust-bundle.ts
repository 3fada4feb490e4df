/** certificates.k8s.io/v1alpha1 ClusterTrustBundle: the roots to be trusted for a signer, named after it. */
import { type FieldError, invalid, tooLong } from '../field-error.ts';
import type { KubeObject } from '../meta.ts';
import { validateSigner } from '../validation/certificates.ts';
import { IMMUTABLE } from '../validation/common.ts';
import { dns1123Subdomain } from '../validation/names.ts';
import { certificateOf, type PemBlock, pemBlocks } from '../validation/pem.ts';
import type { KindDeclaration } from './declaration.ts';

interface ClusterTrustBundle extends KubeObject {
  readonly spec?: { readonly signerName?: string; readonly trustBundle?: string };
}

const BUNDLE = 'spec.trustBundle';
const SIGNER = 'spec.signerName';
const MAX_BUNDLE_BYTES = 1024 * 1024;

const signerOf = ({ spec }: ClusterTrustBundle): string => spec?.signerName ?? '';
const bundleOf = ({ spec }: ClusterTrustBundle): string => spec?.trustBundle ?? '';

/** Bundles of a signer carry its name, with colons for slashes, before their own. */
function nameMessages(name: string, object: KubeObject): string[] {
  const signer = signerOf(object as ClusterTrustBundle);
  if (signer === '') {
    if (!name.includes(':')) return dns1123Subdomain(name);
    return ['ClusterTrustBundle without signer name must not have ":" in its name'];
  }
  const prefix = `${signer.replaceAll('/', ':')}:`;
  if (name.startsWith(prefix)) return dns1123Subdomain(name.slice(prefix.length));
  return [`ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`];
}

function blockProblem({ type, hasHeaders, der }: PemBlock): string | undefined {
  if (type !== 'CERTIFICATE') return `has bad block type: ${type}`;
  if (hasHeaders) return 'has PEM block headers';
  const certificate = certificateOf(der);
  if (certificate === undefined) return 'does not parse as X.509';
  return certificate.ca ? undefined : 'does not have the CA bit set';
}

function bundleErrors(text: string): FieldError[] {
  if (Buffer.byteLength(text) > MAX_BUNDLE_BYTES) return [tooLong(BUNDLE, '', MAX_BUNDLE_BYTES)];
  const complaint = (why: string): FieldError => invalid(BUNDLE, '<value omitted>', why);
  const blocks = pemBlocks(text);
  const errors = blocks.flatMap((block, at) => {
    const problem = blockProblem(block);
    return problem === undefined ? [] : [complaint(`entry ${at} ${problem}`)];
  });
  if (errors.length > 0) return errors;
  if (blocks.length === 0) return [complaint('at least one trust anchor must be provided')];
  const places = Map.groupBy(blocks.keys(), (at) => blocks[at]?.der.toString('base64') ?? '');
  return [...places.values()]
    .filter((indices) => indices.length > 1)
    .map((indices) => complaint(`duplicate trust anchor (indices [${indices.join(' ')}])`));
}

function signerErrors(signer: string): FieldError[] {
  const errors: FieldError[] = [];
  if (signer !== '') validateSigner(errors, SIGNER, signer);
  return errors;
}

export const CLUSTER_TRUST_BUNDLE: KindDeclaration = {
  group: 'certificates.k8s.io',
  version: 'v1alpha1',
  kind: 'ClusterTrustBundle',
  rules: {
    nameMessages,
    validateCreate(object) {
      const bundle = object as ClusterTrustBundle;
      return [...signerErrors(signerOf(bundle)), ...bundleErrors(bundleOf(bundle))];
    },
    validateUpdate(object, old) {
      const [now, before] = [object as ClusterTrustBundle, old as ClusterTrustBundle];
      const errors = signerErrors(signerOf(now));
      // What was taken once may stay, whatever has become of the parser since.
      if (bundleOf(now) !== bundleOf(before)) errors.push(...bundleErrors(bundleOf(now)));
      if (signerOf(now) !== signerOf(before)) {
        errors.push(invalid(SIGNER, signerOf(now), IMMUTABLE));
      }
      return errors;
    },
  },
};
