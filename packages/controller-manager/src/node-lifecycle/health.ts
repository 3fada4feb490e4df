import type { Lease, Node, NodeCondition } from '@kubets/api';
import { findCondition } from '../objects/conditions.ts';
import { createdMs, formatTime } from '../objects/meta.ts';

/** What is remembered of a node's heartbeats, by this process's clock: nodes' clocks may be off. */
export interface Heartbeat {
  /** When a new sign of life was last seen. */
  seenMs: number;
  renewTime: string | undefined;
  conditionTime: string | undefined;
}

/** The node's state after one look. `conditions` are to be written if present. */
export interface HealthVerdict {
  heartbeat: Heartbeat;
  conditions?: NodeCondition[];
}

export interface HealthLimits {
  graceMs: number;
  /** For nodes that never reported. */
  startupGraceMs: number;
}

const WATCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/**
 * Compares a node's signs of life (lease renewal, or a new heartbeat time in its status) with those
 * of the last look. A node without any for the grace period has its conditions set to Unknown, as
 * what it last said about itself is no longer known to be true.
 */
export function judgeHealth(
  node: Node,
  lease: Lease | undefined,
  last: Heartbeat | undefined,
  facts: HealthLimits & { nowMs: number },
): HealthVerdict {
  const ready = findCondition(node.status?.conditions, 'Ready');
  const renewTime = lease?.spec?.renewTime;
  const conditionTime = ready?.lastHeartbeatTime;
  const isNew = !last || last.renewTime !== renewTime || last.conditionTime !== conditionTime;
  const firstMs = ready || renewTime ? facts.nowMs : createdMs(node) || facts.nowMs;
  const seenMs = !last ? firstMs : isNew ? facts.nowMs : last.seenMs;
  const heartbeat = { seenMs, renewTime, conditionTime };
  const graceMs = ready ? facts.graceMs : facts.startupGraceMs;
  if (facts.nowMs <= seenMs + graceMs) return { heartbeat };
  const conditions = unknownConditions(node, facts.nowMs);
  return conditions ? { heartbeat, conditions } : { heartbeat };
}

/** The conditions with everything Unknown, or `undefined` when they say so already. */
function unknownConditions(node: Node, nowMs: number): NodeCondition[] | undefined {
  const now = formatTime(nowMs);
  const next = [...(node.status?.conditions ?? [])];
  let changed = false;
  for (const type of WATCHED) {
    const at = next.findIndex((c) => c.type === type);
    const current = next[at];
    if (!current) {
      next.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp,
        lastTransitionTime: now,
      });
    } else if (current.status !== 'Unknown') {
      next[at] = {
        ...current,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: now,
      };
    } else continue;
    changed = true;
  }
  return changed ? next : undefined;
}

/** The Ready condition's status; Unknown for a node that never said. */
export function readyStatus(node: Node): 'True' | 'False' | 'Unknown' {
  const status = findCondition(node.status?.conditions, 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}
