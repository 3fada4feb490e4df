/**
 * The cluster of the machine a command is typed on: `kubets up`, `init` and `join` keep a file in the data directory that a shell can
 * read for etcdctl. Commands without a word about where to go take it from there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@kubets/platform';

const FILE = 'etcdctl.env';
const LINE = /^export ETCDCTL_(ENDPOINTS|CACERT|CERT|KEY)=(?:'([^']*)'|(\S*))$/gm;

/** How the store of this machine's cluster is reached. */
export interface OwnCluster {
  readonly endpoints: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

function readIfMine(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // No cluster there, or somebody else's: the command goes on as on any other machine.
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(errorCode(error) ?? '')) return '';
    throw error;
  }
}

/** @param dirs data directories, the likeliest first. @returns undefined where none of them holds a cluster */
export function ownCluster(dirs: readonly string[]): OwnCluster | undefined {
  for (const dir of dirs) {
    const found = [...readIfMine(join(dir, FILE)).matchAll(LINE)].map(
      ([, name = '', quoted, plain]) => [name.toLowerCase(), quoted ?? plain ?? ''] as const,
    );
    const { endpoints = '', ...files } = Object.fromEntries(found);
    if (endpoints !== '') return { endpoints, ...files };
  }
  return undefined;
}

/** As the `kubets` command has them: where it is told to look, else where `kubets up` and `kubets init` put a cluster. */
export const dataDirsOf = (env: Readonly<Record<string, string | undefined>>): string[] =>
  env.KUBETS_DATA_DIR === undefined ? ['.kubets', '/var/lib/kubets'] : [env.KUBETS_DATA_DIR];
