/**
 * Service-account tokens of the older kind: kept in Secrets of type `kubernetes.io/service-account-token`, without an end or
 * an audience. They live as long as their Secret holds them.
 */
import { timingSafeEqual } from 'node:crypto';
import type { KubeObject, Secret } from '@kubets/api';
import { decodeJwt } from 'jose';
import { serviceAccountUsername } from './identity.ts';

export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount';
const SECRET_TYPE = 'kubernetes.io/service-account-token';

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
export function holdsToken(object: KubeObject | undefined, token: string): boolean {
  const secret = object as Secret | undefined;
  if (secret?.type !== SECRET_TYPE || secret.metadata.deletionTimestamp) return false;
  const held = Buffer.from(String(secret.data?.token ?? ''), 'base64');
  const given = Buffer.from(token);
  return held.length === given.length && timingSafeEqual(held, given);
}
