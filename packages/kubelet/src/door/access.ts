/**
 * Who may ask the kubelet for what: whoever may do that to the node's `proxy`, `stats`, `log` or `metrics` by the rules of the cluster. The
 * apiserver is asked, as upstream's kubelet asks it (SubjectAccessReview, TokenReview), and its verdicts are kept for a while.
 */
import { createHash } from 'node:crypto';
import type { SubjectAccessReview, TokenReview } from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import { DOOR_VERDICTS } from '../limits.ts';

export interface DoorUser {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** What a request asks of the node, as an authoriser sees it. */
export interface NodeAsk {
  readonly verb: string;
  readonly subresource: string;
}

export interface DoorAccess {
  /** Whose a bearer token is; undefined: nobody's. Rejects when that cannot be found out. */
  identify(token: string): Promise<DoorUser | undefined>;
  /** Rejects when that cannot be found out. */
  mayPass(user: DoorUser, ask: NodeAsk): Promise<boolean>;
}

const VERBS: Readonly<Record<string, string>> = {
  ...{ POST: 'create', CONNECT: 'create', GET: 'get', HEAD: 'get' },
  ...{ PUT: 'update', PATCH: 'patch', DELETE: 'delete' },
};
const SUBRESOURCES: Readonly<Record<string, string>> = {
  ...{ stats: 'stats', metrics: 'metrics', logs: 'log' },
};

/** @param first the first part of the path */
export function askOf(method: string, first: string): NodeAsk {
  const subresource = Object.hasOwn(SUBRESOURCES, first) ? SUBRESOURCES[first] : undefined;
  return { verb: VERBS[method] ?? '', subresource: subresource ?? 'proxy' };
}

/** They may do anything, by the apiserver's own rules; so it need not be asked when it is the one who comes. */
const MASTERS = 'system:masters';
/** As long as the stock kubelet believes them. */
const ALLOWED_MS = 5 * 60_000;
const DENIED_MS = 30_000;
const IDENTITY_MS = 2 * 60_000;

export interface ReviewedAccessOptions {
  readonly accessReviews: Pick<ResourceApi<SubjectAccessReview>, 'create'>;
  readonly tokenReviews: Pick<ResourceApi<TokenReview>, 'create'>;
  readonly nodeName: string;
  readonly clock: Clock;
}

/** Asks the apiserver. */
export class ReviewedAccess implements DoorAccess {
  readonly #o: ReviewedAccessOptions;
  readonly #verdicts: Kept<boolean>;
  readonly #users: Kept<DoorUser | undefined>;

  constructor(options: ReviewedAccessOptions) {
    this.#o = options;
    this.#verdicts = new Kept(options.clock);
    this.#users = new Kept(options.clock);
  }

  identify(token: string): Promise<DoorUser | undefined> {
    // Tokens are not kept where a look into memory would show them.
    const key = createHash('sha256').update(token).digest('base64');
    return this.#users.get(key, async () => {
      const review: TokenReview = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: { token },
      };
      const { status } = await this.#o.tokenReviews.create(review);
      const { username = '', uid, groups = [], extra } = status?.user ?? {};
      const isKnown = status?.authenticated === true && username !== '';
      const user = isKnown ? { name: username, uid, groups, extra } : undefined;
      return { value: user, forMs: isKnown ? IDENTITY_MS : DENIED_MS };
    });
  }

  mayPass(user: DoorUser, ask: NodeAsk): Promise<boolean> {
    if (user.groups.includes(MASTERS)) return Promise.resolve(true);
    const { name, uid, groups, extra } = user;
    return this.#verdicts.get(JSON.stringify([name, uid, groups, extra, ask]), async () => {
      const review: SubjectAccessReview = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: {},
        spec: {
          ...{ user: name, groups: [...groups] },
          ...(uid && { uid }),
          ...(extra && { extra: mutable(extra) }),
          resourceAttributes: {
            ...{ ...ask, version: 'v1', resource: 'nodes', name: this.#o.nodeName },
          },
        },
      };
      const { status } = await this.#o.accessReviews.create(review);
      const isAllowed = status?.allowed === true;
      return { value: isAllowed, forMs: isAllowed ? ALLOWED_MS : DENIED_MS };
    });
  }
}

const mutable = (extra: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));

/** Answers that are believed for a while, and asked for once at a time; the oldest goes when there are too many. */
class Kept<T> {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly value: T; readonly untilMs: number }>();
  readonly #asking = new Map<string, Promise<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string, ask: () => Promise<{ value: T; forMs: number }>): Promise<T> {
    const known = this.#known.get(key);
    if (known && known.untilMs > this.#clock.monotonicMs()) return Promise.resolve(known.value);
    const asking = this.#asking.get(key) ?? this.#ask(key, ask);
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string, ask: () => Promise<{ value: T; forMs: number }>): Promise<T> {
    try {
      const { value, forMs } = await ask();
      this.#known.delete(key);
      const [oldest] = this.#known.keys();
      if (this.#known.size >= DOOR_VERDICTS && oldest !== undefined) this.#known.delete(oldest);
      this.#known.set(key, { value, untilMs: this.#clock.monotonicMs() + forMs });
      return value;
    } finally {
      this.#asking.delete(key);
    }
  }
}
