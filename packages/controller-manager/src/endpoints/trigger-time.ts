import type { Pod, Service } from '@kubets/api';
import { createdMs, nameOf, parseTime } from '../objects/meta.ts';
import { readyCondition } from '../objects/pods.ts';
import { podMatcher } from './pods.ts';

/** Since when what an object shows has been so; proxies tell from it how late they are. */
const ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Seen {
  readonly serviceMs: number;
  readonly podsMs: ReadonlyMap<string, number>;
}

/** Remembers what the endpoints of each Service were made of, to tell when a change began. */
export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /**
   * @param pods of the Service's namespace
   * @returns when the earliest change since the last look happened; undefined when none is known
   */
  look(key: string, service: Service, pods: readonly Pod[]): number | undefined {
    const last = this.#seen.get(key);
    const serviceMs = createdMs(service);
    const podsMs = new Map<string, number>();
    let earliest = Number.POSITIVE_INFINITY;
    for (const pod of pods.filter(podMatcher(service))) {
      const readyMs = parseTime(readyCondition(pod)?.lastTransitionTime);
      if (readyMs === 0) continue;
      podsMs.set(nameOf(pod), readyMs);
      if (readyMs > (last?.podsMs.get(nameOf(pod)) ?? 0)) earliest = Math.min(earliest, readyMs);
    }
    if (serviceMs > (last?.serviceMs ?? 0)) earliest = Math.min(earliest, serviceMs);
    this.#seen.set(key, { serviceMs, podsMs });
    if (last === undefined) return serviceMs;
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

/** The object with the time its change began; without one where none is known. */
export function stamped<
  T extends { metadata: { annotations?: Record<string, string> | undefined } },
>(object: T, triggerMs: number | undefined): T {
  const { [ANNOTATION]: _before, ...annotations } = object.metadata.annotations ?? {};
  if (triggerMs !== undefined) annotations[ANNOTATION] = goTime(triggerMs);
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** As Go's RFC3339Nano has it: no fraction where there is none. */
const goTime = (ms: number): string => new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');
