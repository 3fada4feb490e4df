/** Whether the certificate and the key of a TLS secret fit, in the words of Go's `tls.X509KeyPair`. */
import { createPrivateKey, X509Certificate } from 'node:crypto';

interface PemBlock {
  readonly type: string;
  readonly text: string;
}

const PEM = /-----BEGIN ([^-\n]+)-----\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

const blocksOf = (text: string): PemBlock[] =>
  [...text.matchAll(PEM)].map(([whole, type = '']) => ({ type, text: whole }));

const isKey = ({ type }: PemBlock): boolean =>
  type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY');

/** @returns what is wrong with the pair, or undefined */
export function keyPairProblem(certificate: string, key: string): string | undefined {
  const certBlocks = blocksOf(certificate);
  const leaf = certBlocks.find(({ type }) => type === 'CERTIFICATE');
  if (leaf === undefined) return noCertificate(certBlocks);
  const keyBlocks = blocksOf(key);
  const keyBlock = keyBlocks.find(isKey);
  if (keyBlock === undefined) return noKey(keyBlocks);
  const parsed = parse(leaf.text);
  if (parsed === undefined) return 'x509: malformed certificate';
  try {
    const fits = parsed.checkPrivateKey(createPrivateKey(keyBlock.text));
    return fits ? undefined : 'tls: private key does not match public key';
  } catch {
    // The reason is OpenSSL's wording; that it cannot be read is what counts.
    return 'tls: failed to parse private key';
  }
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

const typesOf = (blocks: readonly PemBlock[]): string =>
  `after skipping PEM blocks of the following types: [${blocks.map(({ type }) => type).join(' ')}]`;

function noCertificate(blocks: readonly PemBlock[]): string {
  const [first] = blocks;
  if (first === undefined) return 'tls: failed to find any PEM data in certificate input';
  if (blocks.length === 1 && isKey(first)) {
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  }
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input ${typesOf(blocks)}`;
}

function noKey(blocks: readonly PemBlock[]): string {
  if (blocks.length === 0) return 'tls: failed to find any PEM data in key input';
  if (blocks.length === 1 && blocks[0]?.type === 'CERTIFICATE') {
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  }
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input ${typesOf(blocks)}`;
}
