import { methodNotAllowed } from '@kubets/api';
import { jsonWebKeySet, type VerifyingKey } from '../auth/keys.ts';
import type { PathHandler } from '../ports.ts';
import { withoutSlash } from './document.ts';

const PATHS: ReadonlySet<string> = new Set([
  '/.well-known/openid-configuration',
  '/openid/v1/jwks',
]);

export interface OpenIdOptions {
  readonly issuer: string;
  readonly keys: readonly VerifyingKey[];
  /** Where clients reach this API, for example `https://10.0.0.1:6443`. */
  readonly baseUrl: string;
  /** Where they find the keys, if elsewhere. */
  readonly keysUri?: string | undefined;
}

/** Lets others verify service-account tokens: the issuer's metadata and its public keys. */
export function openIdPaths(o: OpenIdOptions): PathHandler {
  const configuration = JSON.stringify({
    issuer: o.issuer,
    jwks_uri: o.keysUri ?? `${o.baseUrl}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(o.keys.map((key) => key.algorithm))],
  });
  const keySet = JSON.stringify(jsonWebKeySet(o.keys));
  const cached = { 'cache-control': 'public, max-age=3600' };
  return {
    name: 'openid',
    async handle({ info, method }) {
      const path = withoutSlash(info.path);
      if (PATHS.has(path) && method !== 'GET') throw methodNotAllowed();
      if (path === '/.well-known/openid-configuration') {
        const headers = { ...cached, 'content-type': 'application/json' };
        return { status: 200, headers, body: configuration };
      }
      if (path !== '/openid/v1/jwks') return undefined;
      const headers = { ...cached, 'content-type': 'application/jwk-set+json' };
      return { status: 200, headers, body: keySet };
    },
  };
}
