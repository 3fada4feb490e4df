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

interface Wanted {
  readonly info: PodInfo;
  /** Undefined: the condition stays as it is. */
  readonly message: string | undefined;
  /** The node that is being emptied for the pod; '' for none. */
  readonly nominatedNode: string;
  readonly reason: 'Unschedulable' | 'SchedulerError';
}

/** Says in a pod's status why it has no node. Of several messages only the newest is written. */
export class ConditionWriter {
  readonly #options: ConditionWriterOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #running: { stop(): Promise<void> };

  constructor(options: ConditionWriterOptions) {
    this.#options = options;
    this.#running = options.queue.run(WRITERS, (key) => this.#write(key));
  }

  /** @param nominatedNode the node that is being emptied for the pod; '' for none */
  unschedulable(info: PodInfo, message: string, nominatedNode = ''): void {
    const known = conditionOf(info.pod);
    const nominated = info.pod.status?.nominatedNodeName ?? '';
    const same =
      known?.status === 'False' && known.message === message && known.reason === 'Unschedulable';
    if (same && nominated === nominatedNode) return;
    this.#want({ info, message, nominatedNode, reason: 'Unschedulable' });
  }

  /** The try itself went wrong. */
  failed(info: PodInfo, message: string, nominatedNode = ''): void {
    this.#want({ info, message, nominatedNode, reason: 'SchedulerError' });
  }

  /** Somebody more important took the node. */
  clearNomination(info: PodInfo): void {
    this.#want({ info, message: undefined, nominatedNode: '', reason: 'Unschedulable' });
  }

  #want(wanted: Wanted): void {
    this.#wanted.set(wanted.info.key, wanted);
    this.#options.queue.add(wanted.info.key);
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  async #write(key: string): Promise<void> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const { info, message, nominatedNode, reason } = wanted;
    const { pods } = this.#options;
    const status = {
      nominatedNodeName: nominatedNode === '' ? null : nominatedNode,
      ...(message === undefined
        ? {}
        : { conditions: [this.#condition(info.pod, message, reason)] }),
    };
    // The uid guards against a successor of the same name.
    const body = { metadata: { uid: info.uid }, status };
    try {
      await pods.patch(info.namespace, info.name, 'strategic', body, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    if (this.#wanted.get(key) === wanted) this.#wanted.delete(key);
  }

  #condition(pod: Pod, message: string, reason: Wanted['reason']): PodCondition {
    const known = conditionOf(pod);
    const since = known?.status === 'False' ? known.lastTransitionTime : undefined;
    return {
      type: TYPE,
      status: 'False',
      reason,
      message,
      lastTransitionTime: since ?? timeText(this.#options.clock.now()),
    };
  }
}

function conditionOf(pod: Pod): PodCondition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === TYPE);
}
