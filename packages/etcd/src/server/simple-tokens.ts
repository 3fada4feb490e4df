/**
 * Simple tokens: random, kept in memory by every member, good for some minutes after their last use. They are given out through
 * the log, as digests, so that a token from one member is good at all of them.
 */

import { createHash, randomInt } from 'node:crypto';
import type { Clock } from '@kubets/platform';
import type { AuthState, Credentials, TokenEvents } from '../auth/auth-state.ts';
import { LIMITS } from '../limits.ts';
import type { Tokens } from './access.ts';

export interface SimpleTokenOptions {
  readonly auth: AuthState;
  readonly clock: Clock;
  /** How long a token is good for after its last use. */
  readonly ttlMs: number;
  /** Tells every member; resolves once this one knows. */
  readonly announce: (user: Credentials, digest: Buffer) => Promise<void>;
  readonly appliedIndex: () => bigint;
  /** Resolves when this member has seen everything that was acknowledged before. */
  readonly catchUp: () => Promise<void>;
}

interface Holder {
  readonly user: string;
  expiresAtMs: number;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SECRET_LENGTH = 22;
const TOKEN = /^([A-Za-z]{16,64})\.(\d{1,19})$/;

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export class SimpleTokens implements Tokens, TokenEvents {
  private readonly options: SimpleTokenOptions;
  /** By digest; who was seen longest ago comes first. */
  private readonly holders = new Map<string, Holder>();

  constructor(options: SimpleTokenOptions) {
    this.options = options;
    options.auth.listen(this);
  }

  get size(): number {
    return this.holders.size;
  }

  async issue(by: Credentials): Promise<string> {
    const letters = Array.from({ length: SECRET_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]);
    const secret = letters.join('');
    await this.options.announce(by, digestOf(secret));
    // The position in the log tells another member whether it must have heard of the token.
    return `${secret}.${this.options.appliedIndex()}`;
  }

  async resolve(token: string): Promise<Credentials | undefined> {
    const [, secret, index] = TOKEN.exec(token) ?? [];
    if (secret === undefined || index === undefined) return undefined;
    const id = digestOf(secret).toString('latin1');
    if (!this.holders.has(id) && BigInt(index) > this.options.appliedIndex()) {
      await this.options.catchUp();
    }
    const holder = this.use(id);
    return holder && { user: holder.user, authRevision: this.options.auth.revision };
  }

  private use(id: string): Holder | undefined {
    const holder = this.holders.get(id);
    if (holder === undefined) return undefined;
    this.holders.delete(id);
    const nowMs = this.options.clock.monotonicMs();
    if (holder.expiresAtMs <= nowMs) return undefined;
    holder.expiresAtMs = nowMs + this.options.ttlMs;
    this.holders.set(id, holder);
    return holder;
  }

  issued({ user, digest }: { readonly user: string; readonly digest: Buffer }): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const [id, { expiresAtMs }] of this.holders) {
      if (expiresAtMs > nowMs && this.holders.size < LIMITS.simpleTokens) break;
      this.holders.delete(id);
    }
    const holder = { user, expiresAtMs: nowMs + this.options.ttlMs };
    this.holders.set(digest.toString('latin1'), holder);
  }

  revoked(user: string): void {
    for (const [id, holder] of this.holders) if (holder.user === user) this.holders.delete(id);
  }

  allRevoked(): void {
    this.holders.clear();
  }
}
