/** The command line of `apiserver`. */
import { parseArgs } from 'node:util';
import { BenchError } from '../errors.ts';
import { wholeNumber } from '../numbers.ts';

export const API_ROWS = [
  'create-1x1',
  'create-10x10',
  'get-10x10',
  'ready',
  'list',
  'memory',
  'fan-out',
  'heartbeats',
] as const;
export type ApiRowName = (typeof API_ROWS)[number];

export interface ApiServerConfig {
  readonly what: 'apiserver';
  readonly rows: readonly ApiRowName[];
  readonly rounds: number;
  readonly seconds: number;
  /** A server that runs already; without it ours is started on three of our store's members. */
  readonly server: { readonly url: string; readonly token: string } | undefined;
  readonly kubeconfig: string | undefined;
  readonly pods: number;
  readonly watchers: number;
  /** The watchers come over so many connections. */
  readonly connections: number;
  readonly nodes: number;
  readonly json: string | undefined;
  /** Kept with the profiles of our server in it, when given. */
  readonly profileDir: string | undefined;
}

export const APISERVER_USAGE = `usage: npm run bench -- apiserver [options]
  --rows LIST         ${API_ROWS.join(',')} (all)
  --server URL        a running server (ours, on three of our members)
  --token TOKEN       for --server: a user who may do everything
  --kubeconfig FILE   a running server and its administrator
  --rounds N          runs of each side, interleaved (3)
  --duration S        seconds of one run (4)
  --pods N            for list and memory (36000)
  --watchers N        for fan-out (1000)
  --connections N     the watchers come over (1000)
  --nodes N           for heartbeats (5000)
  --json FILE         all samples
  --profile DIR       CPU profiles of our server`;

const OPTIONS = {
  rows: { type: 'string', default: API_ROWS.join(',') },
  server: { type: 'string' },
  token: { type: 'string' },
  kubeconfig: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  duration: { type: 'string', default: '4' },
  pods: { type: 'string', default: '36000' },
  watchers: { type: 'string', default: '1000' },
  connections: { type: 'string', default: '1000' },
  nodes: { type: 'string', default: '5000' },
  json: { type: 'string' },
  profile: { type: 'string' },
} as const;

function parseRows(text: string): ApiRowName[] {
  const wanted = new Set(text.split(','));
  for (const row of wanted) {
    if (!(API_ROWS as readonly string[]).includes(row)) {
      throw new BenchError(`no row "${row}"; there are: ${API_ROWS.join(', ')}`);
    }
  }
  return API_ROWS.filter((row) => wanted.has(row));
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BenchError(`${why}\n${APISERVER_USAGE}`);
  }
}

function serverOf(url: string | undefined, token: string | undefined): ApiServerConfig['server'] {
  if (url === undefined && token === undefined) return undefined;
  if (url === undefined || token === undefined) {
    throw new BenchError('--server and --token belong together');
  }
  if (!url.startsWith('https://'))
    throw new BenchError(`--server is an https:// URL, not "${url}"`);
  return { url: url.replace(/\/+$/, ''), token };
}

/** @throws BenchError for anything it does not understand */
export function parseApiServerConfig(args: readonly string[]): ApiServerConfig {
  const values = valuesOf(args);
  const server = serverOf(values.server, values.token);
  if (server !== undefined && values.kubeconfig !== undefined) {
    throw new BenchError('--server or --kubeconfig, not both');
  }
  return {
    what: 'apiserver',
    rows: parseRows(values.rows),
    rounds: wholeNumber('rounds', values.rounds),
    seconds: wholeNumber('duration', values.duration),
    server,
    kubeconfig: values.kubeconfig,
    pods: wholeNumber('pods', values.pods),
    watchers: wholeNumber('watchers', values.watchers),
    connections: wholeNumber('connections', values.connections),
    nodes: wholeNumber('nodes', values.nodes),
    json: values.json,
    profileDir: values.profile,
  };
}
