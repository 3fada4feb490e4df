/** The one issuer that the `--oidc-*` flags describe, as a configuration would. */
import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage, isFlagGiven } from '@kubets/platform';
import type { ApiServerConfig } from '../../config.ts';
import { type JwtSettings, readJwt } from './settings.ts';

/** The flags of that issuer. */
export type OidcFlags = Pick<
  ApiServerConfig,
  | 'oidcIssuerUrl'
  | 'oidcClientId'
  | 'oidcUsernameClaim'
  | 'oidcUsernamePrefix'
  | 'oidcGroupsClaim'
  | 'oidcGroupsPrefix'
  | 'oidcRequiredClaim'
  | 'oidcCaFile'
  | 'oidcSigningAlgs'
>;

const NAMES = [
  ...['issuer-url', 'client-id', 'ca-file', 'username-claim', 'username-prefix', 'groups-claim'],
  ...['groups-prefix', 'signing-algs', 'required-claim'],
];

/** Whether any of the flags is given. */
export const areOidcFlagsGiven = (flags: OidcFlags): boolean =>
  NAMES.some((name) => isFlagGiven(flags, `oidc-${name}`));

/** @returns undefined when no issuer is wanted. @throws ConfigError */
export function jwtOfFlags(flags: OidcFlags): JwtSettings | undefined {
  const { oidcIssuerUrl: url, oidcClientId: clientId, oidcCaFile: caFile } = flags;
  if (url === '' || clientId === '') {
    if (url === clientId && !areOidcFlagsGiven(flags)) return undefined;
    throw new ConfigError(
      'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
    );
  }
  const { oidcGroupsClaim: groups } = flags;
  return readJwt({
    issuer: {
      ...{ url, audiences: [clientId] },
      ...(caFile !== '' && { certificateAuthority: contentOf(caFile) }),
    },
    claimValidationRules: requiredClaims(flags.oidcRequiredClaim),
    claimMappings: {
      username: { claim: flags.oidcUsernameClaim, prefix: usernamePrefix(flags) },
      ...(groups !== '' && { groups: { claim: groups, prefix: flags.oidcGroupsPrefix } }),
    },
  });
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`--oidc-ca-file: cannot read ${file}: ${errorMessage(error)}`);
  }
}

/** Names of the issuer must not be taken for those of other authenticators. */
function usernamePrefix(flags: OidcFlags): string {
  const { oidcUsernamePrefix: given, oidcUsernameClaim: claim, oidcIssuerUrl: issuer } = flags;
  if (given === '-') return '';
  return given === '' && claim !== 'email' ? `${issuer}#` : given;
}

function requiredClaims(pairs: readonly string[]): object[] {
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new ConfigError(`--oidc-required-claim: "${pair}" is not key=value`);
    values.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return [...values].map(([claim, requiredValue]) => ({ claim, requiredValue }));
}
