import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage } from '@kubets/platform';

/** A key that verifies tokens. `keyId` is the hash of the public key, so every apiserver names it alike. */
export interface VerifyingKey {
  readonly keyId: string;
  readonly algorithm: string;
  readonly key: KeyObject;
}

/** A key that signs tokens. */
export type SigningKey = VerifyingKey;

const PEM_BLOCK = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g;

const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** The JOSE algorithm a key signs with. */
export function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType !== 'ec') return undefined;
  return CURVE_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? ''];
}

function describe(key: KeyObject, publicKey: KeyObject, file: string): VerifyingKey {
  const algorithm = algorithmOf(key);
  if (!algorithm) throw new ConfigError(`${file}: want an RSA or ECDSA (P-256/384/521) key`);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const keyId = createHash('sha256').update(der).digest('base64url');
  return { keyId, algorithm, key };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`cannot read the key file ${file}: ${errorMessage(cause)}`);
  }
}

/** All public keys of PEM text; private keys and certificates count with their public half. */
export function parseVerifyingKeys(pem: string, file: string): VerifyingKey[] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw new ConfigError(`${file}: no PEM key found`);
  return blocks
    .filter((block) => !block.includes('EC PARAMETERS'))
    .map((block) => {
      try {
        const key = createPublicKey(block);
        return describe(key, key, file);
      } catch (cause) {
        throw new ConfigError(`${file}: not a usable key: ${errorMessage(cause)}`);
      }
    });
}

/** The private key that signs, from PEM text. */
export function parseSigningKey(pem: string, file: string): SigningKey {
  try {
    const key = createPrivateKey(pem);
    return describe(key, createPublicKey(key), file);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${file}: not a usable private key: ${errorMessage(cause)}`);
  }
}

/** Verifying keys of several files; the same key given twice counts once. */
export function loadVerifyingKeys(files: readonly string[]): VerifyingKey[] {
  const keys = files.flatMap((file) => parseVerifyingKeys(read(file), file));
  return [...new Map(keys.map((key) => [key.keyId, key])).values()];
}

/** The signing key of a file. */
export function loadSigningKey(file: string): SigningKey {
  return parseSigningKey(read(file), file);
}

/** The public keys as a JSON Web Key Set. */
export function jsonWebKeySet(keys: readonly VerifyingKey[]): { keys: object[] } {
  return {
    keys: keys.map(({ key, keyId, algorithm }) => {
      const half = key.type === 'private' ? createPublicKey(key) : key;
      return { use: 'sig', kid: keyId, alg: algorithm, ...half.export({ format: 'jwk' }) };
    }),
  };
}
