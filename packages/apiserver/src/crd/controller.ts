/**
 * Definitions come to life here: accepted names, kinds registered and taken back, instances cleaned up before a definition
 * goes. Every apiserver does all of it for itself; the work is idempotent, and whoever writes second meets a conflict.
 */
import {
  type CustomResourceDefinition,
  forgetShape,
  isConflict,
  isNotFound,
  type KindDef,
  type KindRegistry,
} from '@kubets/api';
import { type Clock, errorMessage, type Logger, type Timer } from '@kubets/platform';
import type { BackgroundTask, CacheChange, CacheView, ResourceStore } from '../ports.ts';
import { rfc3339 } from '../registry/time.ts';
import {
  CLEANUP_FINALIZER,
  isEstablished,
  isTerminating,
  setCondition,
  settled,
} from './conditions.ts';
import { DEFINITION_RETRY_MS } from './limits.ts';

export const DEFINITIONS = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
} as const;

type Definition = CustomResourceDefinition;

export interface DefinitionsOptions {
  readonly store: ResourceStore;
  readonly kinds: KindRegistry;
  /** Makes the kinds of an established definition. */
  readonly kindsOf: (crd: Definition) => readonly KindDef[];
  /** Ends the cache, and with it the watches, of a kind that is no longer what it was. */
  readonly dropCache: (def: KindDef) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Served {
  /** The parts of the definition that decide how it is served. */
  readonly signature: string;
  readonly defs: readonly KindDef[];
}

export class Definitions implements BackgroundTask {
  readonly name = 'custom-resource-definitions';
  readonly #o: DefinitionsOptions;
  readonly #view: CacheView<Definition>;
  readonly #served = new Map<string, Served>();
  readonly #waiting = new Set<string>();
  readonly #unlisten: () => void;
  #retry: Timer | undefined;
  #running: Promise<void> | undefined;
  #started = false;
  #stopped = false;
  readonly #own: ReadonlySet<string>;

  constructor(options: DefinitionsOptions) {
    this.#o = options;
    const own = options.kinds.all().filter((def) => def.rules?.unstructured !== true);
    this.#own = new Set(own.map((def) => def.apiVersion));
    this.#view = options.store.cache<Definition>(DEFINITIONS);
    this.#unlisten = this.#view.onChange((change) => this.#changed(change));
  }

  /** Resolves once the definitions that are there are served. */
  whenSynced(): Promise<void> {
    return this.#view.whenSynced();
  }

  start(): void {
    this.#started = true;
    this.#kick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#unlisten();
    await this.#running;
  }

  #changed({ type, object }: CacheChange<Definition>): void {
    const name = object.metadata.name ?? '';
    if (type === 'DELETED') {
      this.#withdraw(name);
      for (const other of this.#view.list()) {
        if (other.spec.group === object.spec.group) this.#waiting.add(other.metadata.name ?? '');
      }
    } else {
      if (isEstablished(object)) this.#serve(name, object);
      this.#waiting.add(name);
    }
    this.#kick();
  }

