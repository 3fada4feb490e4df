/** Bearer tokens that a service outside knows: a TokenReview a token, answers kept for a while. */
import { createHash } from 'node:crypto';
import { isJsonObject } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { ExpiringCache } from '../outbound/expiring-cache.ts';
import type { OutboundClient } from '../outbound/http.ts';
import { askWithRetries } from '../outbound/retries.ts';
import type { UserInfo } from '../ports.ts';
import { TokenRefused } from './jwt/refused.ts';
import type { VerifiedToken } from './service-account-tokens.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

export interface WebhookTokensOptions {
  readonly client: Pick<OutboundClient, 'ask'>;
  /** `v1` or `v1beta1` of TokenReview. */
  readonly version: string;
  readonly cacheTtlMs: number;
  readonly apiAudiences: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

interface Answer {
  readonly verified: VerifiedToken | undefined;
}

/** A webhook that cannot be asked, or tells what is wrong, knows nobody; that is not remembered. */
export function webhookTokens(o: WebhookTokensOptions): TokenAuthenticator {
  const answers = new ExpiringCache<Answer>({ clock: o.clock, limit: LIMITS.webhookAnswers });
  return {
    async verify(token, audiences) {
      const hash = createHash('sha256').update(JSON.stringify([token, audiences]));
      const key = hash.digest('base64');
      const known = answers.get(key);
      if (known) return known.verified;
      try {
        const verified = await ask(o, token, audiences);
        answers.set(key, { verified }, o.cacheTtlMs);
        return verified;
      } catch (error) {
        if (error instanceof TokenRefused) throw error;
        o.log.error({ err: error }, 'the token webhook could not be asked');
        throw new TokenRefused(errorMessage(error), { cause: error });
      }
    },
  };
}

async function ask(
  o: WebhookTokensOptions,
  token: string,
  audiences: readonly string[],
): Promise<VerifiedToken | undefined> {
  const body = JSON.stringify({
    kind: 'TokenReview',
    apiVersion: `authentication.k8s.io/${o.version}`,
    metadata: { creationTimestamp: null },
    spec: { token, ...(audiences.length > 0 && { audiences }) },
  });
  const timeoutMs = LIMITS.webhookTimeoutMs;
  const text = await askWithRetries(o.client, { method: 'POST', body, timeoutMs }, o.clock);
  const review: unknown = JSON.parse(text);
  const status = isJsonObject(review) ? review.status : undefined;
  if (!isJsonObject(status)) throw new Error('the answer of the webhook holds no status');
  if (status.authenticated !== true) {
    const { error } = status;
    if (typeof error === 'string' && error !== '') throw new TokenRefused(error);
    return undefined;
  }
  // A webhook that says nothing of audiences knows only those of the API.
  const named = stringsOf(status.audiences);
  const good = named.length > 0 ? named : o.apiAudiences;
  const common = audiences.filter((one) => good.includes(one));
  if (audiences.length > 0 && common.length === 0) return undefined;
  const user = userOf(status.user);
  return user && { user, audiences: common };
}

const stringsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function userOf(user: unknown): UserInfo | undefined {
  if (!isJsonObject(user)) return undefined;
  const { username, uid, groups, extra } = user;
  if (typeof username !== 'string' || username === '') return undefined;
  const more = isJsonObject(extra) ? Object.entries(extra) : [];
  return {
    name: username,
    uid: typeof uid === 'string' ? uid : '',
    groups: stringsOf(groups),
    extra: Object.fromEntries(more.map(([key, values]) => [key, stringsOf(values)])),
  };
}
