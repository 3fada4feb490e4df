import { type KubeObject, pathNotFound, type SubjectAccessReview } from '@kubets/api';
import { type Clock, type Random, seededRandom, systemClock } from '@kubets/platform';
import type { Api, DiscoveredList, DiscoveredResource, ResourceApi } from '../ports.ts';
import { FakeResource } from './fake-resource.ts';
import { FakeStore } from './fake-store.ts';

export type FakeVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** A request as tests see it. */
export interface FakeRequest {
  readonly verb: FakeVerb;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface FakeApiOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** Deleted pods that have a node stay, marked, until deleted with a grace period of 0. False by default. */
  readonly gracefulPods?: boolean;
}

/** What the resources of one fake share. */
export interface FakeWorld {
  readonly store: FakeStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly gracefulPods: boolean;
  /** Called before each request; throws to refuse it. */
  admit(request: FakeRequest): void;
  /** The answer to an object that asks a question and is never stored; undefined: it is an ordinary one. */
  review(resource: string, object: KubeObject): KubeObject | undefined;
  readonly watches: Set<(error: Error | undefined) => void>;
  readonly below: ReadonlyMap<string, readonly KubeObject[]>;
}

const SETTLE_TURNS = 12;

/**
 * The API in memory, for tests: versions and conflicts, watches, generated names, generations, a status that only its
 * subresource writes, deletion with finalizers, bindings. Nothing is defaulted or validated.
 */
export class FakeApi implements Api {
  /** Every request made, oldest first. */
  readonly requests: FakeRequest[] = [];
  /** Set it to refuse or delay what you choose: an error thrown here is the request's answer. */
  intercept: ((request: FakeRequest) => void) | undefined;
  /** Set it to say who may do what: answers every SubjectAccessReview. Absent: nobody may do anything. */
  allows: ((spec: SubjectAccessReview['spec']) => boolean) | undefined;
  /** What discovery says of versions; a version that is not here is not known. */
  readonly served = new Map<string, readonly DiscoveredResource[]>();
  /** What extension servers list below objects, by `GROUP/VERSION/RESOURCE/NAMESPACE/NAME/SUBRESOURCE`. */
  readonly below = new Map<string, readonly KubeObject[]>();
  readonly #world: FakeWorld;
  readonly #resources = new Map<string, FakeResource<KubeObject>>();

  constructor(options: FakeApiOptions = {}) {
    this.#world = {
      store: new FakeStore(),
      clock: options.clock ?? systemClock,
      random: options.random ?? seededRandom(1),
      gracefulPods: options.gracefulPods ?? false,
      watches: new Set(),
      below: this.below,
      admit: (request) => {
        this.requests.push(request);
        this.intercept?.(request);
      },
      review: (resource, object) => {
        if (resource !== 'subjectaccessreviews') return undefined;
        const { spec } = object as SubjectAccessReview;
        return { ...object, status: { allowed: this.allows?.(spec) ?? false } } as KubeObject;
      },
    };
  }

  resource<T extends KubeObject>(groupVersion: string, resource: string): ResourceApi<T> {
    return this.#fake(groupVersion, resource) as unknown as ResourceApi<T>;
  }

  async discover(groupVersion: string): Promise<DiscoveredList> {
    const resources = this.served.get(groupVersion);
    if (resources === undefined) throw pathNotFound();
    return { resources };
  }

  /** Puts an object there as it is, status included; its version, uid and times are filled in where absent. */
  seed<T extends KubeObject>(groupVersion: string, resource: string, object: T): T {
    return this.#fake(groupVersion, resource).seed(object) as T;
  }

  /** All objects of a resource, as they are now. */
  objects<T extends KubeObject>(groupVersion: string, resource: string): T[] {
    return this.#fake(groupVersion, resource).all() as T[];
  }

  /** Ends every watch, as a dying apiserver does. */
  breakWatches(error?: Error): void {
    for (const end of [...this.#world.watches]) end(error);
  }

  /** Forgets the history: a watch from a version before now ends with Expired. */
  compact(): void {
    this.#world.store.compact();
  }

  /** Lets everything that is ready to run do so, watch events included. Does not move any clock. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #fake(groupVersion: string, resource: string): FakeResource<KubeObject> {
    const table = `${groupVersion}/${resource}`;
    const known = this.#resources.get(table);
    if (known !== undefined) return known;
    const made = new FakeResource<KubeObject>(this.#world, groupVersion, resource);
    this.#resources.set(table, made);
    return made;
  }
}
