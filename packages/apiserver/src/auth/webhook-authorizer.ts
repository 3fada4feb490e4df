/** Authorisation asked of a service outside: a SubjectAccessReview a question, answers kept for a while. */
import { createHash } from 'node:crypto';
import { isJsonObject } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { ExpiringCache } from '../outbound/expiring-cache.ts';
import type { OutboundClient } from '../outbound/http.ts';
import { askWithRetries } from '../outbound/retries.ts';
import type { AuthorizationAttributes, Decision } from '../ports.ts';
import { toldSelectors } from './asked-selectors.ts';
import type { WebhookResult } from './authorization/figures.ts';
import type { ReviewedSpec } from './authorization/match-conditions.ts';

/** What is told about the questions to a webhook. */
export interface WebhookFigures {
  asked(result: WebhookResult, seconds: number): void;
  failedOpen(result: WebhookResult): void;
  matched(outcome: 'match' | 'excluded' | 'error', seconds: number): void;
}

export interface WebhookAuthorizerOptions {
  readonly client: Pick<OutboundClient, 'ask'>;
  /** `v1` or `v1beta1` of SubjectAccessReview. */
  readonly version: string;
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  readonly timeoutMs?: number;
  /** What a webhook that cannot be asked means: nothing, or no. */
  readonly onFailure?: 'NoOpinion' | 'Deny';
  /** Whether it is meant for a question at all; throws when that cannot be told. */
  readonly matches?: ((spec: ReviewedSpec) => boolean) | undefined;
  readonly figures?: WebhookFigures | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const GROUP = 'authorization.k8s.io';
const MS_PER_S = 1_000;
const NO_OPINION: Decision = { allowed: false, denied: false, reason: '' };
/** Longer questions are asked every time: nobody may fill the cache's memory with long names. */
const MAX_CACHED_CHARACTERS = 10_000;

export class WebhookAuthorizer {
  readonly #o: WebhookAuthorizerOptions;
  readonly #answers: ExpiringCache<Decision>;

  constructor(options: WebhookAuthorizerOptions) {
    this.#o = options;
    this.#answers = new ExpiringCache({ clock: options.clock, limit: LIMITS.webhookAnswers });
  }

  /** Never rejects: a webhook that cannot be asked has no opinion, or denies, as configured. */
  async authorize(asked: AuthorizationAttributes): Promise<Decision> {
    const { version, authorizedTtlMs, unauthorizedTtlMs, figures } = this.#o;
    const isMeant = this.#isMeant(asked);
    if (isMeant !== true) return isMeant === false ? NO_OPINION : this.#failed(isMeant);
    const spec = specOf(asked, version);
    const text = JSON.stringify(spec);
    const key = createHash('sha256').update(text).digest('base64');
    const known = this.#answers.get(key);
    if (known) return known;
    try {
      const decision = await this.#measured(spec);
      if (text.length <= MAX_CACHED_CHARACTERS) {
        this.#answers.set(key, decision, decision.allowed ? authorizedTtlMs : unauthorizedTtlMs);
      }
      return decision;
    } catch (error) {
      this.#o.log.error({ err: error }, 'the authorization webhook could not be asked');
      const failed = this.#failed(error);
      if (!failed.denied) figures?.failedOpen(resultOf(error));
      return failed;
    }
  }

  #failed(error: unknown): Decision {
    const denied = this.#o.onFailure === 'Deny';
    return { allowed: false, denied, reason: '', error: errorMessage(error) };
  }

  /** Whether conditions let a question through, or why that cannot be told. */
  #isMeant(asked: AuthorizationAttributes): boolean | Error {
    const { matches, figures, clock } = this.#o;
    if (matches === undefined) return true;
    const startMs = clock.monotonicMs();
    const passed = (): number => (clock.monotonicMs() - startMs) / MS_PER_S;
    try {
      const isMeant = matches(reviewedSpec(asked));
      figures?.matched(isMeant ? 'match' : 'excluded', passed());
      return isMeant;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ConditionError') throw error;
      figures?.matched('error', passed());
      return error;
    }
  }

  async #measured(spec: object): Promise<Decision> {
    const { figures, clock } = this.#o;
    const startMs = clock.monotonicMs();
    const passed = (): number => (clock.monotonicMs() - startMs) / MS_PER_S;
    try {
      const decision = await this.#ask(spec);
      figures?.asked('success', passed());
      return decision;
    } catch (error) {
      figures?.asked(resultOf(error), passed());
      throw error;
    }
  }

  async #ask(spec: object): Promise<Decision> {
    const { client, clock, version, timeoutMs = LIMITS.webhookTimeoutMs } = this.#o;
    const head = { kind: 'SubjectAccessReview', apiVersion: `${GROUP}/${version}` };
    const body = JSON.stringify({ ...head, metadata: { creationTimestamp: null }, spec });
    const text = await askWithRetries(client, { method: 'POST', body, timeoutMs }, clock);
    const review: unknown = JSON.parse(text);
    const status = isJsonObject(review) ? review.status : undefined;
    if (!isJsonObject(status)) throw new Error('the answer of the webhook holds no status');
    const allowed = status.allowed === true;
    const denied = status.denied === true;
    if (allowed && denied)
      throw new Error('webhook subject access review returned both allow and deny response');
    return { allowed, denied, reason: typeof status.reason === 'string' ? status.reason : '' };
  }
}

const resultOf = (error: unknown): WebhookResult =>
  errorMessage(error).includes('context deadline exceeded') ? 'timeout' : 'error';

/** The review as conditions see it: every text is there, also where it is empty. */
function reviewedSpec(asked: AuthorizationAttributes): ReviewedSpec {
  const { user, verb, path } = asked;
  const { name: userName, uid, groups, extra } = user;
  const subject = { user: userName, uid, groups, extra };
  if (!asked.isResourceRequest) return { ...subject, nonResourceAttributes: { path, verb } };
  const { namespace, apiGroup: group, apiVersion: version, resource, subresource, name } = asked;
  const on = { namespace, verb, group, version, resource, subresource, name };
  return { ...subject, resourceAttributes: { ...on, ...toldSelectors(asked) } };
}

function specOf(asked: AuthorizationAttributes, version: string): object {
  const { user, verb } = asked;
  const groups =
    user.groups.length > 0 ? { [version === 'v1beta1' ? 'group' : 'groups']: user.groups } : {};
  const subject = {
    ...(user.name && { user: user.name }),
    ...groups,
    ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
    ...(user.uid && { uid: user.uid }),
  };
  if (!asked.isResourceRequest) {
    return { nonResourceAttributes: filled({ path: asked.path, verb }), ...subject };
  }
  const { namespace, apiGroup: group, apiVersion: v, resource, subresource, name } = asked;
  const on = filled({ namespace, verb, group, version: v, resource, subresource, name });
  return { resourceAttributes: { ...on, ...toldSelectors(asked) }, ...subject };
}

function filled(fields: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
