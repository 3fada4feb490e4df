/** The command line. */
import { parseArgs } from 'node:util';
import { APISERVER_USAGE, type ApiServerConfig, parseApiServerConfig } from './apiserver/config.ts';
import { BenchError } from './errors.ts';
import type { Shape } from './h2load.ts';
import { wholeNumber } from './numbers.ts';

export const ETCD_OPS = [
  'range',
  'range-serializable',
  'put',
  'watch',
  'crowd',
  'prefix',
  'restart',
  'memory',
  'steady',
  'failover',
] as const;
export type EtcdOp = (typeof ETCD_OPS)[number];

export interface EtcdConfig {
  readonly what: 'etcd';
  /** Always in the order of {@link ETCD_OPS}: reads come before the writes that would slow a stock etcd's reads. */
  readonly ops: readonly EtcdOp[];
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  readonly seconds: number;
  /** `stock` starts stock members; otherwise the address of a running server. */
  readonly vs: string;
  readonly watchers: number;
  /** Watchers of `crowd`. */
  readonly crowd: number;
  readonly prefixKeys: number;
  readonly restartKeys: number;
  /** Revisions and keys of `memory`. */
  readonly revisions: number;
  readonly keys: number;
  /** How long `steady` writes. */
  readonly steadySeconds: number;
  readonly json: string | undefined;
  /** Kept with the profiles of our members in it, when given. */
  readonly profileDir: string | undefined;
}

export const USAGE = `usage: npm run bench -- etcd [options]
  --rounds N          runs of each side, interleaved (3)
  --duration S        seconds of one run (4)
  --ops LIST          ${ETCD_OPS.join(',')} (all)
  --shapes LIST       connections x streams (1x1,10x10,100x10)
  --vs stock|URL      stock members, or a running server (stock)
  --watchers N        for watch (10000)
  --crowd N           for crowd (100000)
  --prefix-keys N     for prefix (50000)
  --restart-keys N    for restart (1000000)
  --revisions N       for memory (1000000)
  --keys N            for memory (100000)
  --steady-seconds S  for steady (600)
  --json FILE         all samples
  --profile DIR       CPU profiles of our members`;

export function parseShapes(text: string): Shape[] {
  return text.split(',').map((one) => {
    const match = /^(\d+)x(\d+)$/.exec(one);
    if (match === null) throw new BenchError(`a shape is CONNECTIONSxSTREAMS, not "${one}"`);
    const [clients, streams] = [Number(match[1]), Number(match[2])];
    if (clients === 0 || streams === 0) throw new BenchError(`"${one}" has no requests`);
    return { clients, streams };
  });
}

function parseOps(text: string): EtcdOp[] {
  const wanted = new Set(text.split(','));
  for (const op of wanted) {
    if (!(ETCD_OPS as readonly string[]).includes(op)) {
      throw new BenchError(`no operation "${op}"; there are: ${ETCD_OPS.join(', ')}`);
    }
  }
  return ETCD_OPS.filter((op) => wanted.has(op));
}

const OPTIONS = {
  rounds: { type: 'string', default: '3' },
  duration: { type: 'string', default: '4' },
  ops: { type: 'string', default: ETCD_OPS.join(',') },
  shapes: { type: 'string', default: '1x1,10x10,100x10' },
  vs: { type: 'string', default: 'stock' },
  watchers: { type: 'string', default: '10000' },
  crowd: { type: 'string', default: '100000' },
  'prefix-keys': { type: 'string', default: '50000' },
  'restart-keys': { type: 'string', default: '1000000' },
  revisions: { type: 'string', default: '1000000' },
  keys: { type: 'string', default: '100000' },
  'steady-seconds': { type: 'string', default: '600' },
  json: { type: 'string' },
  profile: { type: 'string' },
} as const;

/** @throws BenchError for anything it does not understand */
export function parseConfig(args: readonly string[]): EtcdConfig | ApiServerConfig {
  const [what, ...rest] = args;
  if (what === 'apiserver') return parseApiServerConfig(rest);
  if (what !== 'etcd') throw new BenchError(`${USAGE}\n\n${APISERVER_USAGE}`);
  return parseEtcdConfig(rest);
}

/** @throws BenchError for anything it does not understand */
export function parseEtcdConfig(args: readonly string[]): EtcdConfig {
  const values = valuesOf(args);
  return {
    what: 'etcd',
    ops: parseOps(values.ops),
    shapes: parseShapes(values.shapes),
    rounds: wholeNumber('rounds', values.rounds),
    seconds: wholeNumber('duration', values.duration),
    vs: values.vs.replace(/^http:\/\//, ''),
    watchers: wholeNumber('watchers', values.watchers),
    crowd: wholeNumber('crowd', values.crowd),
    prefixKeys: wholeNumber('prefix-keys', values['prefix-keys']),
    restartKeys: wholeNumber('restart-keys', values['restart-keys']),
    revisions: wholeNumber('revisions', values.revisions),
    keys: wholeNumber('keys', values.keys),
    steadySeconds: wholeNumber('steady-seconds', values['steady-seconds']),
    json: values.json,
    profileDir: values.profile,
  };
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new BenchError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}
