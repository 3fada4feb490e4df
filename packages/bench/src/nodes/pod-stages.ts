/** When pods passed the stages of their start, as a watch shows them. Pure: times come in. */
import { Histogram } from '../report/histogram.ts';

export type Stage = 'create to schedule' | 'schedule to run' | 'create to run';
export const STAGES: readonly Stage[] = ['create to schedule', 'schedule to run', 'create to run'];

/** What of a pod is looked at. */
export interface SeenPod {
  readonly uid: string;
  readonly key: string;
  readonly node: string;
  readonly ready: boolean;
  readonly deleting: boolean;
}

interface Known {
  readonly key: string;
  createdMs: number;
  boundMs: number;
  readyMs: number;
  deleting: boolean;
  /** Seen from its beginning; others have no stages. */
  readonly fresh: boolean;
  readonly phase: string;
}

/** Counts of the moment. */
export interface PodCounts {
  readonly seen: number;
  readonly bound: number;
  readonly running: number;
}

export class PodStages {
  readonly #pods = new Map<string, Known>();
  readonly #sentMs = new Map<string, number>();
  readonly #histograms = new Map<string, Map<Stage, Histogram>>();
  /** Pods bound, by second. */
  readonly boundBySecond = new Map<number, number>();
  #bound = 0;
  #running = 0;

  get counts(): PodCounts {
    return { seen: this.#pods.size, bound: this.#bound, running: this.#running };
  }

  /** The request that makes a pod is on its way: its start is counted from here. */
  sent(key: string, atMs: number): void {
    this.#sentMs.set(key, atMs);
  }

  /** @param fresh false for pods of the first list, which may be old */
  see(pod: SeenPod, atMs: number, { phase, fresh }: { phase: string; fresh: boolean }): void {
    const known = this.#pods.get(pod.uid) ?? this.#add(pod, atMs, { phase, fresh });
    if (pod.node !== '' && known.boundMs === 0) {
      known.boundMs = atMs;
      this.#bound += 1;
      const second = Math.floor(atMs / 1_000);
      this.boundBySecond.set(second, (this.boundBySecond.get(second) ?? 0) + 1);
      this.#note(known, 'create to schedule', known.createdMs, atMs);
    }
    if (pod.ready && known.readyMs === 0) {
      known.readyMs = atMs;
      this.#running += 1;
      this.#note(known, 'schedule to run', known.boundMs, atMs);
      this.#note(known, 'create to run', known.createdMs, atMs);
    }
    if (pod.deleting) known.deleting = true;
  }

  gone(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    this.#pods.delete(uid);
    if (known.boundMs !== 0) this.#bound -= 1;
    if (known.readyMs !== 0) this.#running -= 1;
  }

  /** Keys of pods that run and were not told to go. */
  runningKeys(): string[] {
    return [...this.#pods.values()]
      .filter(({ readyMs, deleting }) => readyMs !== 0 && !deleting)
      .map(({ key }) => key);
  }

  uids(): string[] {
    return [...this.#pods.keys()];
  }

  /** The stages of pods made in a phase. */
  of(phase: string): ReadonlyMap<Stage, Histogram> {
    return this.#histograms.get(phase) ?? new Map();
  }

  #add(pod: SeenPod, atMs: number, { phase, fresh }: { phase: string; fresh: boolean }): Known {
    const createdMs = this.#sentMs.get(pod.key) ?? atMs;
    this.#sentMs.delete(pod.key);
    const { key, deleting } = pod;
    const made: Known = { key, createdMs, boundMs: 0, readyMs: 0, deleting, fresh, phase };
    this.#pods.set(pod.uid, made);
    return made;
  }

  #note({ fresh, phase }: Known, stage: Stage, fromMs: number, toMs: number): void {
    if (!fresh) return;
    const stages = this.#histograms.get(phase) ?? new Map<Stage, Histogram>();
    this.#histograms.set(phase, stages);
    const histogram = stages.get(stage) ?? new Histogram();
    stages.set(stage, histogram);
    histogram.record(toMs - fromMs);
  }
}

/** What is looked at, from the object of an event. */
export function seenPod(object: Record<string, unknown>): SeenPod {
  const metadata = object.metadata as Record<string, string>;
  const { nodeName = '' } = (object.spec ?? {}) as { nodeName?: string };
  const { conditions = [] } = (object.status ?? {}) as {
    conditions?: readonly { type: string; status: string }[];
  };
  return {
    uid: metadata.uid ?? '',
    key: `${metadata.namespace}/${metadata.name}`,
    node: nodeName,
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    deleting: metadata.deletionTimestamp !== undefined,
  };
}
