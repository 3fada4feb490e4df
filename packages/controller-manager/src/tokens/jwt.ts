import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto';
import { ConfigError, errorMessage } from '@kubets/platform';

/** What a token kept in a Secret says (the form from before bound tokens: no expiry, no audience). */
export interface SecretTokenClaims {
  namespace: string;
  secretName: string;
  accountName: string;
  accountUid: string;
}

/** Signs tokens of one key. */
export interface TokenSigner {
  sign(claims: SecretTokenClaims): string;
}

const ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount';

/** @throws ConfigError when the PEM text holds no key that can sign */
export function tokenSigner(pem: string): TokenSigner {
  const key = readKey(pem);
  const algorithm = algorithmOf(key);
  const header = encode({ alg: algorithm, kid: keyId(key) });
  return {
    sign(claims) {
      const payload = encode({
        iss: ISSUER,
        sub: `system:serviceaccount:${claims.namespace}:${claims.accountName}`,
        [`${CLAIM}/namespace`]: claims.namespace,
        [`${CLAIM}/secret.name`]: claims.secretName,
        [`${CLAIM}/service-account.name`]: claims.accountName,
        [`${CLAIM}/service-account.uid`]: claims.accountUid,
      });
      const text = `${header}.${payload}`;
      // JOSE wants the bare r and s of an EC signature, not their ASN.1 form (RFC 7518 §3.4).
      const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    },
  };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const why = errorMessage(error);
    throw new ConfigError(`--service-account-private-key-file holds no private key: ${why}`);
  }
}

function algorithmOf(key: KeyObject): 'RS256' | 'ES256' {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new ConfigError('--service-account-private-key-file must be an RSA or a P-256 key');
}

/** Hash of the public key: how verifiers with several keys find the right one. */
function keyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return hash('sha256', der, 'base64url');
}
