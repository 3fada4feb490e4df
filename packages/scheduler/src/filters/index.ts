import type { FilterPlugin } from '../ports.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity, nodeName, nodeUnschedulable, taintToleration } from './node-basics.ts';
import { nodePorts, nodeResourcesFit } from './node-capacity.ts';
import { topologySpread } from './topology-spread.ts';
import { volumeBinding } from './volume-binding.ts';

/** In the order they are asked; the first no is the one users see. */
export const filterPlugins: readonly FilterPlugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeBinding,
  topologySpread,
  interPodAffinity,
];
