import type { Secret, ServiceAccount } from '@kubets/api';
import { annotationsOf, isDeleting, uidOf } from '../objects/meta.ts';

export const TOKEN_TYPE = 'kubernetes.io/service-account-token';
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
export const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

export type TokenVerdict =
  | { type: 'keep' }
  /** The account is gone, or is another one of that name: its token must not outlive it. */
  | { type: 'delete' }
  | { type: 'fill'; needsToken: boolean };

/**
 * What a token Secret needs. One that names no account is not ours to judge.
 * @param account the account it names, as the API has it
 * @param rootCa PEM text that should be in it, if any
 */
export function decideToken(
  secret: Secret,
  account: ServiceAccount | undefined,
  rootCa: string | undefined,
): TokenVerdict {
  if (secret.type !== TOKEN_TYPE || isDeleting(secret)) return { type: 'keep' };
  const { [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid } = annotationsOf(secret);
  if (!name) return { type: 'keep' };
  if (!account || (uid && uid !== uidOf(account))) return { type: 'delete' };
  const data = secret.data ?? {};
  const needsToken = !data.token;
  const hasCa = rootCa === undefined || data['ca.crt'] === base64(rootCa);
  const complete = !needsToken && hasCa && Boolean(data.namespace) && Boolean(uid);
  return complete ? { type: 'keep' } : { type: 'fill', needsToken };
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
