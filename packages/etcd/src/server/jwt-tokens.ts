/**
 * JSON web tokens: signed by a key all members share, and not kept anywhere. They name the auth revision they were made at, and
 * are refused once users or roles have changed.
 */

import type { KeyObject } from 'node:crypto';
import type { Clock } from '@kubets/platform';
import type { AuthState, Credentials } from '../auth/auth-state.ts';
import { etcdError } from '../errors.ts';
import type { Tokens } from './access.ts';

export interface JwtSettings {
  /** Such as `RS256`. */
  readonly algorithm: string;
  readonly verifyKey: KeyObject;
  /** Absent: tokens are made elsewhere and only checked here. */
  readonly signKey?: KeyObject;
  readonly ttlMs: number;
}

/** Loaded at the first token: most stores never see one. */
async function library() {
  return await import('jose');
}

export class JwtTokens implements Tokens {
  private readonly settings: JwtSettings;
  private readonly auth: AuthState;
  private readonly clock: Clock;

  constructor(settings: JwtSettings, auth: AuthState, clock: Clock) {
    this.settings = settings;
    this.auth = auth;
    this.clock = clock;
  }

  async issue({ user, authRevision }: Credentials): Promise<string> {
    const { algorithm, signKey, ttlMs } = this.settings;
    if (signKey === undefined) throw etcdError('jwtVerifyOnly');
    const { SignJWT } = await library();
    const expiresAt = Math.floor((this.clock.now() + ttlMs) / 1000);
    const token = await new SignJWT({ username: user, revision: Number(authRevision) })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setExpirationTime(expiresAt)
      .sign(signKey);
    if (this.auth.revision !== authRevision) throw etcdError('authOldRevision');
    return token;
  }

  async resolve(token: string): Promise<Credentials | undefined> {
    const { algorithm, verifyKey } = this.settings;
    const { errors, jwtVerify } = await library();
    try {
      const { payload } = await jwtVerify(token, verifyKey, {
        algorithms: [algorithm],
        currentDate: new Date(this.clock.now()),
        requiredClaims: ['exp'],
      });
      const { username, revision } = payload;
      const good =
        typeof username === 'string' && username !== '' && Number.isSafeInteger(revision);
      return good ? { user: username, authRevision: BigInt(Number(revision)) } : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}
