/** Follows all pods of the run with one watch, as a controller would. */
import type { Clock } from '@kubets/platform';
import { delay } from '@kubets/platform';
import type { RestClient } from '../runtime/rest-client.ts';
import { type Json, RUN_LABEL } from './objects.ts';
import { PodStages, seenPod } from './pod-stages.ts';

const PAGE = 500;

export interface ObserverOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly run: string;
  /** The phase pods that appear now belong to. */
  readonly phase: () => string;
}

export class Observer {
  readonly stages = new PodStages();
  readonly #options: ObserverOptions;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Resolves once the first list is in; goes on following until the signal. */
  async start(): Promise<void> {
    let version = await this.#list(false);
    void (async () => {
      const { signal, clock } = this.#options;
      while (!signal.aborted) {
        version = await this.#follow(version);
        if (signal.aborted) return;
        await delay(200, { clock });
        if (version === '') version = await this.#list(true).catch(() => '');
      }
    })();
  }

  get #path(): string {
    return `/api/v1/pods?labelSelector=${encodeURIComponent(`${RUN_LABEL}=${this.#options.run}`)}`;
  }

  async #list(fresh: boolean): Promise<string> {
    const { client, clock, phase } = this.#options;
    const left = new Set(this.stages.uids());
    let page = '';
    for (;;) {
      const path = `${this.#path}&limit=${PAGE}${page}`;
      const list = await client.call<{
        items?: Json[];
        metadata: { resourceVersion: string; continue?: string };
      }>({ verb: 'GET', path });
      for (const item of list.items ?? []) {
        const pod = seenPod(item);
        left.delete(pod.uid);
        this.stages.see(pod, clock.now(), { phase: phase(), fresh });
      }
      const { resourceVersion, continue: next } = list.metadata;
      if (next === undefined || next === '') {
        for (const uid of left) this.stages.gone(uid);
        return resourceVersion;
      }
      page = `&continue=${encodeURIComponent(next)}`;
    }
  }

  /** @returns where to go on; '' when a new list is needed */
  async #follow(from: string): Promise<string> {
    const { client, clock, signal, phase } = this.#options;
    let version = from;
    const path = `${this.#path}&watch=true&allowWatchBookmarks=true&resourceVersion=${from}`;
    const watch = client.watch(path, ({ type, object }) => {
      const { resourceVersion, uid } = object.metadata as Record<string, string>;
      version = resourceVersion ?? version;
      if (type === 'BOOKMARK') return;
      if (type === 'DELETED') this.stages.gone(uid ?? '');
      else this.stages.see(seenPod(object), clock.now(), { phase: phase(), fresh: true });
    });
    signal.addEventListener('abort', watch.stop, { once: true });
    const status = await watch.done;
    signal.removeEventListener('abort', watch.stop);
    return status === 200 || status === 0 ? version : '';
  }
}
