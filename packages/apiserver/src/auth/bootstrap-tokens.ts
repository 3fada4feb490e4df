import { timingSafeEqual } from 'node:crypto';
import { isNotFound, type Secret } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import type { ResourceStore, UserInfo } from '../ports.ts';
import { GVR } from '../resources.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

const NAMESPACE = 'kube-system';
const SECRET_TYPE = 'bootstrap.kubernetes.io/token';
const NAME_PREFIX = 'bootstrap-token-';
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** The group of everybody who came with a bootstrap token. */
export const BOOTSTRAPPERS = 'system:bootstrappers';

/**
 * Tokens a machine joins the cluster with: `ID.SECRET`, each kept in the Secret `bootstrap-token-ID` of kube-system
 * until it expires or is taken away. They say who may ask for a certificate, and nothing else.
 */
export function bootstrapTokens(store: ResourceStore, clock: Clock): TokenAuthenticator {
  return {
    async user(token) {
      const [, id = '', secret = ''] = TOKEN.exec(token) ?? [];
      if (id === '') return undefined;
      const kept = await find(store, `${NAME_PREFIX}${id}`);
      return kept && userOf(kept, { id, secret, nowMs: clock.now() });
    },
  };
}

/** From the cache, or from the store: a token may be used a moment after another apiserver took it in. */
async function find(store: ResourceStore, name: string): Promise<Secret | undefined> {
  const cached = store.cache<Secret>(GVR.secrets).get(NAMESPACE, name);
  if (cached) return cached;
  try {
    return await store.get<Secret>({ ...GVR.secrets, namespace: NAMESPACE, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function userOf(
  kept: Secret,
  given: { id: string; secret: string; nowMs: number },
): UserInfo | undefined {
  if (kept.type !== SECRET_TYPE || kept.metadata.deletionTimestamp) return undefined;
  const field = (name: string): string =>
    Buffer.from(String(kept.data?.[name] ?? ''), 'base64').toString('utf8');
  if (!sameText(field('token-secret'), given.secret) || field('token-id') !== given.id) {
    return undefined;
  }
  if (isOver(field('expiration'), given.nowMs)) return undefined;
  if (field('usage-bootstrap-authentication') !== 'true') return undefined;
  const extra = groupsOf(field('auth-extra-groups'));
  if (extra === undefined) return undefined;
  const groups = [BOOTSTRAPPERS, ...extra];
  return { name: `system:bootstrap:${given.id}`, uid: '', groups, extra: {} };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A time that cannot be read counts as past. */
function isOver(expiration: string, nowMs: number): boolean {
  if (expiration === '') return false;
  const endMs = Date.parse(expiration);
  return Number.isNaN(endMs) || endMs <= nowMs;
}

/** @returns undefined when a group is not one that bootstrap tokens may give */
function groupsOf(text: string): string[] | undefined {
  const groups = new Set(text === '' ? [] : text.split(',').map((one) => one.trim()));
  for (const group of groups) if (!GROUP.test(group)) return undefined;
  return [...groups].sort();
}
