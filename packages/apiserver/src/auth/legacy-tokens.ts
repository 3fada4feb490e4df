/**
 * Service-account tokens of the older kind: kept in Secrets of type `kubernetes.io/service-account-token`, without an end or
 * an audience. They live as long as their Secret holds them.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '@kubets/api';
import { decodeJwt } from 'jose';
import { serviceAccountUsername } from './identity.ts';

export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount';
const SECRET_TYPE = 'kubernetes.io/service-account-token';

/** Since when such tokens are refused, and when one was used last; days, UTC. The controller-manager reads and sets them too. */
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
const LAST_USED = 'kubernetes.io/legacy-token-last-used';

/** The day, UTC: `2026-01-31`. */
export const dayOf = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);

/** The Secret with a note of its use on a day; undefined when it has that note. */
export function withUse(secret: Secret, day: string): Secret | undefined {
  const { labels } = secret.metadata;
  if (labels?.[LAST_USED] === day) return undefined;
  return { ...secret, metadata: { ...secret.metadata, labels: { ...labels, [LAST_USED]: day } } };
}

/** Whether its token was unused for so long that it is refused. */
export const isMarkedInvalid = ({ metadata }: Secret): boolean =>
  (metadata.labels?.[INVALID_SINCE] ?? '') !== '';

/** What a legacy token says, once its signature is good. */
export interface LegacyClaims {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly secretName: string;
}

/** Whether a token claims to be of this kind; nothing is verified. */
export function looksLegacy(token: string): boolean {
  try {
    return decodeJwt(token).iss === LEGACY_ISSUER;
  } catch {
    // No JSON Web Token: not of any kind.
    return false;
  }
}

/** @returns undefined when a claim is missing, or the subject is another account */
export function readLegacyClaims(payload: Record<string, unknown>): LegacyClaims | undefined {
  const claim = (name: string): string => {
    const value = payload[`${CLAIM}/${name}`];
    return typeof value === 'string' ? value : '';
  };
  const namespace = claim('namespace');
  const name = claim('service-account.name');
  const uid = claim('service-account.uid');
  const secretName = claim('secret.name');
  if ([namespace, name, uid, secretName].includes('')) return undefined;
  if (payload.sub !== serviceAccountUsername(namespace, name)) return undefined;
  return { namespace, serviceaccount: { name, uid }, secretName };
}

/** Whether a Secret is one that holds exactly this token. */
export function holdsToken(secret: Secret | undefined, token: string): secret is Secret {
  if (secret?.type !== SECRET_TYPE || secret.metadata.deletionTimestamp) return false;
  const held = Buffer.from(String(secret.data?.token ?? ''), 'base64');
  const given = Buffer.from(token);
  return held.length === given.length && timingSafeEqual(held, given);
}
