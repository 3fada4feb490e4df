/** A store in memory for the tests of the edge: objects, caches and raw keys, without registry or admission. */
import {
  alreadyExists,
  builtinKinds,
  conflict,
  type GroupVersionResource,
  type KindDef,
  type KubeObject,
  notFound,
} from '@kubets/api';
import type {
  AdmissionAttributes,
  AdmissionOperation,
  AuthorizationAttributes,
  CacheChange,
  CacheView,
  ObjectRef,
  RawStore,
  RawValue,
  ResourceStore,
  UserInfo,
} from './ports.ts';

/** Raw keys with revisions; `ttlSeconds` is remembered, not acted on. */
export class FakeRaw implements RawStore {
  readonly values = new Map<string, { value: Buffer; revision: bigint; ttlSeconds?: number }>();
  #revision = 0n;
  /** Called before each operation; may throw to play a store that is away. */
  before: (operation: string, key: string) => void = () => undefined;

  async get(key: string): Promise<RawValue> {
    this.before('get', key);
    const found = this.values.get(key);
    return { value: found?.value, revision: found?.revision ?? 0n };
  }

  async list(prefix: string) {
    this.before('list', prefix);
    const keys = [...this.values.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => ({
      key,
      ...(this.values.get(key) ?? { value: Buffer.of(), revision: 0n }),
    }));
  }

  async compareAndSwap(
    key: string,
    value: Buffer,
    expected: bigint,
    o: { ttlSeconds?: number } = {},
  ): Promise<bigint | undefined> {
    this.before('swap', key);
    if ((this.values.get(key)?.revision ?? 0n) !== expected) return undefined;
    this.#revision += 1n;
    this.values.set(key, { value, revision: this.#revision, ...o });
    return this.#revision;
  }

  async delete(key: string): Promise<void> {
    this.before('delete', key);
    this.values.delete(key);
  }
}

class FakeView<T extends KubeObject> implements CacheView<T> {
  readonly objects = new Map<string, T>();
  readonly #listeners = new Set<(change: CacheChange<T>) => void>();

  /** Set while the cache plays one that is still filling. */
  filling: Promise<void> | undefined;

  synced(): boolean {
    return this.filling === undefined;
  }

  async whenSynced(): Promise<void> {
    await this.filling;
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(`${namespace}/${name}`);
  }

  list(namespace?: string): readonly T[] {
    const all = [...this.objects.values()];
    return namespace === undefined
      ? all
      : all.filter((object) => (object.metadata.namespace ?? '') === namespace);
  }

  isEmpty(): boolean {
    return this.synced() && this.objects.size === 0;
  }

  onChange(listener: (change: CacheChange<T>) => void): () => void {
    for (const object of this.objects.values()) listener(changeOf('ADDED', object, undefined));
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(key: string, object: T | undefined): void {
    const old = this.objects.get(key);
    if (object) this.objects.set(key, object);
    else this.objects.delete(key);
    if (object) this.#emit(changeOf(old ? 'MODIFIED' : 'ADDED', object, old));
    else if (old) this.#emit(changeOf('DELETED', old, old));
  }

  #emit(change: CacheChange<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function changeOf<T extends KubeObject>(
  type: CacheChange['type'],
  object: T,
  old: T | undefined,
): CacheChange<T> {
  const { namespace = '', name = '' } = object.metadata;
  return { type, namespace, name, object, old };
}

const keyOf = ({ metadata }: KubeObject): string =>
  `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;

/** Objects by resource. While `lagging`, caches see nothing new. */
export class FakeStore implements ResourceStore {
  readonly raw = new FakeRaw();
  lagging = false;
  /** Called before each object is created; may throw to refuse it. */
  beforeCreate: (object: KubeObject) => void = () => undefined;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #views = new Map<string, FakeView<KubeObject>>();
  #revision = 0;

  /** Puts objects in without asking anybody; what their kind is follows from `apiVersion` and `kind`. */
  seed(...objects: KubeObject[]): void {
    for (const object of objects) {
      const def = builtinKinds.forObject(object);
      if (!def) throw new Error(`no kind ${object.apiVersion} ${object.kind}`);
      this.#write(def, structuredClone(object));
    }
  }

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T> {
    const found = this.#of(ref).get(`${ref.namespace}/${ref.name}`);
    if (!found) throw notFound(ref, ref.name);
    return structuredClone(found) as T;
  }

  async list<T extends KubeObject>(gvr: GroupVersionResource, namespace?: string) {
    const all = [...this.#of(gvr).values()].filter(
      ({ metadata }) => namespace === undefined || (metadata.namespace ?? '') === namespace,
    );
    return { items: structuredClone(all) as T[], resourceVersion: String(this.#revision) };
  }

  async create<T extends KubeObject>(gvr: GroupVersionResource, object: T): Promise<T> {
    this.beforeCreate(object);
    if (this.#of(gvr).has(keyOf(object))) throw alreadyExists(gvr, object.metadata.name ?? '');
    return this.#write(gvr, structuredClone(object));
  }

  async update<T extends KubeObject>(gvr: GroupVersionResource, object: T): Promise<T> {
    const name = object.metadata.name ?? '';
    const old = this.#of(gvr).get(keyOf(object));
    if (!old) throw notFound(gvr, name);
    const sent = object.metadata.resourceVersion;
    if (sent && sent !== old.metadata.resourceVersion) throw conflict(gvr, name);
    return this.#write(gvr, structuredClone(object));
  }

  async delete(ref: ObjectRef): Promise<void> {
    const key = `${ref.namespace}/${ref.name}`;
    if (!this.#of(ref).delete(key)) throw notFound(ref, ref.name);
    if (!this.lagging) this.#view(ref).set(key, undefined);
  }

  cache<T extends KubeObject>(gvr: GroupVersionResource): CacheView<T> {
    return this.#view(gvr) as unknown as CacheView<T>;
  }

  /** Makes a cache one that is still filling; call the result to end that. */
  holdCache(gvr: GroupVersionResource): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const view = this.#view(gvr);
    view.filling = promise;
    return () => {
      view.filling = undefined;
      resolve();
    };
  }

  /** All objects of a resource, as they are. */
  all(gvr: GroupVersionResource): KubeObject[] {
    return [...this.#of(gvr).values()];
  }

  #write<T extends KubeObject>(gvr: GroupVersionResource, object: T): T {
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    object.metadata.uid ??= `uid-${this.#revision}`;
    const key = keyOf(object);
    this.#of(gvr).set(key, object);
    if (!this.lagging) this.#view(gvr).set(key, object);
    return structuredClone(object);
  }

  #of(gvr: GroupVersionResource): Map<string, KubeObject> {
    const key = `${gvr.group}/${gvr.resource}`;
    const known = this.#objects.get(key) ?? new Map<string, KubeObject>();
    this.#objects.set(key, known);
    return known;
  }

  #view(gvr: GroupVersionResource): FakeView<KubeObject> {
    const key = `${gvr.group}/${gvr.resource}`;
    const known = this.#views.get(key) ?? new FakeView<KubeObject>();
    this.#views.set(key, known);
    return known;
  }
}

