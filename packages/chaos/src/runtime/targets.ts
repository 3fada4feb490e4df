/** What `--target` may name, and how to get it. */
import { ChaosError } from '../errors.ts';
import type { Scenario } from '../plan/scenarios.ts';
import { NEEDS } from '../plan/scenarios.ts';
import type { Ability, Target } from '../ports.ts';
import { ContainerTarget } from './containers.ts';
import { ProcessTarget } from './processes.ts';

export const TARGETS = ['kubets', 'stock-etcd', 'containers', 'stock-containers'] as const;
export type TargetName = (typeof TARGETS)[number];

export function targetNamed(name: string): TargetName {
  const found = TARGETS.find((one) => one === name);
  if (found !== undefined) return found;
  throw new ChaosError(`--target ${name}: it may be ${TARGETS.join(', ')}, or a data directory`);
}

export interface TargetOptions {
  readonly scenario: Scenario;
  readonly members: number;
}

/** Starts a cluster that can have the scenario's faults. */
export function startTarget(name: TargetName, options: TargetOptions): Promise<Target> {
  const { members } = options;
  if (name === 'containers') return ContainerTarget.start({ kind: 'kubets', members });
  if (name === 'stock-containers') return ContainerTarget.start({ kind: 'stock-etcd', members });
  const wanted = new Set<Ability>(options.scenario.ingredients.map(({ kind }) => NEEDS[kind]));
  return ProcessTarget.start({
    kind: name,
    members,
    disks: wanted.has('disks'),
    clocks: wanted.has('clocks'),
    peerTls: wanted.has('certificates'),
  });
}
