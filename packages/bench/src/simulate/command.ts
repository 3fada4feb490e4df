/** `bench laws` and `bench simulate`: from reports of several sizes to what a larger one needs. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorMessage, seededRandom } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { readJson } from '../read-json.ts';
import { type Group, type GroupLaw, lawsOf, renderLaws } from '../report/laws.ts';
import type { BenchResult } from '../report/result.ts';
import { type Costs, smallestPlan } from './model.ts';

export const LAWS_USAGE = 'usage: kubets bench laws REPORT.json REPORT.json … [--out LAWS.json]';
export const SIMULATE_USAGE = `usage: kubets bench simulate --laws LAWS.json [options]
  --nodes LIST           (5000,15000,65000)
  --pods-per-second N    pods made a second beside the heartbeats (100)
  --load PERCENT         no process is to be busier than this (60)
  --p99 MS               answers (1000)
  --follow-ms N          what every apiserver spends on every write of all (0.05)
  --commit-ms N          until a write is on a majority's disks (5)
  --faster N             cores so many times as fast as those of the laws (1)`;

/** Requests of one pod's start: creation, binding, two statuses, four events. */
const REQUESTS_A_POD = 8;

/** @throws BenchError with the usage, for options there are not and `--help` */
function orUsage<T>(usage: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new BenchError(`${errorMessage(error)}\n${usage}`, { cause: error });
  }
}

export function lawsCommand(args: readonly string[]): boolean {
  const { values, positionals } = orUsage(LAWS_USAGE, () =>
    parseArgs({ args: [...args], options: { out: { type: 'string' } }, allowPositionals: true }),
  );
  if (positionals.length < 2) throw new BenchError(LAWS_USAGE);
  const results = positionals.map((file) => readJson<BenchResult>(file));
  const laws = lawsOf(results);
  process.stdout.write(`${renderLaws(laws)}\n`);
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(laws, null, 1)}\n`);
  return true;
}

/** A pod's costs are those of the largest size measured, which has the least of what every size has. */
function costsOf(
  laws: readonly GroupLaw[],
  given: { commitMs: number; followMs: number; faster: number },
): Costs {
  const { commitMs, followMs, faster } = given;
  const of = (group: Group): GroupLaw => {
    const law = laws.find((one) => one.group === group);
    if (law !== undefined && law.points.length > 0) return law;
    throw new BenchError(`the laws say nothing of ${group}`);
  };
  const [apiserver, store] = [of('apiserver'), of('etcd')];
  const heartbeatMs = ({ heartbeat }: GroupLaw): number => Math.max(0, heartbeat.b * 1_000);
  const podMs = ({ points }: GroupLaw): number => points.at(-1)?.podMs ?? 0;
  const cost = (read: (law: GroupLaw) => number) => ({
    apiserverMs: read(apiserver) / faster,
    storeMs: read(store) / faster,
  });
  return {
    heartbeat: cost(heartbeatMs),
    pod: cost(podMs),
    requestsAPod: REQUESTS_A_POD,
    followMs: followMs / faster,
    commitMs,
  };
}

const OPTIONS = {
  laws: { type: 'string' },
  nodes: { type: 'string', default: '5000,15000,65000' },
  'pods-per-second': { type: 'string', default: '100' },
  load: { type: 'string', default: '60' },
  p99: { type: 'string', default: '1000' },
  'follow-ms': { type: 'string', default: '0.05' },
  'commit-ms': { type: 'string', default: '5' },
  faster: { type: 'string', default: '1' },
} as const;

export function simulateCommand(args: readonly string[]): boolean {
  const { values } = orUsage(SIMULATE_USAGE, () =>
    parseArgs({ args: [...args], options: OPTIONS }),
  );
  if (values.laws === undefined) throw new BenchError(SIMULATE_USAGE);
  const laws = readJson<GroupLaw[]>(values.laws);
  const costs = costsOf(laws, {
    commitMs: Number(values['commit-ms']),
    followMs: Number(values['follow-ms']),
    faster: Number(values.faster),
  });
  const lines = [
    '| nodes | apiservers | shards | requests/s | load of an apiserver | of a shard | p50 ms | p99 ms | memory, all apiservers GiB | controller-manager GiB |',
    '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
  ];
  const memory = (group: Group, nodes: number): number => {
    const line = laws.find((law) => law.group === group)?.memory ?? { a: 0, b: 0 };
    return Math.max(0, line.a + line.b * nodes) / 1_024;
  };
  for (const text of values.nodes.split(',')) {
    const nodes = Number(text);
    const want = {
      ...{ nodes, podsPerSecond: Number(values['pods-per-second']) },
      ...{ load: Number(values.load) / 100, p99Ms: Number(values.p99) },
    };
    const { size, outcome } = smallestPlan(want, costs, () => seededRandom(1));
    const cells = [
      ...[nodes, size.apiservers, size.shards, Math.round(outcome.rate)],
      ...[outcome.apiserverLoad, outcome.storeLoad].map((one) => `${(one * 100).toFixed(0)} %`),
      ...[outcome.p50Ms, outcome.p99Ms].map((one) => one.toFixed(1)),
      // Each apiserver keeps everything in memory.
      (memory('apiserver', nodes) * size.apiservers).toFixed(1),
      memory('controller-manager', nodes).toFixed(1),
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return true;
}
