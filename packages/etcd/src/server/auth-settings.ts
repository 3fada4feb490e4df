/** How users log in: the kind of tokens and how passwords are hashed. */

import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, ConfigError, errorMessage, parseDurationMs } from '@kubets/platform';
import { LIMITS } from '../limits.ts';
import type { KvState } from '../state/kv-state.ts';
import type { KvStateMachine } from '../state/state-machine.ts';
import type { Tokens } from './access.ts';
import { type JwtSettings, JwtTokens } from './jwt-tokens.ts';
import type { Proposer } from './proposer.ts';
import { SimpleTokens } from './simple-tokens.ts';

export interface AuthSettings {
  /** Absent: simple tokens. */
  readonly jwt?: JwtSettings;
  readonly simpleTokenMs?: number;
  readonly bcryptCost?: number;
  /** See `CredentialSources`. */
  readonly strictTxns?: boolean;
}

/** As in etcd. */
export const BCRYPT_COST = 10;
const ALGORITHMS = /^(HS|RS|PS|ES)(256|384|512)$/;

interface TokenParts {
  readonly state: KvState;
  readonly stateMachine: KvStateMachine;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly linearize: () => Promise<void>;
}

export function makeTokens(settings: AuthSettings = {}, parts: TokenParts): Tokens {
  const { state, stateMachine, proposer, clock, linearize } = parts;
  const { auth } = state;
  if (settings.jwt) return new JwtTokens(settings.jwt, auth, clock);
  return new SimpleTokens({
    ...{ auth, clock, ttlMs: settings.simpleTokenMs ?? LIMITS.simpleTokenMs },
    announce: async ({ user, authRevision }, digest) => {
      await proposer.propose('done', { auth: { token: { user, digest, authRevision } } });
    },
    appliedIndex: () => stateMachine.applied.index,
    catchUp: linearize,
  });
}

function optionsOf(parts: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 1) throw new ConfigError(`--auth-token: "${part}" is not NAME=VALUE`);
    options.set(part.slice(0, at), part.slice(at + 1));
  }
  return options;
}

function readKey(file: string, make: (bytes: Buffer) => KeyObject): KeyObject {
  try {
    return make(readFileSync(file));
  } catch (error) {
    throw new ConfigError(`--auth-token: cannot use ${file}: ${errorMessage(error)}`);
  }
}

function keysOf(algorithm: string, options: Map<string, string>): Omit<JwtSettings, 'ttlMs'> {
  const [publicFile, privateFile] = [options.get('pub-key'), options.get('priv-key')];
  if (algorithm.startsWith('HS')) {
    if (privateFile === undefined)
      throw new ConfigError(`--auth-token: ${algorithm} needs priv-key`);
    const secret = readKey(privateFile, createSecretKey);
    return { algorithm, verifyKey: secret, signKey: secret };
  }
  const signKey = privateFile === undefined ? undefined : readKey(privateFile, createPrivateKey);
  if (publicFile !== undefined) {
    const verifyKey = readKey(publicFile, createPublicKey);
    return { algorithm, verifyKey, ...(signKey && { signKey }) };
  }
  if (signKey === undefined) throw new ConfigError('--auth-token: jwt needs pub-key or priv-key');
  return { algorithm, verifyKey: createPublicKey(signKey), signKey };
}

/**
 * Reads `--auth-token`: `simple`, or `jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=5m`.
 * @throws ConfigError
 */
export function jwtOf(text: string): JwtSettings | undefined {
  const [kind, ...rest] = text.split(',');
  if (kind === 'simple' && rest.length === 0) return undefined;
  if (kind !== 'jwt') throw new ConfigError(`--auth-token: "${text}" is neither simple nor jwt,…`);
  const options = optionsOf(rest);
  const known = ['sign-method', 'pub-key', 'priv-key', 'ttl'];
  const unknown = [...options.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ConfigError(`--auth-token: unknown option ${unknown}`);
  const algorithm = options.get('sign-method') ?? '';
  if (!ALGORITHMS.test(algorithm) && algorithm !== 'EdDSA') {
    throw new ConfigError(`--auth-token: sign-method "${algorithm}" is not one such as RS256`);
  }
  const ttlMs = parseDurationMs(options.get('ttl') ?? '5m');
  if (ttlMs === undefined || ttlMs <= 0) {
    throw new ConfigError(`--auth-token: ttl "${options.get('ttl')}" is not a duration such as 5m`);
  }
  return { ...keysOf(algorithm, options), ttlMs };
}
