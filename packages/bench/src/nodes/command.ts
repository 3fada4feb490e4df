/** `bench nodes`: from the command line to the report. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { renderHtml } from '../report/html.ts';
import { profileTable } from '../report/profile.ts';
import type { BenchResult, Picture } from '../report/result.ts';
import { sloLines } from '../report/slo.ts';
import { machine } from '../runtime/machine.ts';
import { type NodesConfig, parseNodesConfig } from './config.ts';
import { Coordinator, type RunOutcome, type RunState } from './coordinator.ts';

export interface CommandIo {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
  /** Shown in place of the one before. */
  readonly progress: (text: string) => void;
}

const PICTURES: readonly (readonly [key: string, title: string, unit: string])[] = [
  ['pods', 'Pods', 'number'],
  ['latency', 'API latency, lists left out', 'ms'],
  ['cpu', 'CPU', '% of one core'],
  ['memory', 'Memory', 'MiB'],
  ['lag', 'Watch lag: from sending a write to seeing it', 'ms'],
  ['store', 'Store', 'MiB'],
];

const PROFILED = /^(etcd|apiserver|scheduler|controller-manager)/;
const PROFILE_ROWS = 15;

function writeFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What must be the same for a run to be gone on with. */
const shapeOf = ({ nodes, podsPerNode, masters, server }: NodesConfig): string =>
  JSON.stringify({ nodes, podsPerNode, masters, server });

interface StateFile extends RunState {
  readonly shape: string;
}

function savedState(file: string, config: NodesConfig): RunState | undefined {
  if (!existsSync(file)) return undefined;
  const state = JSON.parse(readFileSync(file, 'utf8')) as StateFile;
  if (config.phases.every((phase) => state.done.includes(phase))) return undefined;
  if (state.shape === shapeOf(config)) return state;
  throw new BenchError(
    `${file} is of another run (${state.shape}); go on with its numbers, or use another --dir`,
  );
}

export async function nodesCommand(args: readonly string[], io: CommandIo): Promise<boolean> {
  const config = parseNodesConfig(args, io.env);
  mkdirSync(config.dir, { recursive: true, mode: 0o700 });
  const file = join(config.dir, 'state.json');
  const saved = savedState(file, config);
  const now = new Date(io.clock.now()).toISOString();
  const run = saved?.run ?? `r${now.replace(/\D/g, '').slice(0, 14)}`;
  if (saved !== undefined)
    io.say(`going on with run ${run}; done: ${saved.done.join(', ') || '–'}`);
  const coordinator = new Coordinator({
    ...{ config, saved, run, startedAt: saved?.startedAt ?? now, ...io },
    save: (state) => writeFile(file, JSON.stringify({ ...state, shape: shapeOf(config) })),
  });
  const outcome = await coordinator.run();
  writeFile(file, JSON.stringify({ ...outcome.state, shape: shapeOf(config) }));
  const tables = [...coordinator.profiles]
    .filter(([name]) => PROFILED.test(name))
    .map(([name, profile]) => profileTable(name, profile, PROFILE_ROWS));
  const result = { ...resultOf(config, outcome), tables };
  const json = join(config.dir, 'report.json');
  const html = join(config.dir, 'report.html');
  writeFile(json, `${JSON.stringify(result, null, 1)}\n`);
  writeFile(html, renderHtml(result));
  for (const { name, limit, measured, met } of result.slos) {
    io.say(`${met ? 'met   ' : 'MISSED'}  ${name}: ${measured}, limit ${limit}`);
  }
  io.say(`report: ${html} and ${json}`);
  if (!outcome.finished) io.say('interrupted; the same command goes on where this one stopped');
  return outcome.finished;
}

function resultOf(
  config: NodesConfig,
  { state, target, version, finished }: RunOutcome,
): BenchResult {
  const { measure, startedAt } = state;
  const { nodes, podsPerNode, masters, events, startMs, churnRate } = config;
  const lines = (key: string) =>
    Object.entries(measure.series)
      .filter(([name]) => name.startsWith(`${key}|`))
      .map(([, series]) => series);
  const pictures = PICTURES.map(
    ([key, title, unit]): Picture => ({ title, unit, series: lines(key) }),
  );
  return {
    ...{ version: 1, kind: 'nodes', startedAt, finished, target: `${target}, ${version}` },
    title: `${nodes.toLocaleString('en')} nodes, ${(nodes * podsPerNode).toLocaleString('en')} pods`,
    seconds: measure.phases.at(-1)?.toS ?? 0,
    machine: machine(),
    config: { nodes, podsPerNode, masters, events, startMs, churnRate },
    slos: sloLines(measure.api, measure.stages),
    figures: measure.figures,
    phases: measure.phases,
    api: measure.api,
    stages: measure.stages,
    throughput: measure.throughput,
    processes: measure.processes,
    failures: measure.failures,
    ...{ pictures, tables: [], notes: measure.notes },
  };
}
