import type { Node, Taint } from '@kubets/api';
import { findCondition } from '../objects/conditions.ts';
import { formatTime } from '../objects/meta.ts';
import { sameTaint, TAINT } from '../objects/taints.ts';
import { readyStatus } from './health.ts';

/** Conditions that keep new pods away while they have the given status. */
const BY_CONDITION: readonly { type: string; status: string; key: string }[] = [
  { type: 'Ready', status: 'False', key: TAINT.notReady },
  { type: 'Ready', status: 'Unknown', key: TAINT.unreachable },
  { type: 'MemoryPressure', status: 'True', key: TAINT.memoryPressure },
  { type: 'DiskPressure', status: 'True', key: TAINT.diskPressure },
  { type: 'PIDPressure', status: 'True', key: TAINT.pidPressure },
  { type: 'NetworkUnavailable', status: 'True', key: TAINT.networkUnavailable },
];

const OWN_NO_SCHEDULE: ReadonlySet<string> = new Set([
  ...BY_CONDITION.map((rule) => rule.key),
  TAINT.unschedulable,
]);

const OWN_NO_EXECUTE: ReadonlySet<string> = new Set([TAINT.notReady, TAINT.unreachable]);

/** The NoSchedule taints the node's conditions and `spec.unschedulable` call for. */
export function scheduleTaintKeys(node: Node): Set<string> {
  const keys = new Set<string>();
  for (const { type, status, key } of BY_CONDITION) {
    if (findCondition(node.status?.conditions, type)?.status === status) keys.add(key);
  }
  // A node that has said nothing yet is not known to be ready.
  if (!findCondition(node.status?.conditions, 'Ready')) keys.add(TAINT.notReady);
  if (node.spec?.unschedulable === true) keys.add(TAINT.unschedulable);
  return keys;
}

/** The NoExecute taint a node that is not ready should carry; `undefined` for a ready one. */
export function evictionTaintKey(node: Node): string | undefined {
  const ready = readyStatus(node);
  if (ready === 'True') return undefined;
  return ready === 'False' ? TAINT.notReady : TAINT.unreachable;
}

/**
 * The node's taints with ours put right and everyone else's untouched, or `undefined` when nothing
 * is to change.
 * @param evictionKey NoExecute taint to carry; `undefined`: none of ours
 */
export function desiredTaints(
  node: Node,
  evictionKey: string | undefined,
  nowMs: number,
): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const scheduleKeys = scheduleTaintKeys(node);
  const isOurs = (taint: Taint): boolean =>
    (taint.effect === 'NoSchedule' && OWN_NO_SCHEDULE.has(taint.key)) ||
    (taint.effect === 'NoExecute' && OWN_NO_EXECUTE.has(taint.key));
  const wanted: Taint[] = [...scheduleKeys].map((key) => ({ key, effect: 'NoSchedule' }));
  if (evictionKey) wanted.push({ key: evictionKey, effect: 'NoExecute' });
  const kept = present.filter((taint) => !isOurs(taint) || wanted.some((w) => sameTaint(w, taint)));
  const missing = wanted.filter((w) => !present.some((taint) => sameTaint(taint, w)));
  if (kept.length === present.length && missing.length === 0) return undefined;
  const timeAdded = formatTime(nowMs);
  return [...kept, ...missing.map((taint) => ({ ...taint, timeAdded }))];
}

/** The NoExecute taint of ours the node carries now. */
export function presentEvictionKey(node: Node): string | undefined {
  return node.spec?.taints?.find((t) => t.effect === 'NoExecute' && OWN_NO_EXECUTE.has(t.key))?.key;
}
