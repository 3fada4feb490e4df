import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@kubets/platform';
import {
  createAuthority,
  createSigningPair,
  issueLeaf,
  type KeyPairPem,
  leafIsCurrent,
} from '@kubets/platform/pki';
import { makePrivateDir, readIfThere, writeAtomic } from '../files.ts';
import { limits } from '../limits.ts';
import type { AuthorityName, WantedLeaf } from './layout.ts';

const GROUP_AND_OTHERS = 0o077;

/** A key others can read is not used: whoever read it could act as the cluster. */
function refuseOpenKey(path: string): void {
  if ((statSync(path).mode & GROUP_AND_OTHERS) === 0) return;
  throw new ConfigError(`${path} can be read by others; run: chmod 600 ${path}`);
}

function readPair(dir: string, file: string): KeyPairPem | undefined {
  const cert = readIfThere(join(dir, `${file}.crt`));
  const key = readIfThere(join(dir, `${file}.key`));
  if (cert === undefined || key === undefined) return undefined;
  refuseOpenKey(join(dir, `${file}.key`));
  return { cert, key };
}

function writePair(dir: string, file: string, pair: KeyPairPem): void {
  writeAtomic(join(dir, `${file}.key`), pair.key);
  writeAtomic(join(dir, `${file}.crt`), pair.cert);
}

async function ensureAuthority(dir: string, name: AuthorityName, nowMs: number) {
  const there = readPair(dir, name);
  if (there !== undefined) return there;
  const half = ['.crt', '.key'].filter((end) => existsSync(join(dir, name + end)));
  if (half.length > 0) {
    throw new ConfigError(
      `${dir} has only ${name}${half[0]}; restore the other half from a backup, or remove ${dir} to make new certificates`,
    );
  }
  const title = name === 'ca' ? 'kubets-ca' : 'kubets-etcd-ca';
  const made = await createAuthority(title, nowMs, limits.caDays);
  writePair(dir, name, made);
  return made;
}

async function ensureSigningPair(dir: string): Promise<void> {
  if (existsSync(join(dir, 'sa.key'))) {
    refuseOpenKey(join(dir, 'sa.key'));
    return;
  }
  const pair = await createSigningPair();
  writeAtomic(join(dir, 'sa.pub'), pair.publicKey);
  writeAtomic(join(dir, 'sa.key'), pair.privateKey);
}

/**
 * Makes what is missing and renews what is about to expire or names other hosts; the rest stays as it is.
 * @returns the names of the leaves that were made anew
 * @throws ConfigError for keys others can read, or half an authority
 */
export async function ensurePki(
  dir: string,
  leaves: readonly WantedLeaf[],
  nowMs: number,
): Promise<string[]> {
  makePrivateDir(dir);
  const authorities: Record<AuthorityName, KeyPairPem> = {
    ca: await ensureAuthority(dir, 'ca', nowMs),
    'etcd-ca': await ensureAuthority(dir, 'etcd-ca', nowMs),
  };
  await ensureSigningPair(dir);
  const made: string[] = [];
  for (const leaf of leaves) {
    const authority = authorities[leaf.authority];
    const there = readPair(dir, leaf.file);
    const terms = { nowMs, renewBeforeDays: limits.renewBeforeDays };
    if (there !== undefined && leafIsCurrent(there.cert, authority.cert, leaf, terms)) continue;
    writePair(dir, leaf.file, await issueLeaf(authority, leaf, nowMs));
    made.push(leaf.file);
  }
  return made;
}
