/** `kubets token create|list|delete`. */
import { join } from 'node:path';
import type { Secret } from '@kubets/api';
import { ConfigError, publicKeyPin } from '@kubets/platform';
import { readIfThere } from '../../files.ts';
import { createToken, deleteToken, listTokens } from '../../host/publish.ts';
import { hostApi, nowMs, requireMaster } from '../../host/store.ts';
import { tokenText } from '../../join/token.ts';
import { clusterPaths } from '../../paths.ts';
import type { Io } from '../io.ts';
import { joinCommand } from './init.ts';

export interface TokenCreateOptions {
  readonly dataDir: string;
  readonly ttlMs: number;
  readonly description: string;
  readonly printJoinCommand: boolean;
}

export async function tokenCreate(options: TokenCreateOptions, io: Io): Promise<void> {
  const paths = clusterPaths(options.dataDir);
  const host = requireMaster(paths);
  const api = hostApi(paths, host);
  try {
    const { ttlMs, description } = options;
    const { token } = await createToken(api, { nowMs: nowMs(), ttlMs, description });
    const text = tokenText(token);
    const pin = publicKeyPin(readIfThere(join(paths.pki, 'ca.crt')) ?? '');
    io.out(`${options.printJoinCommand ? joinCommand(host, text, pin) : text}\n`);
  } finally {
    api.close();
  }
}

const field = (secret: Secret, key: string): string =>
  Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');

export async function tokenList(dataDir: string, io: Io): Promise<void> {
  const paths = clusterPaths(dataDir);
  const api = hostApi(paths, requireMaster(paths));
  try {
    const rows = [['TOKEN', 'EXPIRES', 'DESCRIPTION']];
    for (const secret of await listTokens(api)) {
      // Only what also lets somebody in is a token one can join with.
      const joins = field(secret, 'usage-bootstrap-authentication') === 'true';
      if (!joins) continue;
      const text = `${field(secret, 'token-id')}.${field(secret, 'token-secret')}`;
      rows.push([text, field(secret, 'expiration') || 'never', field(secret, 'description')]);
    }
    const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)) + 2);
    for (const [token = '', expires = '', description = ''] of rows) {
      io.out(`${token.padEnd(widths[0] ?? 0)}${expires.padEnd(widths[1] ?? 0)}${description}\n`);
    }
  } finally {
    api.close();
  }
}

/** @param text the whole token, or its first six characters */
export async function tokenDelete(dataDir: string, text: string, io: Io): Promise<void> {
  const id = text.split('.')[0] ?? '';
  if (!/^[a-z0-9]{6}$/.test(id))
    throw new ConfigError(`"${text}" is no token, nor the six characters one begins with`);
  const paths = clusterPaths(dataDir);
  const api = hostApi(paths, requireMaster(paths));
  try {
    if (!(await deleteToken(api, id)))
      throw new ConfigError(`there is no token ${id}; "kubets token list" shows them`);
    io.err(`token ${id} is void\n`);
  } finally {
    api.close();
  }
}