  /** Puts the kinds of a definition in place of those it had before. */
  #serve(name: string, crd: Definition): void {
    const { spec, status, metadata } = crd;
    const facts = [metadata.uid, spec, status?.acceptedNames, isTerminating(crd)];
    const signature = JSON.stringify(facts);
    const before = this.#served.get(name);
    if (before?.signature === signature) return;
    const same = before !== undefined && servesAlike(before.signature, signature);
    if (same) for (const def of before.defs) this.#o.kinds.remove(def);
    else this.#withdraw(name);
    const defs = this.#o.kindsOf(crd).filter((def) => this.#isFree(def));
    for (const def of defs) this.#o.kinds.add(def);
    this.#served.set(name, { signature, defs });
  }

  /**
   * Versions the server has itself are its alone: built-in kinds are not taken over, and there are none beside them
   * (a stock server has those versions answered before definitions are asked).
   */
  #isFree(def: KindDef): boolean {
    return !this.#own.has(def.apiVersion);
  }

  #withdraw(name: string): void {
    const served = this.#served.get(name);
    this.#served.delete(name);
    for (const def of served?.defs ?? []) {
      this.#o.kinds.remove(def);
      forgetShape(def.typeName);
      this.#o.dropCache(def);
    }
  }

  #kick(): void {
    if (!this.#started || this.#stopped || this.#running !== undefined) return;
    if (this.#waiting.size === 0) return;
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (this.#retry === undefined) this.#kick();
    });
  }

  async #work(): Promise<void> {
    const names = [...this.#waiting];
    this.#waiting.clear();
    for (const name of names) {
      if (this.#stopped) return;
      try {
        await this.#settle(name);
      } catch (error) {
        if (isNotFound(error)) continue;
        this.#waiting.add(name);
        if (!isConflict(error)) {
          this.#o.log.warn({ definition: name, err: errorMessage(error) }, 'definition: retrying');
        }
        this.#retryLater();
      }
    }
  }

  #retryLater(): void {
    this.#retry ??= this.#o.clock.setTimeout(() => {
      this.#retry = undefined;
      this.#kick();
    }, DEFINITION_RETRY_MS);
  }

  async #settle(name: string): Promise<void> {
    const crd = this.#view.get('', name);
    if (crd === undefined) return;
    if (isTerminating(crd)) {
      await this.#cleanUp(crd);
      return;
    }
    const others = this.#view
      .list()
      .filter((one) => one.spec.group === crd.spec.group && one.metadata.name !== name);
    const next = settled(crd, others, this.#now());
    if (next !== undefined) await this.#o.store.update(DEFINITIONS, next, 'status');
  }

  /** Deletes what the definition defined; when all is gone lets the definition go. */
  async #cleanUp(crd: Definition): Promise<void> {
    if (!(crd.metadata.finalizers ?? []).includes(CLEANUP_FINALIZER)) return;
    await this.#begin(crd);
    const left = isEstablished(crd) ? await this.#deleteInstances(crd) : 0;
    if (left > 0) {
      const message = `could not confirm zero CustomResources remaining: ${left} left`;
      this.#o.log.debug({ definition: crd.metadata.name, left }, message);
      this.#waiting.add(crd.metadata.name ?? '');
      this.#retryLater();
      return;
    }
    const fresh = await this.#o.store.get<Definition>({
      ...DEFINITIONS,
      namespace: '',
      name: crd.metadata.name ?? '',
    });
    setCondition(fresh, DONE, this.#now());
    const cleaned = await this.#o.store.update(DEFINITIONS, fresh, 'status');
    const { finalizers = [] } = cleaned.metadata;
    cleaned.metadata.finalizers = finalizers.filter((one) => one !== CLEANUP_FINALIZER);
    await this.#o.store.update(DEFINITIONS, cleaned);
  }

  async #begin(crd: Definition): Promise<void> {
    const known = crd.status?.conditions?.find(({ type }) => type === BEGUN.type);
    if (known?.reason === BEGUN.reason) return;
    const next = structuredClone(crd);
    setCondition(next, BEGUN, this.#now());
    await this.#o.store.update(DEFINITIONS, next, 'status');
  }

  /** @returns how many are still there, held by finalizers */
  async #deleteInstances(crd: Definition): Promise<number> {
    const [def] = this.#served.get(crd.metadata.name ?? '')?.defs ?? [];
    if (def === undefined) return 0;
    const { items } = await this.#o.store.list(def);
    for (const { metadata } of items) {
      if (metadata.deletionTimestamp !== undefined) continue;
      const { namespace = '', name = '' } = metadata;
      const { group, version, resource } = def;
      await this.#o.store.delete({ group, version, resource, namespace, name }).catch(ignoreGone);
    }
    const left = await this.#o.store.list(def);
    return left.items.length;
  }

  #now(): string {
    return rfc3339(this.#o.clock.now());
  }
}

const BEGUN = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'CustomResource deletion is in progress',
};

const DONE = {
  type: 'Terminating',
  status: 'False',
  reason: 'InstanceDeletionCompleted',
  message: 'removed all instances',
};

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** Whether only the fact of its ending tells two states of a definition apart. */
function servesAlike(a: string, b: string): boolean {
  const withoutEnd = (text: string): string => text.slice(0, text.lastIndexOf(','));
  return withoutEnd(a) === withoutEnd(b);
}
