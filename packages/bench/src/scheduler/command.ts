/** `bench scheduler`: the core by itself, then the whole process with apiserver and store. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError } from '../errors.ts';
import type { CommandIo } from '../nodes/command.ts';
import { renderHtml } from '../report/html.ts';
import { profileTable } from '../report/profile.ts';
import type { BenchResult, SloResult, Table } from '../report/result.ts';
import { machine } from '../runtime/machine.ts';
import type { Case } from './cases.ts';
import { parseSchedulerConfig, type SchedulerConfig } from './config.ts';
import type { CoreFigures, WholeFigures } from './ports.ts';
import { measureWhole } from './whole.ts';

const CORE_MAIN = join(import.meta.dirname, 'core-main.ts');
const PREEMPTORS = 1_000;
const PROFILE_ROWS = 15;
/** Pods a second: what the scheduler has to reach, by itself and as a whole. */
const FLOORS: Readonly<Partial<Record<Case, { core: number; whole: number }>>> = {
  basic: { core: 4_500, whole: 1_000 },
  affinity: { core: 300, whole: 300 },
  'anti-affinity': { core: 300, whole: 300 },
};

const podsOf = (which: Case, { pods }: SchedulerConfig): number =>
  which === 'preemption' ? Math.min(pods, PREEMPTORS) : pods;

function measureCore(which: Case, nodes: number, config: SchedulerConfig): CoreFigures {
  const args = [CORE_MAIN, which, String(nodes), String(podsOf(which, config))];
  const done = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new BenchError(`the core failed: ${done.stderr.slice(-2_000)}`);
  return JSON.parse(done.stdout) as CoreFigures;
}

export async function schedulerCommand(args: readonly string[], io: CommandIo): Promise<boolean> {
  const config = parseSchedulerConfig(args);
  mkdirSync(config.dir, { recursive: true, mode: 0o700 });
  const startedMs = io.clock.now();
  const cores: CoreFigures[] = [];
  const wholes: WholeFigures[] = [];
  const profiled: Table[] = [];
  for (const which of config.cases) {
    for (const nodes of config.core ? config.growth : []) {
      const core = measureCore(which, nodes, config);
      cores.push(core);
      io.say(`core ${which}, ${nodes} nodes: ${Math.round(core.podsPerSecond)} pods/s`);
    }
    if (!config.whole) continue;
    const { nodes, lanes, dir, profileDir } = config;
    const pods = podsOf(which, config);
    const options = { which, nodes, pods, lanes, dir, profileDir, ...io };
    const { figures, profiles } = await measureWhole(options);
    wholes.push(figures);
    for (const [name, profile] of profiles) {
      if (/^(etcd|apiserver|scheduler)/.test(name)) {
        profiled.push(profileTable(`${name}, ${which}`, profile, PROFILE_ROWS));
      }
    }
    io.say(`whole ${which}, ${nodes} nodes: ${describe(figures)}`);
  }
  const result = resultOf(
    config,
    { cores, wholes, profiled },
    { startedMs, nowMs: io.clock.now() },
  );
  writeFileSync(join(config.dir, 'report.json'), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(join(config.dir, 'report.html'), renderHtml(result));
  for (const { name, limit, measured, met } of result.slos) {
    io.say(`${met ? 'met   ' : 'MISSED'}  ${name}: ${measured}, floor ${limit}`);
  }
  io.say(`report: ${join(config.dir, 'report.html')}`);
  return [...cores, ...wholes].every(({ placed, pods }) => placed === pods);
}

function describe({ podsPerSecond, highest, placed, pods, cpuSeconds }: WholeFigures): string {
  const cpu = Object.entries(cpuSeconds)
    .filter(([, seconds]) => seconds >= 0.1)
    .map(([role, seconds]) => `${role} ${seconds.toFixed(1)}`);
  return (
    `${Math.round(podsPerSecond)} pods/s (highest ${Math.round(highest)}), ${placed} of ${pods} placed; ` +
    `CPU s: ${cpu.join(', ')}`
  );
}

function floors(cores: readonly CoreFigures[], wholes: readonly WholeFigures[]): SloResult[] {
  const line = (kind: 'core' | 'whole', one: CoreFigures | WholeFigures): SloResult[] => {
    const floor = FLOORS[one.which]?.[kind];
    if (floor === undefined) return [];
    const name = `${one.which}, ${kind === 'core' ? 'by itself' : 'with apiserver and store'}`;
    const measured = `${Math.round(one.podsPerSecond)} pods/s (${one.nodes} nodes)`;
    return [{ name, limit: `${floor} pods/s`, measured, met: one.podsPerSecond >= floor }];
  };
  const largest = Math.max(0, ...cores.map(({ nodes }) => nodes));
  return [
    ...cores.filter(({ nodes }) => nodes === largest).flatMap((one) => line('core', one)),
    ...wholes.flatMap((one) => line('whole', one)),
  ];
}

function tables(cores: readonly CoreFigures[], wholes: readonly WholeFigures[]): Table[] {
  const MIB = 1_048_576;
  return [
    {
      title: 'The core by itself',
      head: [
        'case',
        'nodes',
        'pods',
        'placed',
        'pods/s',
        'p50 ms',
        'p99 ms',
        'CPU ms',
        'memory MiB',
      ],
      rows: cores.map((one) => [
        ...[one.which, one.nodes, one.pods, one.placed, Math.round(one.podsPerSecond)],
        ...[one.p50Ms, one.p99Ms, one.cpuMs].map((ms) => ms.toFixed(2)),
        Math.round(one.rssBytes / MIB),
      ]),
    },
    {
      title: 'With apiserver and store, the load on the same machine',
      head: ['case', 'nodes', 'pods', 'placed', 'pods/s', 'highest', 'CPU ms a pod'],
      rows: wholes.map((one) => [
        ...[one.which, one.nodes, one.pods, one.placed, Math.round(one.podsPerSecond)],
        ...[Math.round(one.highest), perPod(one)],
      ]),
    },
  ];
}

const perPod = ({ cpuSeconds, pods }: WholeFigures): string =>
  Object.entries(cpuSeconds)
    .filter(([, seconds]) => seconds >= 0.1)
    .map(([role, seconds]) => `${role} ${((seconds * 1_000) / pods).toFixed(2)}`)
    .join(', ');

function resultOf(
  config: SchedulerConfig,
  found: {
    cores: readonly CoreFigures[];
    wholes: readonly WholeFigures[];
    profiled: readonly Table[];
  },
  times: { startedMs: number; nowMs: number },
): BenchResult {
  const { cores, wholes, profiled } = found;
  const figure = (kind: string, { which, nodes, podsPerSecond }: CoreFigures | WholeFigures) => [
    `${kind} ${which}, ${nodes} nodes, pods a second (more is better)`,
    podsPerSecond,
  ];
  return {
    ...{ version: 1, kind: 'scheduler', finished: true, target: 'kubets-scheduler' },
    title: `Scheduler, ${config.nodes.toLocaleString('en')} nodes`,
    startedAt: new Date(times.startedMs).toISOString(),
    seconds: (times.nowMs - times.startedMs) / 1_000,
    machine: machine(),
    config: { nodes: config.nodes, pods: config.pods, lanes: config.lanes },
    slos: floors(cores, wholes),
    figures: Object.fromEntries([
      ...cores.map((one) => figure('core', one)),
      ...wholes.map((one) => figure('whole', one)),
    ]),
    ...{ phases: [], api: [], stages: [], throughput: [], processes: [], failures: {} },
    ...{ pictures: [], tables: [...tables(cores, wholes), ...profiled], notes: [] },
  };
}
