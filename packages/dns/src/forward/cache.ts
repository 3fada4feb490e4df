import type { Answer } from 'dns-packet';
import { CACHE_ENTRIES, CACHE_MAX_NEGATIVE_SECONDS, CACHE_MAX_SECONDS } from '../limits.ts';
import type { Reply } from '../wire/message.ts';
import { RCODE } from '../wire/message.ts';

interface Entry {
  reply: Reply;
  storedMs: number;
  expiresMs: number;
}

/** Answers from upstream for as long as their time to live allows. Least recently used goes first. */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** @param now a clock that never goes back, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer with its times to live counted down. */
  get(key: string): Reply | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const nowMs = this.#now();
    this.#entries.delete(key);
    if (nowMs >= entry.expiresMs) return undefined;
    this.#entries.set(key, entry);
    return aged(entry.reply, Math.floor((nowMs - entry.storedMs) / 1000));
  }

  set(key: string, reply: Reply): void {
    const seconds = lifetimeSeconds(reply);
    if (seconds <= 0) return;
    const nowMs = this.#now();
    this.#entries.delete(key);
    this.#entries.set(key, { reply, storedMs: nowMs, expiresMs: nowMs + seconds * 1000 });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > CACHE_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
  }
}

const ttlOf = (record: Answer): number => ('ttl' in record ? (record.ttl ?? 0) : 0);

/**
 * Seconds an answer may be kept: the shortest time to live in it; for "no" what the zone's SOA says
 * (RFC 2308 §5). 0: not at all, as for failures.
 */
export function lifetimeSeconds(reply: Reply): number {
  if (reply.rcode !== RCODE.ok && reply.rcode !== RCODE.nameError) return 0;
  if (reply.answers.length > 0 && reply.rcode === RCODE.ok) {
    return Math.min(CACHE_MAX_SECONDS, ...reply.answers.map(ttlOf));
  }
  const soa = reply.authorities.find((record) => record.type === 'SOA');
  if (soa?.type !== 'SOA') return 0;
  return Math.min(CACHE_MAX_NEGATIVE_SECONDS, ttlOf(soa), soa.data.minimum ?? 0);
}

function aged(reply: Reply, seconds: number): Reply {
  const age = (record: Answer): Answer =>
    'ttl' in record ? { ...record, ttl: Math.max(0, ttlOf(record) - seconds) } : record;
  return {
    ...reply,
    answers: reply.answers.map(age),
    authorities: reply.authorities.map(age),
    additionals: reply.additionals.map(age),
  };
}
