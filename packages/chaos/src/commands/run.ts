/** `kubets chaos run SCENARIO`. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorMessage, seededRandom } from '@kubets/platform';
import { runCluster } from '../engine/cluster-run.ts';
import { runSession } from '../engine/session.ts';
import { ChaosError } from '../errors.ts';
import { writeHistory } from '../history/file.ts';
import { judge } from '../history/judge.ts';
import { planOf, scenarioNamed } from '../plan/plan.ts';
import type { Ability, FaultRecord, Target } from '../ports.ts';
import { type ReportedRun, reportHtml } from '../report/report.ts';
import { figuresOf } from '../report/stats.ts';
import { duration } from '../report/svg.ts';
import { KubetsCluster } from '../runtime/kubets-cluster.ts';
import { startTarget, targetNamed } from '../runtime/targets.ts';
import type { Io } from './io.ts';

export interface RunFlags {
  readonly faults?: number | undefined;
  readonly seed?: number | undefined;
  readonly target: string;
  readonly compare?: string | undefined;
  readonly members: number;
  readonly report?: string | undefined;
  readonly history?: string | undefined;
}

/** @returns whether nothing was wrong */
export async function run(name: string, flags: RunFlags, io: Io): Promise<boolean> {
  const scenario = scenarioNamed(name);
  const seed = flags.seed ?? io.now() % 1_000_000;
  const faults = flags.faults ?? scenario.defaultFaults;
  const names = [flags.target, ...(flags.compare === undefined ? [] : [flags.compare])];
  if (flags.target.includes('/')) return runOnCluster(name, flags, { seed, faults }, io);
  const wanted = names.map(targetNamed);
  io.out(`seed ${seed}: ${faults} faults of ${scenario.name} against ${names.join(' and ')}\n`);
  const targets: Target[] = [];
  try {
    const { members } = flags;
    for (const one of wanted) targets.push(await startTarget(one, { scenario, members }));
    const runs = await runSession(targets, {
      ...{ scenario, seed, faults, signal: io.signal },
      startedAt: `${new Date(io.now()).toISOString().slice(0, 19)}Z`,
      onFault: (target, record) => io.out(progressLine(target, record, faults)),
      say: (line) => io.out(`${line}\n`),
    });
    const command = `npx kubets chaos run ${name} --faults ${faults} --seed ${seed} ${flagsText(flags)}`;
    await save(runs, { command: command.trim(), flags, seed, name }, io);
    for (const one of runs) io.out(summary(one));
    return runs.every(({ verdict }) => verdict.ok);
  } finally {
    for (const target of targets) await target[Symbol.asyncDispose]();
  }
}

/** `--target DIR`: a whole cluster that runs already. */
async function runOnCluster(
  name: string,
  flags: RunFlags,
  { seed, faults }: { readonly seed: number; readonly faults: number },
  io: Io,
): Promise<boolean> {
  if (flags.compare !== undefined) throw new ChaosError('a running cluster cannot be compared');
  const cluster = new KubetsCluster(flags.target);
  const scenario = scenarioNamed(name);
  const abilities: ReadonlySet<Ability> = new Set(['processes'] as const);
  const plan = planOf({ scenario, seed, faults, abilities }).filter(
    ({ kind }) => kind !== 'restart',
  );
  io.out(`seed ${seed}: ${plan.length} faults of ${name} against the cluster of ${cluster.dir}\n`);
  const startedAt = `${new Date(io.now()).toISOString().slice(0, 19)}Z`;
  const history = await runCluster({
    ...{ cluster, plan, random: seededRandom(seed), signal: io.signal },
    facts: { scenario: name, seed, faultsWanted: plan.length, startedAt },
    onFault: (record) => io.out(progressLine({ title: 'cluster' }, record, plan.length)),
  });
  const one = { history, verdict: judge(history) };
  const command = `npx kubets chaos run ${name} --faults ${faults} --seed ${seed} ${flagsText(flags)}`;
  await save([one], { command, flags, seed, name }, io);
  io.out(summary(one));
  return one.verdict.ok;
}

function flagsText({ target, compare, members }: RunFlags): string {
  return [
    ...(target === 'kubets' ? [] : [`--target ${target}`]),
    ...(compare === undefined ? [] : [`--compare ${compare}`]),
    ...(members === 3 ? [] : [`--members ${members}`]),
  ].join(' ');
}

function progressLine(target: Pick<Target, 'title'>, record: FaultRecord, faults: number): string {
  const { number, kind, member, wasLeader, withoutWritesMs, startMs, recoveredMs, detail } = record;
  const count = `${String(number).padStart(String(faults).length)}/${faults}`;
  const whom = wasLeader ? `leader ${member}` : member;
  return `${count}  ${target.title}: ${kind} ${whom} (${detail}): no write for ${duration(withoutWritesMs)}, all well after ${duration(recoveredMs - startMs)}\n`;
}

interface Saved {
  readonly command: string;
  readonly flags: RunFlags;
  readonly seed: number;
  readonly name: string;
}

async function save(runs: readonly ReportedRun[], saved: Saved, io: Io): Promise<void> {
  const { command, flags, seed, name } = saved;
  const path = resolve(flags.report ?? `chaos-${name}-${seed}.html`);
  write(path, reportHtml({ runs, command }));
  io.out(`report: ${path}\n`);
  if (flags.history === undefined) return;
  for (const [n, { history }] of runs.entries()) {
    const file = n === 0 ? flags.history : `${flags.history}.${flags.compare}`;
    await writeHistory(resolve(file), history);
    io.out(`history: ${resolve(file)}\n`);
  }
}

export function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new ChaosError(`cannot write the report: ${errorMessage(error)}`, { cause: error });
  }
}

/** The verdict as a few lines. */
export function summary({ history, verdict }: ReportedRun): string {
  const { facts, faults } = history;
  const lines = [
    `${facts.target}: ${faults.length} of ${facts.faultsWanted} faults; ${verdict.acknowledged} of ${verdict.operations} requests acknowledged, ${verdict.unknown} of unknown fate; ${verdict.revisions} revisions, ${verdict.watchEvents} watch events`,
  ];
  for (const { kind, withoutWrites: w, cycle } of figuresOf(faults)) {
    lines.push(
      `  ${kind} × ${w.count}: without writes p50 ${duration(w.p50)}, p99 ${duration(w.p99)}, longest ${duration(w.max)}; all well again p50 ${duration(cycle.p50)}`,
    );
  }
  if (verdict.ok) lines.push('  nothing acknowledged was lost, and nothing else was wrong');
  else lines.push(...verdict.violations.map((one) => `  VIOLATION ${one}`));
  return `${lines.join('\n')}\n`;
}
