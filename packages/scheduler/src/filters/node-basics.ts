/** Filters that read one node's own facts: name, cordon, taints, labels. */
import {
  type NodeAffinity,
  requiredNodes,
  type Taint,
  type Toleration,
  tolerates,
} from '@kubets/api';
import type { FilterPlugin, Rejection } from '../ports.ts';

/** A taint that stands for `spec.unschedulable`, so that a pod may tolerate it. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** The first taint with one of the effects that nothing tolerates. */
export function untolerated(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: ReadonlySet<string>,
): Taint | undefined {
  return taints.find(
    (taint) => effects.has(taint.effect) && !tolerations.some((one) => tolerates(one, taint)),
  );
}

/** Effects that keep pods away. */
export const HARD_EFFECTS: ReadonlySet<string> = new Set(['NoSchedule', 'NoExecute']);

function fixed(plugin: string, reason: string): Rejection {
  return { plugin, reasons: [reason], unresolvable: true };
}

const UNSCHEDULABLE = fixed('NodeUnschedulable', 'node(s) were unschedulable');

export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  nodeLocal: true,
  prepare(pod, { table }) {
    if (pod.tolerations.some((toleration) => tolerates(toleration, CORDON))) return undefined;
    return {
      plugin: 'NodeUnschedulable',
      reject: (slot) => (table.entry(slot).unschedulable ? UNSCHEDULABLE : undefined),
    };
  },
};

const OTHER_NAME = fixed('NodeName', "node(s) didn't match the requested node name");

export const nodeName: FilterPlugin = {
  name: 'NodeName',
  nodeLocal: true,
  prepare(pod, { table }) {
    const wanted = pod.pod.spec?.nodeName;
    if (wanted === undefined || wanted === '') return undefined;
    return {
      plugin: 'NodeName',
      reject: (slot) => (table.entry(slot).name === wanted ? undefined : OTHER_NAME),
    };
  },
};

/** A taint as events show it: `{key: value}`. */
function taintRejection(taint: Taint): Rejection {
  const shown = `{${taint.key}: ${taint.value ?? ''}}`;
  return fixed('TaintToleration', `node(s) had untolerated taint ${shown}`);
}

export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  nodeLocal: true,
  prepare(pod, { table }) {
    return {
      plugin: 'TaintToleration',
      reject(slot) {
        const { taints } = table.entry(slot);
        if (taints.length === 0) return undefined;
        const taint = untolerated(taints, pod.tolerations, HARD_EFFECTS);
        return taint === undefined ? undefined : taintRejection(taint);
      },
    };
  },
};

const NO_AFFINITY = fixed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");

const NOT_ENFORCED = fixed('NodeAffinity', "node(s) didn't match scheduler-enforced node affinity");

/** @param added affinity that every pod has besides its own */
export function nodeAffinity(added?: NodeAffinity): FilterPlugin {
  const enforced = added && requiredNodes({ containers: [], affinity: { nodeAffinity: added } });
  return {
    name: 'NodeAffinity',
    nodeLocal: true,
    prepare(pod, { table }) {
      const matches = pod.requiredNodes;
      if (matches === undefined && enforced === undefined) return undefined;
      return {
        plugin: 'NodeAffinity',
        reject(slot) {
          const entry = table.entry(slot);
          if (enforced !== undefined && !enforced(entry)) return NOT_ENFORCED;
          return matches === undefined || matches(entry) ? undefined : NO_AFFINITY;
        },
      };
    },
  };
}
