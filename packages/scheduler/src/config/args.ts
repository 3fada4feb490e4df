/** What a configuration says to single plugins (`pluginConfig`). Pure. */
import type { NodeAffinity, TopologySpreadConstraint } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { PLUGINS } from './plugins.ts';
import type { FitStrategy, PluginArgs, ScoredResource } from './profile.ts';
import type { Reader } from './reader.ts';

export interface ReadArgs {
  readonly args: PluginArgs;
  readonly volumeWaitMs: number | undefined;
}

type Change = (args: Reader, known: ReadArgs) => ReadArgs;

const changed = (known: ReadArgs, more: Partial<PluginArgs>): ReadArgs => ({
  ...known,
  args: { ...known.args, ...more },
});

const READERS: Readonly<Record<string, Change>> = {
  NodeResourcesFit(reader, known) {
    const { fit } = known.args;
    const strategy = reader.child('scoringStrategy');
    const ignoredResources = new Set(texts(reader, 'ignoredResources'));
    const ignoredGroups = new Set(texts(reader, 'ignoredResourceGroups'));
    const chosen = strategy === undefined ? fit.strategy : strategyOf(strategy, fit.strategy);
    return changed(known, { fit: { strategy: chosen, ignoredResources, ignoredGroups } });
  },
  NodeResourcesBalancedAllocation(reader, known) {
    const resources = resourcesOf(reader, 100).map(({ name, weight }) => {
      if (weight === 1) return name;
      throw new ConfigError(`${reader.path}.resources: the weight of "${name}" must be 1`);
    });
    return resources.length === 0 ? known : changed(known, { balanced: { resources } });
  },
  PodTopologySpread(reader, known) {
    const defaults = reader.list('defaultConstraints').map(constraintOf);
    const type = reader.text('defaultingType') ?? 'System';
    if (type !== 'System' && type !== 'List') {
      throw new ConfigError(`${reader.path}.defaultingType: expected System or List`);
    }
    if (type === 'System' && defaults.length > 0) {
      const why = 'when .defaultingType is System there may be none';
      throw new ConfigError(`${reader.path}.defaultConstraints: ${why}`);
    }
    return changed(known, { spread: { defaults: type === 'List' ? defaults : undefined } });
  },
  InterPodAffinity(reader, known) {
    const { interPod } = known.args;
    const hardWeight = reader.integer('hardPodAffinityWeight', { min: 0, max: 100 });
    const ignores = reader.boolean('ignorePreferredTermsOfExistingPods');
    return changed(known, {
      interPod: {
        hardWeight: hardWeight ?? interPod.hardWeight,
        ignoresWishesOfOthers: ignores ?? false,
      },
    });
  },
  NodeAffinity(reader, known) {
    const added = reader.child('addedAffinity');
    if (added === undefined) return known;
    return changed(known, { addedAffinity: reader.raw('addedAffinity') as NodeAffinity });
  },
  VolumeBinding(reader, known) {
    const seconds = reader.integer('bindTimeoutSeconds', { min: 0 });
    return { ...known, volumeWaitMs: seconds === undefined ? undefined : seconds * 1_000 };
  },
  DefaultPreemption(reader, known) {
    const { preemption } = known.args;
    const percent = reader.integer('minCandidateNodesPercentage', { min: 0, max: 100 });
    const atLeast = reader.integer('minCandidateNodesAbsolute', { min: 0 });
    const next = {
      percent: percent ?? preemption.percent,
      atLeast: atLeast ?? preemption.atLeast,
    };
    if (next.percent === 0 && next.atLeast === 0) {
      throw new ConfigError(`${reader.path}: no candidates at all can be asked for`);
    }
    return changed(known, { preemption: next });
  },
};

/** @param configs `pluginConfig` of a profile. @throws ConfigError naming the field */
export function argsOf(configs: readonly Reader[], defaults: PluginArgs): ReadArgs {
  let known: ReadArgs = { args: defaults, volumeWaitMs: undefined };
  const seen = new Set<string>();
  for (const config of configs) {
    const name = config.text('name') ?? '';
    if (!PLUGINS.some((plugin) => plugin.name === name)) {
      throw new ConfigError(`${config.path}.name: plugin "${name}" does not exist`);
    }
    if (seen.has(name)) throw new ConfigError(`${config.path}.name: "${name}" is there twice`);
    seen.add(name);
    const args = config.child('args');
    const read = READERS[name];
    if (args === undefined) continue;
    if (read === undefined) throw new ConfigError(`${config.path}.args: "${name}" takes none`);
    known = read(args, known);
  }
  return known;
}

function texts(reader: Reader, name: string): string[] {
  return reader.values(name).map((value, at) => {
    if (typeof value === 'string') return value;
    throw new ConfigError(`${reader.path}.${name}[${at}]: expected a text`);
  });
}

function resourcesOf(reader: Reader, max: number): ScoredResource[] {
  return reader.list('resources').map((one) => {
    const name = one.text('name') ?? '';
    if (name === '') throw new ConfigError(`${one.path}.name: expected a resource`);
    const weight = one.integer('weight', { min: 0, max }) ?? 0;
    return { name, weight: weight || 1 };
  });
}

const TYPES = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

function strategyOf(reader: Reader, known: FitStrategy): FitStrategy {
  const said = reader.text('type') ?? known.type;
  const type = TYPES.find((one) => one === said);
  if (type === undefined) {
    throw new ConfigError(`${reader.path}.type: expected one of ${TYPES.join(', ')}`);
  }
  const resources = resourcesOf(reader, 100);
  const shape = (reader.child('requestedToCapacityRatio')?.list('shape') ?? []).map((point) => ({
    utilization: point.integer('utilization', { min: 0, max: 100 }) ?? 0,
    score: point.integer('score', { min: 0, max: 10 }) ?? 0,
  }));
  const isRising = shape.every(
    ({ utilization }, at) => at === 0 || utilization > (shape[at - 1]?.utilization ?? 0),
  );
  const where = `${reader.path}.requestedToCapacityRatio.shape`;
  if (!isRising) throw new ConfigError(`${where}: utilizations must rise from point to point`);
  if (type === 'RequestedToCapacityRatio' && shape.length === 0) {
    throw new ConfigError(`${where}: at least one point is needed`);
  }
  return { type, resources: resources.length === 0 ? known.resources : resources, shape };
}

function constraintOf(reader: Reader): TopologySpreadConstraint {
  const topologyKey = reader.text('topologyKey') ?? '';
  const whenUnsatisfiable = reader.text('whenUnsatisfiable') ?? '';
  const maxSkew = reader.integer('maxSkew', { min: 1 });
  if (topologyKey === '') throw new ConfigError(`${reader.path}.topologyKey: expected a label`);
  if (!['DoNotSchedule', 'ScheduleAnyway'].includes(whenUnsatisfiable)) {
    const why = 'expected DoNotSchedule or ScheduleAnyway';
    throw new ConfigError(`${reader.path}.whenUnsatisfiable: ${why}`);
  }
  if (maxSkew === undefined) throw new ConfigError(`${reader.path}.maxSkew: is needed`);
  if (reader.raw('labelSelector') !== undefined) {
    const why = 'constraints select by services and workloads';
    throw new ConfigError(`${reader.path}.labelSelector: must not be set, ${why}`);
  }
  return { topologyKey, whenUnsatisfiable, maxSkew };
}
