/** A decision that others have a part in: what the plugins find, the extenders narrow down and rank. */
import type { Node } from '@kubets/api';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import type { Feasible, SchedulerCore } from '../core/schedule.ts';
import { type Decision, type Diagnosis, EXTENDERS, type Rejection } from '../ports.ts';
import type { Extenders, Left } from './extenders.ts';

export interface ExtendedOptions {
  readonly core: SchedulerCore;
  readonly state: ClusterState;
  readonly extenders: Extenders;
}

/**
 * Chooses a node. Nodes may come and go while extenders think: they are found by their names again.
 * @throws Error when an extender fails that cannot be done without
 */
export async function decideExtended(pod: PodInfo, o: ExtendedOptions): Promise<Decision> {
  const { core, state, extenders } = o;
  const nominated = core.nominatedNode(pod);
  const kept = nominated && state.table.byName(nominated)?.node;
  if (kept) {
    const { nodes } = await extenders.filter(pod, [kept]);
    if (nodes.length > 0) return { outcome: 'placed', node: nominated, evaluated: 1 };
  }
  const found = core.find(pod);
  if (found.outcome !== 'feasible') return found;
  const names = namesOf([...found.slots, ...found.rejections.keys()], state);
  const asked = found.slots.flatMap((slot) => state.table.entry(slot).node ?? []);
  const left = await extenders.filter(pod, asked);
  const [only] = left.nodes;
  if (only === undefined) return refusal(found, left, { state, names });
  const { evaluated } = found;
  if (left.nodes.length === 1) return { outcome: 'placed', node: nameOf(only), evaluated };
  const scores = await extenders.scores(pod, left.nodes);
  const slots = slotsOf(left.nodes, state);
  if (slots.length === 0) return refusal(found, left, { state, names });
  const extra = slots.map((slot) => scores.get(state.table.entry(slot).name) ?? 0);
  return { outcome: 'placed', node: core.choose(pod, slots, extra), evaluated };
}

const nameOf = ({ metadata }: Node): string => metadata.name ?? '';

function namesOf(slots: readonly number[], { table }: ClusterState): ReadonlyMap<number, string> {
  return new Map(slots.map((slot) => [slot, table.entry(slot).name]));
}

function slotsOf(nodes: readonly Node[], { table }: ClusterState): number[] {
  return nodes.flatMap((node) => {
    const entry = table.byName(nameOf(node));
    return entry?.node === undefined ? [] : [entry.slot];
  });
}

/** What both sides said no to. */
function refusal(
  found: Feasible,
  left: Left,
  { state, names }: { state: ClusterState; names: ReadonlyMap<number, string> },
): Decision {
  const rejections = new Map<number, Rejection>();
  for (const [slot, name] of names) {
    if (state.table.byName(name)?.slot !== slot) continue;
    const rejection = left.rejections.get(name) ?? found.rejections.get(slot);
    if (rejection !== undefined) rejections.set(slot, rejection);
  }
  const plugins = new Set([...found.rejections.values()].map(({ plugin }) => plugin));
  plugins.add(EXTENDERS);
  const { nodeCount, others } = found;
  const diagnosis: Diagnosis = { nodeCount, rejections, plugins, ...(others && { others }) };
  return { outcome: 'unschedulable', diagnosis };
}
