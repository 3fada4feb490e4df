import {
  alreadyExists,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  badRequest,
  builtinKinds,
  conflict,
  type GroupResource,
  type KindDef,
  type KubeObject,
  matchesFields,
  matchesLabels,
  notFound,
  parseApiVersion,
  parseFieldSelector,
  parseLabelSelector,
  pathNotFound,
  selectableFields,
  unprocessable,
} from '@kubets/api';
import {
  type DeleteOptions,
  keyOf,
  type ListOptions,
  type ListResult,
  type PatchOptions,
  type PatchType,
  type Place,
  type ResourceApi,
  type WatchEvent,
  type WatchHandle,
  type WatchOptions,
} from '../ports.ts';
import type { FakeVerb, FakeWorld } from './fake-api.ts';
import {
  asObject,
  type Loose,
  looseCopy,
  markDeleted,
  mayGo,
  prepareCreate,
  prepareUpdate,
  sameState,
} from './fake-rules.ts';
import { readSubresource, writeSubresource } from './fake-subresources.ts';
import { fakeWatch } from './fake-watch.ts';

const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const NAME_SUFFIX = 5;

/** One resource of the fake: the verbs, on the shared store. */
export class FakeResource<T extends KubeObject> implements ResourceApi<T> {
  readonly #world: FakeWorld;
  readonly #gv: string;
  readonly #resource: string;
  readonly #table: string;
  readonly #gr: GroupResource;
  readonly #kind: KindDef | undefined;

  constructor(world: FakeWorld, groupVersion: string, resource: string) {
    const { group, version } = parseApiVersion(groupVersion);
    this.#world = world;
    this.#gv = groupVersion;
    this.#resource = resource;
    this.#table = `${groupVersion}/${resource}`;
    this.#gr = { group, resource };
    this.#kind = builtinKinds.forResource({ group, version, resource });
  }

  all(): KubeObject[] {
    return this.#world.store.list(this.#table).map((object) => structuredClone(object));
  }