/** A user of a test. */
export function user(name: string, ...groups: string[]): UserInfo {
  return { name, uid: '', groups: [...groups, 'system:authenticated'], extra: {} };
}

/** A question to an authoriser, from `verb resource[.group][/subresource]` and what else matters. */
export function asks(
  who: UserInfo,
  text: string,
  o: { namespace?: string; name?: string } = {},
): AuthorizationAttributes {
  const [verb = '', what = ''] = text.split(' ');
  const isPath = what.startsWith('/');
  const [full = '', subresource = ''] = isPath ? ['', ''] : what.split('/');
  const [resource = '', ...group] = full.split('.');
  return {
    user: who,
    verb,
    isResourceRequest: !isPath,
    apiGroup: group.join('.'),
    apiVersion: 'v1',
    resource,
    subresource,
    namespace: o.namespace ?? '',
    name: o.name ?? '',
    path: isPath ? what : '',
  };
}

/** Attributes of a write, with the kind found from the object. */
export function admission(
  operation: AdmissionOperation,
  object: KubeObject | undefined,
  o: Partial<AdmissionAttributes> & { warnings?: string[] } = {},
): AdmissionAttributes {
  const about = object ?? o.oldObject;
  const kind = builtinKinds.forObject(about ?? {}) as KindDef;
  const { warnings = [], ...rest } = o;
  return {
    operation,
    kind,
    resource: { group: kind.group, version: kind.version, resource: kind.resource },
    subresource: '',
    namespace: about?.metadata.namespace ?? '',
    name: about?.metadata.name ?? '',
    object,
    oldObject: undefined,
    options: {},
    dryRun: false,
    user: user('tester'),
    addWarning: (text) => warnings.push(text),
    ...rest,
  };
}

/** The message of the error a piece of work fails with; fails itself if the work does not. */
export async function failure(work: () => unknown): Promise<Error & { code?: number }> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a failure');
}
