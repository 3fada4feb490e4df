/** `npm run bench -- etcd|apiserver`: measures, prints a table, exits 1 when an answer was not as it should be. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { benchApiServer } from './apiserver/bench.ts';
import type { ApiServerConfig } from './apiserver/config.ts';
import { apiFigures, renderApiTable } from './apiserver/floors.ts';
import { type EtcdConfig, parseConfig } from './config.ts';
import { BenchError } from './errors.ts';
import { benchEtcd } from './etcd/bench.ts';
import { figuresOf, renderTable } from './table.ts';

/** What a run gives, whatever was measured. */
interface Outcome {
  readonly table: string;
  readonly rows: readonly ({ readonly notOk: number } & object)[];
}

const note = (text: string): void => void process.stderr.write(`${text}\n`);

async function runEtcd(config: EtcdConfig): Promise<Outcome> {
  const rows = await benchEtcd(config, note);
  const all = rows.map((row) => ({ ...figuresOf(row), samples: row }));
  return { table: renderTable(rows), rows: all };
}

async function runApiServer(config: ApiServerConfig): Promise<Outcome> {
  const rows = await benchApiServer(config, note);
  const all = rows.map((row) => ({ ...apiFigures(row), samples: row }));
  return { table: renderApiTable(rows), rows: all };
}

async function main(): Promise<number> {
  const config = parseConfig(process.argv.slice(2));
  const { table, rows } = await (config.what === 'etcd' ? runEtcd(config) : runApiServer(config));
  process.stdout.write(`${table}\n`);
  if (config.json !== undefined) {
    const machine = { cpus: cpus().length, model: cpus()[0]?.model };
    // The token of a server is nobody's business who reads the figures.
    const shown = { ...config, ...(config.what === 'apiserver' && { server: undefined }) };
    writeFileSync(config.json, `${JSON.stringify({ machine, config: shown, rows }, null, 2)}\n`);
  }
  return rows.some(({ notOk }) => notOk > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
