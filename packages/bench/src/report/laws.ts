/** Laws of growth, from reports of several sizes. Pure. */
import { cpuFigure, memoryFigure } from './figures.ts';
import type { BenchResult } from './result.ts';

export const GROUPS = [
  'apiserver',
  'etcd',
  'controller-manager',
  'scheduler',
  'hollow nodes',
] as const;
export type Group = (typeof GROUPS)[number];

/** One size, one kind of process. */
export interface SizePoint {
  readonly nodes: number;
  readonly pods: number;
  readonly memoryMib: number;
  readonly baseMib: number;
  /** Cores busy with nothing but heartbeats, and what is done whatever the size. */
  readonly restCores: number;
  /** CPU of one pod from its creation to its running, what is done at rest taken off. */
  readonly podMs: number;
}

/** y = a + b x, by least squares. */
export interface Line {
  readonly a: number;
  readonly b: number;
}

export interface GroupLaw {
  readonly group: Group;
  readonly points: readonly SizePoint[];
  /** MiB = a + b × nodes, the pods of a node included. */
  readonly memory: Line;
  /** Cores at rest = a + b × heartbeats a second: b is the CPU of one lease written and one node read, in seconds. */
  readonly heartbeat: Line;
  /** x of cost ~ nodes^x: 0 when a pod costs the same whatever the size. */
  readonly podExponent: number;
}

const HEARTBEAT_SECONDS = 10;

export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const n = points.length;
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / n;
  const [mx, my] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const shared = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  const b = spread === 0 ? 0 : shared / spread;
  return { a: my - b * mx, b };
}

/** The exponent of a power law, from the slope of its logarithms; 0 where there is nothing to see. */
export function exponentOf(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points
    .filter(([x, y]) => x > 0 && y > 0)
    .map(([x, y]): [number, number] => [Math.log(x), Math.log(y)]);
  return logs.length < 2 ? 0 : fitLine(logs).b;
}

function pointOf(result: BenchResult, group: Group): SizePoint {
  const nodes = Number(result.config.nodes);
  const podsPerNode = Number(result.config.podsPerNode);
  const pods = nodes * podsPerNode;
  const figure = (name: string): number => result.figures[name] ?? 0;
  const secondsOf = (phase: string): number => {
    const found = result.phases.find(({ name }) => name === phase);
    return found === undefined ? 0 : found.toS - found.fromS;
  };
  const restCores = figure(cpuFigure(group, 'rest')) / Math.max(1, secondsOf('rest'));
  const filling = figure(cpuFigure(group, 'saturate')) - restCores * secondsOf('saturate');
  return {
    ...{ nodes, pods },
    memoryMib: figure(memoryFigure(group, 'rest')),
    baseMib: figure(memoryFigure(group, 'start')),
    restCores,
    podMs: (Math.max(0, filling) / Math.max(1, pods)) * 1_000,
  };
}

/** @param results of one shape (pods a node) and several sizes */
export function lawsOf(results: readonly BenchResult[]): GroupLaw[] {
  return GROUPS.map((group) => {
    const points = results
      .map((result) => pointOf(result, group))
      .toSorted((a, b) => a.nodes - b.nodes);
    return {
      ...{ group, points },
      memory: fitLine(points.map(({ nodes, memoryMib }) => [nodes, memoryMib])),
      heartbeat: fitLine(
        points.map(({ nodes, restCores }) => [nodes / HEARTBEAT_SECONDS, restCores]),
      ),
      podExponent: exponentOf(points.map((one) => [one.nodes, one.podMs])),
    };
  });
}

export function renderLaws(laws: readonly GroupLaw[]): string {
  const head =
    '| process | nodes | memory MiB | of these at the start | cores at rest | CPU ms a pod |';
  const rows = laws.flatMap(({ group, points }) =>
    points.map(
      (one) =>
        `| ${group} | ${one.nodes} | ${Math.round(one.memoryMib)} | ${Math.round(one.baseMib)} | ${one.restCores.toFixed(3)} | ${one.podMs.toFixed(2)} |`,
    ),
  );
  const text = laws.map(
    ({ group, memory, heartbeat, podExponent }) =>
      `${group}: ${Math.round(memory.a)} MiB + ${(memory.b * 1_024).toFixed(0)} KiB a node with its pods; ` +
      `${heartbeat.a.toFixed(3)} cores at rest + ${(heartbeat.b * 1_000).toFixed(2)} ms a heartbeat; ` +
      `a pod costs nodes^${podExponent.toFixed(2)}`,
  );
  return [head, '|---|--:|--:|--:|--:|--:|', ...rows, '', ...text].join('\n');
}