  seed(object: KubeObject): KubeObject {
    const loose = looseCopy(object);
    this.#identify(loose);
    return structuredClone(this.#world.store.put(this.#table, asObject(loose)));
  }

  async get(namespace: string, name: string): Promise<T> {
    this.#admit('get', namespace, name);
    return this.#copy(this.#existing(namespace, name));
  }

  async list(namespace: string, options: ListOptions = {}): Promise<ListResult<T>> {
    this.#admit('list', namespace, '');
    if (options.below !== undefined) return this.#below(namespace, options.below);
    const selects = this.#selector(namespace, options);
    const all = this.#world.store.list(this.#table).filter(selects);
    const start = options.continue === undefined ? 0 : Number(options.continue);
    const end = options.limit === undefined ? all.length : start + options.limit;
    const items = all.slice(start, end).map((object) => this.#copy(object));
    const resourceVersion = String(this.#world.store.revision);
    if (end >= all.length) return { items, resourceVersion };
    return { items, resourceVersion, continue: String(end) };
  }

  /** Only what was put there: what extension servers list below an object are no objects. */
  #below(namespace: string, { name, subresource }: NonNullable<ListOptions['below']>) {
    const found = this.#world.below.get([this.#table, namespace, name, subresource].join('/'));
    if (found === undefined) throw pathNotFound();
    return { items: structuredClone(found) as unknown as T[], resourceVersion: '' };
  }

  async create(object: T): Promise<T> {
    const loose = looseCopy(object);
    this.#admit('create', loose.metadata.namespace ?? '', loose.metadata.name ?? '');
    const answer = this.#world.review(this.#resource, object);
    if (answer !== undefined) return this.#copy(answer);
    if (loose.metadata.resourceVersion !== undefined && loose.metadata.resourceVersion !== '') {
      throw badRequest('resourceVersion should not be set on objects to be created');
    }
    prepareCreate(this.#resource, loose, this.#keepsGeneration());
    this.#identify(loose);
    const { namespace, name = '' } = loose.metadata;
    if (this.#kind?.namespaced === true && namespace === undefined) {
      throw badRequest('an object of a namespaced kind needs metadata.namespace');
    }
    const key = keyOf(asObject(loose));
    if (this.#world.store.get(this.#table, key) !== undefined) {
      throw alreadyExists(this.#gr, name);
    }
    return this.#copy(this.#world.store.put(this.#table, asObject(loose)));
  }

  async submit(object: object, place: Place): Promise<void> {
    const { namespace = '', name = '', subresource = '' } = place;
    if (subresource === '') await this.create(object as T);
    else await this.createSubresource(namespace, name, subresource, object);
  }

  async update(object: T): Promise<T> {
    return this.#replace('update', '', looseCopy(object));
  }

  async updateStatus(object: T): Promise<T> {
    return this.#replace('update', 'status', looseCopy(object));
  }

  async patch(
    namespace: string,
    name: string,
    type: PatchType,
    body: object,
    options: PatchOptions = {},
  ): Promise<T> {
    const subresource = options.subresource ?? '';
    this.#admit('patch', namespace, name, subresource);
    const old = this.#existing(namespace, name);
    const patched = this.#patched(structuredClone(old), type, structuredClone(body));
    return this.#replace(undefined, subresource, looseCopy(patched));
  }

  async delete(namespace: string, name: string, options: DeleteOptions = {}): Promise<KubeObject> {
    this.#admit('delete', namespace, name);
    const old = this.#existing(namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== old.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
      throw conflict(this.#gr, name, why);
    }
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(this.#gr, name, 'Precondition failed: resourceVersion differs');
    }
    const marked = markDeleted(this.#resource, looseCopy(old), {
      nowIso: this.#nowIso(),
      gracePeriodSeconds: options.gracePeriodSeconds,
      propagationPolicy: options.propagationPolicy,
      gracefulPods: this.#world.gracefulPods,
    });
    if (marked === undefined) return this.#remove(keyOf(old));
    if (sameState(marked, looseCopy(old))) return this.#copy(old);
    return this.#copy(this.#world.store.put(this.#table, asObject(marked)));
  }

  watch(
    namespace: string,
    options: WatchOptions,
    onEvents: (events: readonly WatchEvent<T>[]) => void,
  ): WatchHandle {
    try {
      this.#admit('watch', namespace, '');
    } catch (error) {
      return { done: Promise.resolve(error as Error), stop: () => undefined };
    }
    return fakeWatch<T>({
      world: this.#world,
      table: this.#table,
      resourceVersion: options.resourceVersion ?? '',
      selects: this.#selector(namespace, options),
      onEvents,
    });
  }

  async createSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R> {
    this.#admit('create', namespace, name, subresource);
    if (subresource === 'eviction') {
      return (await this.delete(namespace, name)) as R;
    }
    return this.#writeSubresource<R>(namespace, name, subresource, object);
  }

  async getSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
  ): Promise<R> {
    this.#admit('get', namespace, name, subresource);
    return readSubresource(looseCopy(this.#existing(namespace, name)), subresource) as R;
  }

  async updateSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R> {
    if (subresource === 'status') {
      return (await this.updateStatus(object as T)) as unknown as R;
    }
    this.#admit('update', namespace, name, subresource);
    return this.#writeSubresource<R>(namespace, name, subresource, object);
  }

  #writeSubresource<R>(namespace: string, name: string, subresource: string, object: object): R {
    const old = looseCopy(this.#existing(namespace, name));
    const next = writeSubresource(this.#gr, old, subresource, object as Record<string, unknown>);
    const stored = this.#store(next, old);
    return readSubresource(looseCopy(stored), subresource) as unknown as R;
  }

  #replace(verb: FakeVerb | undefined, subresource: string, object: Loose): T {
    const { namespace = '', name = '', resourceVersion, uid } = object.metadata;
    if (verb !== undefined) this.#admit(verb, namespace, name, subresource);
    const old = looseCopy(this.#existing(namespace, name));
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
      throw conflict(this.#gr, name);
    }
    if (uid && uid !== old.metadata.uid) {
      throw conflict(this.#gr, name, `the UID in the object is ${uid}, not the stored one`);
    }
    return this.#copy(
      this.#store(prepareUpdate(object, old, subresource, this.#keepsGeneration()), old),
    );
  }

  #store(next: Loose, old: Loose): KubeObject {
    if (mayGo(this.#resource, next)) return this.#remove(keyOf(asObject(old)));
    if (sameState(next, old)) return asObject(old);
    return this.#world.store.put(this.#table, asObject(next));
  }

  #patched(object: KubeObject, type: PatchType, body: object): KubeObject {
    if (type === 'merge') return applyMergePatch(object, body);
    if (type === 'json') return applyJsonPatch(object, body);
    if (this.#kind === undefined) {
      throw badRequest(`no strategic merge patch for the unknown kind ${this.#resource}`);
    }
    return applyStrategicMergePatch(this.#kind.typeName, object, body);
  }

  #remove(key: string): T {
    const last = this.#world.store.remove(this.#table, key);
    if (last === undefined) throw notFound(this.#gr, key);
    return this.#copy(last);
  }

  #existing(namespace: string, name: string): KubeObject {
    const key = namespace === '' ? name : `${namespace}/${name}`;
    const object = this.#world.store.get(this.#table, key);
    if (object === undefined) throw notFound(this.#gr, name);
    return object;
  }

  #identify(object: Loose): void {
    const { metadata } = object;
    if (!metadata.name && metadata.generateName) {
      const letters = Array.from({ length: NAME_SUFFIX }, () =>
        NAME_ALPHABET.charAt(this.#world.random.int(NAME_ALPHABET.length)),
      );
      metadata.name = metadata.generateName + letters.join('');
    }
    if (!metadata.name)
      throw unprocessable('metadata.name: Required value: name or generateName is required');
    metadata.uid ??= this.#uid();
    metadata.creationTimestamp ??= this.#nowIso();
    object.apiVersion ??= this.#gv;
    if (object.kind === undefined && this.#kind !== undefined) object.kind = this.#kind.kind;
  }

  #uid(): string {
    const hex = (length: number): string =>
      Array.from({ length }, () => this.#world.random.int(16).toString(16)).join('');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
  }

  #keepsGeneration(): boolean {
    return this.#kind?.hasGeneration ?? true;
  }

  #nowIso(): string {
    return new Date(this.#world.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  #selector(namespace: string, options: WatchOptions): (object: KubeObject) => boolean {
    const labels = parseLabelSelector(options.labelSelector ?? '');
    const fields = parseFieldSelector(options.fieldSelector ?? '');
    return (object) => {
      if (namespace !== '' && object.metadata.namespace !== namespace) return false;
      if (!matchesLabels(labels, object.metadata.labels ?? {})) return false;
      if (fields.length === 0) return true;
      if (this.#kind === undefined) throw badRequest('no field selectors for unknown kinds');
      return matchesFields(fields, selectableFields(this.#kind, object));
    };
  }

  #copy(object: KubeObject): T {
    return structuredClone(object) as T;
  }

  #admit(verb: FakeVerb, namespace: string, name: string, subresource = ''): void {
    this.#world.admit({ verb, resource: this.#resource, subresource, namespace, name });
  }
}
