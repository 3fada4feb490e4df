/** Runs `kubets etcd …` for what a store's own program does best: snapshots, and its last resort. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ClusterPaths } from '../paths.ts';
import { hostPorts } from './settings.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '..', '..', '..', 'etcd', 'src', 'main.ts');

function lastLine(error: unknown): string {
  const said =
    typeof error === 'object' && error !== null ? String(Reflect.get(error, 'stderr') ?? '') : '';
  return said.trim().split('\n').at(-1) ?? String(error);
}

/** @returns what it printed. @throws StartError with its last line */
export async function storeCommand(words: readonly string[]): Promise<string> {
  try {
    const options = { timeout: limits.storeCommandMs, maxBuffer: limits.joinAnswerBytes };
    return (await run(process.execPath, ['--disable-warning=DEP0123', MAIN, ...words], options))
      .stdout;
  } catch (error) {
    throw new StartError(`kubets etcd ${words.slice(0, 2).join(' ')}: ${lastLine(error)}`);
  }
}

/** How such a command reaches this host's own member. */
export const ownMember = (paths: ClusterPaths): string[] => [
  `--endpoints=127.0.0.1:${hostPorts.etcdClient}`,
  `--cacert=${join(paths.pki, 'etcd-ca.crt')}`,
  `--cert=${join(paths.pki, 'etcdctl.crt')}`,
  `--key=${join(paths.pki, 'etcdctl.key')}`,
];
