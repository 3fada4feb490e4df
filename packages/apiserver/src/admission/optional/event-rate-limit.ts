/** EventRateLimit: how many events a second the server takes, altogether, of a namespace, a user, or about an object. */
import {
  ApiError,
  aggregateText,
  type Event,
  type FieldError,
  fieldErrors,
  isJsonObject,
  type JsonObject,
} from '@kubets/api';
import { type Clock, ConfigError } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../ports.ts';
import { concerns, objectAs } from '../support.ts';

const VERSION = 'eventratelimit.admission.k8s.io/v1alpha1';

const KEYS = {
  Server: () => '',
  Namespace: (a) => a.namespace,
  User: (a) => a.user.name,
  SourceAndObject: sourceAndObject,
} satisfies Record<string, (a: AdmissionAttributes) => string>;

type LimitType = keyof typeof KEYS;

export interface EventLimit {
  readonly type: LimitType;
  readonly qps: number;
  readonly burst: number;
  /** Most keys that are kept apart; the one longest unused goes. */
  readonly cacheSize: number;
}

/** What the plugin's part of the configuration says. @throws ConfigError that begins with `where` */
export function eventLimitsOf(where: string, config: JsonObject): EventLimit[] {
  if (config.kind !== 'Configuration' || config.apiVersion !== VERSION) {
    throw new ConfigError(`${where}: want kind Configuration of ${VERSION}`);
  }
  const given = Array.isArray(config.limits) ? config.limits.filter(isJsonObject) : [];
  const errors: FieldError[] = [];
  const limits = given.map((limit, at) => limitOf(limit, `limits[${at}]`, errors));
  if (errors.length > 0) throw new ConfigError(`${where}: ${aggregateText(errors)}`);
  return limits;
}

function limitOf(limit: JsonObject, path: string, errors: FieldError[]): EventLimit {
  const numberOf = (name: string): number => Number(limit[name] ?? 0);
  const type = String(limit.type ?? '');
  const kinds = Object.keys(KEYS).sort();
  const size = numberOf('cacheSize');
  if (!kinds.includes(type)) errors.push(fieldErrors.notSupported(`${path}.type`, type, kinds));
  for (const name of ['burst', 'qps']) {
    if (numberOf(name) > 0) continue;
    errors.push(fieldErrors.invalid(`${path}.${name}`, numberOf(name), 'must be positive'));
  }
  if (type !== 'Server' && size < 0) {
    errors.push(fieldErrors.invalid(`${path}.cacheSize`, size, 'must not be negative'));
  }
  return {
    ...{ type: type as LimitType, qps: numberOf('qps'), burst: numberOf('burst') },
    cacheSize: size === 0 ? LIMITS.eventRateKeys : size,
  };
}

/** Off by default. @throws ConfigError where there are no limits */
export function eventRateLimit(clock: Clock, limits: readonly EventLimit[]): AdmissionPlugin {
  if (limits.length === 0) {
    const error = fieldErrors.invalid('limits', null, 'must not be empty');
    throw new ConfigError(`EventRateLimit: ${aggregateText([error])}`);
  }
  const enforcers = limits.map((limit) => ({ limit, buckets: new Buckets(limit, clock) }));
  return {
    name: 'EventRateLimit',
    only: ['events'],
    validate(a) {
      if (!concerns(a, '', 'events', 'CREATE', 'UPDATE')) return;
      // Each of them counts the event, also after one has refused it.
      const over = enforcers.filter(({ limit, buckets }) => !buckets.take(KEYS[limit.type](a)));
      const last = over.at(-1);
      if (last !== undefined) throw tooMany(last.limit.type, KEYS[last.limit.type](a));
    },
  };
}

const STATUS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };

function tooMany(type: LimitType, key: string): ApiError {
  const message = `Too many requests: limit reached on type ${type} for key ${key}`;
  return new ApiError({ ...STATUS, code: 429, reason: 'TooManyRequests', message });
}

function sourceAndObject(a: AdmissionAttributes): string {
  const { source, involvedObject: about } = objectAs<Event>(a);
  const parts = [source?.component, source?.host, about?.kind, about?.namespace, about?.name];
  return [...parts, about?.uid, about?.apiVersion].map((part) => part ?? '').join('');
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Token buckets by key; the key longest unused goes first. */
class Buckets {
  readonly #limit: EventLimit;
  readonly #clock: Clock;
  readonly #known = new Map<string, Bucket>();

  constructor(limit: EventLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Whether there was a token left for the key. */
  take(key: string): boolean {
    const { qps, burst, cacheSize } = this.#limit;
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#known.get(key) ?? { tokens: burst, atMs: nowMs };
    this.#known.delete(key);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= cacheSize) this.#known.delete(oldest);
    this.#known.set(key, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * qps);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
