import type { Node } from '@kubets/api';
import {
  LARGE_ZONE_THRESHOLD,
  NODE_EVICTION_RATE,
  SECONDARY_NODE_EVICTION_RATE,
  UNHEALTHY_ZONE_THRESHOLD,
} from '../limits.ts';
import { labelsOf } from '../objects/meta.ts';
import { readyStatus } from './health.ts';

export type ZoneState = 'normal' | 'partial' | 'full';

/** Region and zone of a node; all nodes without labels share one. */
export function zoneOf(node: Node): string {
  const labels = labelsOf(node);
  const region = labels['topology.kubernetes.io/region'] ?? '';
  return `${region}:${labels['topology.kubernetes.io/zone'] ?? ''}`;
}

/** Few unready nodes are broken nodes; many at once are more likely a broken network. */
export function zoneState(nodes: readonly Node[]): ZoneState {
  const unready = nodes.filter((node) => readyStatus(node) !== 'True').length;
  if (unready === nodes.length && unready > 0) return 'full';
  const share = nodes.length === 0 ? 0 : unready / nodes.length;
  return unready > 2 && share >= UNHEALTHY_ZONE_THRESHOLD ? 'partial' : 'normal';
}

/** How many nodes a second may have their pods evicted. */
export function evictionRate(state: ZoneState, size: number): number {
  if (state !== 'partial') return NODE_EVICTION_RATE;
  return size > LARGE_ZONE_THRESHOLD ? SECONDARY_NODE_EVICTION_RATE : 0;
}

/** Lets one event through at once, later ones at a rate. A rate of 0 lets none through. */
export class RateGate {
  #readyAtMs = 0;

  /** Whether an event may happen now; if so it is counted. */
  tryTake(ratePerSecond: number, nowMs: number): boolean {
    if (ratePerSecond <= 0 || nowMs < this.#readyAtMs) return false;
    this.#readyAtMs = nowMs + 1000 / ratePerSecond;
    return true;
  }
}
