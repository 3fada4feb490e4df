import { isConflict, isNotFound, type Pod, type PodCondition } from '@kubets/api';
import type { ResourceApi, WorkQueue } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import type { PodInfo } from '../core/pod-info.ts';

const WRITERS = 8;
const TYPE = 'PodScheduled';

const timeText = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');

export interface ConditionWriterOptions {
  readonly pods: ResourceApi<Pod>;
  readonly queue: WorkQueue;
  readonly clock: Clock;
}

/** Says in a pod's status why it has no node. Of several messages only the newest is written. */
export class ConditionWriter {
  readonly #options: ConditionWriterOptions;
  readonly #wanted = new Map<string, { info: PodInfo; message: string }>();
  readonly #running: { stop(): Promise<void> };

  constructor(options: ConditionWriterOptions) {
    this.#options = options;
    this.#running = options.queue.run(WRITERS, (key) => this.#write(key));
  }

  unschedulable(info: PodInfo, message: string): void {
    const known = conditionOf(info.pod);
    if (known?.status === 'False' && known.message === message) return;
    this.#wanted.set(info.key, { info, message });
    this.#options.queue.add(info.key);
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  async #write(key: string): Promise<void> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const { info, message } = wanted;
    const { pods, clock } = this.#options;
    const known = conditionOf(info.pod);
    const condition: PodCondition = {
      type: TYPE,
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: undefined,
      lastTransitionTime:
        known?.status === 'False' ? known.lastTransitionTime : timeText(clock.now()),
    };
    // The uid guards against a successor of the same name.
    const body = { metadata: { uid: info.uid }, status: { conditions: [condition] } };
    try {
      await pods.patch(info.namespace, info.name, 'strategic', body, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    if (this.#wanted.get(key) === wanted) this.#wanted.delete(key);
  }
}

function conditionOf(pod: Pod): PodCondition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === TYPE);
}
