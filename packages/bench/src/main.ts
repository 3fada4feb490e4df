/**
 * `kubets bench WHAT`: measures, and says what it measured. Exits 1 when an answer was not as it should be or the run was
 * interrupted, 2 when it cannot be run as asked.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { endWithParent, systemClock } from '@kubets/platform';
import { benchApiServer } from './apiserver/bench.ts';
import { APISERVER_USAGE, type ApiServerConfig } from './apiserver/config.ts';
import { apiFigures, renderApiTable } from './apiserver/floors.ts';
import { USAGE as ETCD_USAGE, type EtcdConfig, parseConfig } from './config.ts';
import { BenchError } from './errors.ts';
import { benchEtcd } from './etcd/bench.ts';
import { type CommandIo, nodesCommand } from './nodes/command.ts';
import { NODES_USAGE } from './nodes/config.ts';
import { readJson } from './read-json.ts';
import { renderDifferences } from './report/compare.ts';
import type { BenchResult } from './report/result.ts';
import { schedulerCommand } from './scheduler/command.ts';
import { SCHEDULER_USAGE } from './scheduler/config.ts';
import { LAWS_USAGE, lawsCommand, SIMULATE_USAGE, simulateCommand } from './simulate/command.ts';
import { figuresOf, renderTable } from './table.ts';

const USAGE = `usage: kubets bench WHAT [options]     (WHAT --help says which)
  nodes       a cluster with hollow nodes, from registration to the last pod's end; any Kubernetes API server
  scheduler   the scheduler by itself, and with apiserver and store
  etcd        the store against a stock one
  apiserver   the API server against a stock one
  compare     A.json B.json: two reports side by side
  laws        REPORT.json …: what nodes, heartbeats and pods cost, from reports of several sizes
  simulate    --laws LAWS.json: what larger clusters need`;

const HELP: Readonly<Record<string, string>> = {
  ...{ nodes: NODES_USAGE, scheduler: SCHEDULER_USAGE, etcd: ETCD_USAGE },
  ...{ apiserver: APISERVER_USAGE, laws: LAWS_USAGE, simulate: SIMULATE_USAGE },
};

/** What a run against a stock counterpart gives, whatever was measured. */
interface Outcome {
  readonly table: string;
  readonly rows: readonly ({ readonly notOk: number } & object)[];
}

async function runEtcd(config: EtcdConfig, { say }: CommandIo): Promise<Outcome> {
  const rows = await benchEtcd(config, say);
  const all = rows.map((row) => ({ ...figuresOf(row), samples: row }));
  return { table: renderTable(rows), rows: all };
}

async function runApiServer(config: ApiServerConfig, { say }: CommandIo): Promise<Outcome> {
  const rows = await benchApiServer(config, say);
  const all = rows.map((row) => ({ ...apiFigures(row), samples: row }));
  return { table: renderApiTable(rows), rows: all };
}

/** `etcd` and `apiserver`: ours and stock in turn. */
async function inTurn(what: string, args: readonly string[], io: CommandIo): Promise<boolean> {
  const config = parseConfig([what, ...args]);
  const { table, rows } = await (config.what === 'etcd'
    ? runEtcd(config, io)
    : runApiServer(config, io));
  process.stdout.write(`${table}\n`);
  if (config.json !== undefined) {
    const machine = { cpus: cpus().length, model: cpus()[0]?.model };
    // The token of a server is nobody's business who reads the figures.
    const shown = { ...config, ...(config.what === 'apiserver' && { server: undefined }) };
    writeFileSync(config.json, `${JSON.stringify({ machine, config: shown, rows }, null, 2)}\n`);
  }
  return rows.every(({ notOk }) => notOk === 0);
}

function compare(args: readonly string[]): boolean {
  const [a, b] = args.map((file) => readJson<BenchResult>(file));
  if (a === undefined || b === undefined) {
    throw new BenchError('usage: kubets bench compare A.json B.json');
  }
  process.stdout.write(`${renderDifferences(a, b)}\n`);
  return true;
}

const COMMANDS: Readonly<
  Record<string, (args: readonly string[], io: CommandIo) => Promise<boolean> | boolean>
> = {
  ...{ nodes: nodesCommand, scheduler: schedulerCommand, compare },
  ...{ laws: lawsCommand, simulate: simulateCommand },
  etcd: (args, io) => inTurn('etcd', args, io),
  apiserver: (args, io) => inTurn('apiserver', args, io),
};

/** These stop in order and tell how to go on; the others just end, and what they started with them. */
const STOPS_IN_ORDER: readonly string[] = ['nodes', 'scheduler'];

const PROGRESS_MS = 250;
const STILL_MS = 10_000;

/** Progress in one line of a terminal that is written over; elsewhere a line now and then. */
function makeIo(signal: AbortSignal): CommandIo {
  const isTerminal = process.stderr.isTTY === true;
  let shownMs = 0;
  const clear = isTerminal ? '\r\x1b[2K' : '';
  return {
    ...{ clock: systemClock, signal, env: process.env },
    say: (line) => void process.stderr.write(`${clear}${line}\n`),
    progress(text) {
      const nowMs = systemClock.monotonicMs();
      if (nowMs - shownMs < (isTerminal ? PROGRESS_MS : STILL_MS)) return;
      shownMs = nowMs;
      process.stderr.write(isTerminal ? `${clear}${text}` : `  ${text}\n`);
    },
  };
}

/** What is printed for who asks for help; undefined where nobody does. */
function helpFor(what: string, rest: readonly string[]): string | undefined {
  const isHelp = (arg: string): boolean => arg === '--help' || arg === '-h';
  if (isHelp(what)) return USAGE;
  return rest.some(isHelp) ? (HELP[what] ?? USAGE) : undefined;
}

async function main(): Promise<number> {
  const stop = new AbortController();
  const [what = '', ...rest] = process.argv.slice(2);
  const help = helpFor(what, rest);
  if (help !== undefined) {
    process.stdout.write(`${help}\n`);
    return 0;
  }
  const command = COMMANDS[what];
  if (command === undefined) throw new BenchError(USAGE);
  const isInOrder = STOPS_IN_ORDER.includes(what);
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => (isInOrder ? stop.abort() : process.exit(1)));
  }
  endWithParent();
  return (await command(rest, makeIo(stop.signal))) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
