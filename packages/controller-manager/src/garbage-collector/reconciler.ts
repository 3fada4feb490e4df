import {
  builtinKinds,
  isForbidden,
  isNotFound,
  type KubeObject,
  type OwnerReference,
} from '@kubets/api';
import { type Informer, WorkQueue } from '@kubets/client';
import { delay, type Logger } from '@kubets/platform';
import {
  type Controller,
  type ControllerDeps,
  countedAs,
  isExpectedRetry,
} from '../host/controller.ts';
import { forEachLimit } from '../host/slow-start.ts';
import { GC_CONCURRENCY, GC_CUSTOM_KINDS_WAIT_MS } from '../limits.ts';
import { ExtensionKinds } from '../objects/extension-kinds.ts';
import { uidOf } from '../objects/meta.ts';
import { Collector } from './collector.ts';
import { CustomKinds } from './custom-kinds.ts';
import { type KindRef, OwnerGraph, type Work } from './graph.ts';
import { builtinKindOf, collectableKinds } from './kinds.ts';

const ORPHAN_PREFIX = 'orphan:';
const PROBE_WIDTH = 4;
const PROBE_RETRY_MS = 1_000;

/**
 * Removes objects whose owners are gone, and carries out foreground and orphaning deletions. Follows
 * every kind the cluster serves, built-in, defined or of an extension server, keeping metadata only.
 */
export function garbageCollector(deps: ControllerDeps): Controller {
  return new GarbageCollector(deps);
}

class GarbageCollector implements Controller {
  readonly name = 'garbage-collector-controller';
  readonly #deps: ControllerDeps;
  readonly #log: Logger;
  readonly #graph = new OwnerGraph();
  readonly #queue: WorkQueue<string>;
  readonly #collector: Collector;
  readonly #custom = new CustomKinds({
    follow: (kind) => this.#followCustom(kind),
    unfollow: (kind, isDeleted) => this.#unfollow(kind, isDeleted),
  });
  readonly #unsubscribe = new Map<KindRef, () => void>();
  #noDefinitions: (() => void) | undefined;
  #extensions: ExtensionKinds | undefined;
  #running: { stop(): Promise<void> } | undefined;
  #stopped = false;
  #retry: { cancel(): void } | undefined;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ controller: this.name });
    const { clock, random } = deps;
    const counted = countedAs('garbage_collector_attempt_to_delete', deps);
    this.#queue = new WorkQueue<string>({ clock, random, log: this.#log, counted });
    const facts = {
      graph: this.#graph,
      kindOf: (ref: OwnerReference) => builtinKindOf(ref) ?? this.#custom.kindOf(ref),
    };
    this.#collector = new Collector(deps, facts, (work) => this.#enqueue(work));
  }

  start(): void {
    void this.#begin(collectableKinds(builtinKinds.all()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#noDefinitions?.();
    this.#extensions?.stop();
    for (const off of this.#unsubscribe.values()) off();
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
    const { definitions } = this.#deps.informers;
    await Promise.all([definitions, ...informers].map((informer) => informer.whenSynced()));
    if (this.#stopped) return;
    this.#noDefinitions = this.#custom.start(definitions);
    this.#extensions = new ExtensionKinds(
      { ...this.#deps, log: this.#log },
      this.#deps.informers.apiServices,
      (service, kinds) => this.#custom.setExtension(service, kinds),
    );
    await this.#customKindsSynced();
    if (this.#stopped) return;
    this.#log.info({ kinds: served.length, objects: this.#graph.size }, 'ownership known');
    const workers = this.#deps.concurrency?.[this.name] ?? GC_CONCURRENCY;
    this.#running = this.#queue.run(workers, (item) => this.#work(item));
  }

  /** A kind that cannot be listed, since its conversion fails for example, does not stop the collection of all others. */
  async #customKindsSynced(): Promise<void> {
    const { clock } = this.#deps;
    const gaveUp = new AbortController();
    const { signal } = gaveUp;
    const late = delay(GC_CUSTOM_KINDS_WAIT_MS, { clock, signal }).then(
      () => this.#log.info('not all custom kinds can be listed; going on without'),
      () => undefined,
    );
    await Promise.race([this.#custom.whenSynced(), late]);
    gaveUp.abort();
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
        if (uidOf(old) !== uidOf(object)) this.#collector.sawGo(uidOf(old));
        observe(object);
      },
      delete: (object) => this.#collector.sawGo(uidOf(object)),
    });
    this.#unsubscribe.set(kind, off);
    return informer;
  }

  /** Whether owners of the kind are there could not be told before. */
  #followCustom(kind: KindRef): Informer<KubeObject> {
    const informer = this.#follow(kind);
    void informer.whenSynced().then(() => {
      this.#enqueue({ check: this.#graph.withMissingOwner(kind), orphan: [] });
    });
    return informer;
  }

  #unfollow(kind: KindRef, isDeleted: boolean): void {
    this.#unsubscribe.get(kind)?.();
    this.#unsubscribe.delete(kind);
    this.#deps.informers.endMetadataOf(kind.gv, kind.resource);
    for (const uid of this.#graph.ofKind(kind)) {
      // That a kind is not served says nothing of its objects: what they own stays.
      if (isDeleted) this.#collector.sawGo(uid);
      else this.#graph.forget(uid);
    }
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
