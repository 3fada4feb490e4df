import type { Pod } from '@kubets/api';

/** Where a pod's events go. */
export interface EventSink {
  event(regarding: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Events about pods, in the stock reasons and words. */
export class PodEvents {
  readonly #sink: EventSink;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  normal(pod: Pod, reason: string, message: string): void {
    this.#sink.event(identified(pod), 'Normal', reason, message);
  }

  warn(pod: Pod, reason: string, message: string): void {
    this.#sink.event(identified(pod), 'Warning', reason, message);
  }
}

/** Objects in lists do not say what they are; events about them have to. */
const identified = (pod: Pod): Pod => ({ ...pod, apiVersion: 'v1', kind: 'Pod' });
