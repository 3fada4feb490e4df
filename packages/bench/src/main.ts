/** `npm run bench -- etcd`: measures, prints a table, exits 1 when an answer was not as it should be. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseConfig } from './config.ts';
import { BenchError } from './errors.ts';
import { benchEtcd } from './etcd/bench.ts';
import { figuresOf, renderTable } from './table.ts';

async function main(): Promise<number> {
  const config = parseConfig(process.argv.slice(2));
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const rows = await benchEtcd(config, note);
  process.stdout.write(`${renderTable(rows)}\n`);
  if (config.json !== undefined) {
    const machine = { cpus: cpus().length, model: cpus()[0]?.model };
    const all = rows.map((row) => ({ ...figuresOf(row), samples: row }));
    writeFileSync(config.json, `${JSON.stringify({ machine, config, rows: all }, null, 2)}\n`);
  }
  return rows.some((row) => figuresOf(row).notOk > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
