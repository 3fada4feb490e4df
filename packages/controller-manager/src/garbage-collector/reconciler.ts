import { builtinKinds, isForbidden, isNotFound, type KubeObject } from '@kubets/api';
import { type Informer, WorkQueue } from '@kubets/client';
import type { Logger } from '@kubets/platform';
import { type Controller, type ControllerDeps, isExpectedRetry } from '../host/controller.ts';
import { forEachLimit } from '../host/slow-start.ts';
import { GC_CONCURRENCY } from '../limits.ts';
import { uidOf } from '../objects/meta.ts';
import { Collector } from './collector.ts';
import { type KindRef, OwnerGraph, type Work } from './graph.ts';
import { collectableKinds } from './kinds.ts';

const ORPHAN_PREFIX = 'orphan:';
const PROBE_WIDTH = 4;
const PROBE_RETRY_MS = 1_000;

/**
 * Removes objects whose owners are gone, and carries out foreground and orphaning deletions. Follows
 * every built-in kind the cluster serves, keeping metadata only.
 */
export function garbageCollector(deps: ControllerDeps): Controller {
  return new GarbageCollector(deps);
}

class GarbageCollector implements Controller {
  readonly name = 'garbage-collector';
  readonly #deps: ControllerDeps;
  readonly #log: Logger;
  readonly #graph = new OwnerGraph();
  readonly #queue: WorkQueue<string>;
  readonly #collector: Collector;
  #unsubscribe: (() => void)[] = [];
  #running: { stop(): Promise<void> } | undefined;
  #stopped = false;
  #retry: { cancel(): void } | undefined;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ controller: this.name });
    const { clock, random } = deps;
    this.#queue = new WorkQueue<string>({ clock, random, log: this.#log });
    this.#collector = new Collector(deps, this.#graph, (work) => this.#enqueue(work));
  }

  start(): void {
    void this.#begin(collectableKinds(builtinKinds.all()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    for (const off of this.#unsubscribe) off();
    await this.#running?.stop();
  }

  /** Kinds that cannot be asked right now are asked again: nothing is judged on half a graph. */
  async #begin(kinds: readonly KindRef[]): Promise<void> {
    const served: KindRef[] = [];
    const failures = await forEachLimit(kinds, PROBE_WIDTH, async (kind) => {
      if (await this.#isServed(kind)) served.push(kind);
    });
    if (this.#stopped) return;
    if (failures.length > 0) {
      this.#log.info({ err: failures[0] }, 'cannot learn which kinds are served; trying again');
      this.#retry = this.#deps.clock.setTimeout(() => void this.#begin(kinds), PROBE_RETRY_MS);
      return;
    }
    const informers = served.map((kind) => this.#follow(kind));
    await Promise.all(informers.map((informer) => informer.whenSynced()));
    if (this.#stopped) return;
    this.#log.info({ kinds: served.length, objects: this.#graph.size }, 'ownership known');
    this.#running = this.#queue.run(GC_CONCURRENCY, (item) => this.#work(item));
  }

  async #isServed(kind: KindRef): Promise<boolean> {
    try {
      await this.#deps.api.resource<KubeObject>(kind.gv, kind.resource).list('', { limit: 1 });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (!isForbidden(error)) throw error;
      this.#log.warn({ resource: kind.resource, err: error }, 'may not be listed; left alone');
      return false;
    }
  }

  #follow(kind: KindRef): Informer<KubeObject> {
    const informer = this.#deps.informers.metadataOf(kind.gv, kind.resource);
    const observe = (object: KubeObject): void => this.#enqueue(this.#graph.observe(kind, object));
    const off = informer.on({
      add: observe,
      update: (old, object) => {
        // Deleted and made again under the same name between two looks.
        if (uidOf(old) !== uidOf(object)) this.#enqueue(this.#graph.forget(uidOf(old)));
        observe(object);
      },
      delete: (object) => this.#enqueue(this.#graph.forget(uidOf(object))),
    });
    this.#unsubscribe.push(off);
    return informer;
  }

  #enqueue(work: Work): void {
    for (const uid of work.check) this.#queue.add(uid);
    for (const uid of work.orphan) this.#queue.add(ORPHAN_PREFIX + uid);
  }

  async #work(item: string): Promise<void> {
    try {
      if (item.startsWith(ORPHAN_PREFIX)) {
        await this.#collector.orphanDependents(item.slice(ORPHAN_PREFIX.length));
      } else await this.#collector.check(item);
    } catch (error) {
      if (!isExpectedRetry(error)) throw error;
      this.#queue.addRateLimited(item);
    }
  }
}
