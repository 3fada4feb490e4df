import { expired, type KubeObject } from '@kubets/api';
import { FAKE_HISTORY } from '../limits.ts';
import { keyOf, type WatchEventType } from '../ports.ts';

/** One change of one resource. Objects in it are never changed afterwards. */
export interface Change {
  readonly revision: number;
  readonly type: Exclude<WatchEventType, 'BOOKMARK'>;
  readonly object: KubeObject;
  /** The state before, for watches whose selector the change moves an object into or out of. */
  readonly old: KubeObject | undefined;
}

/** Freezes a tree, so that a test sees it when code changes an object it shares with others. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

/** Objects and history of every resource, with one counter of versions, as a cluster's store has. */
export class FakeStore {
  #revision = 0;
  #oldestRevision = 0;
  readonly #tables = new Map<string, Map<string, KubeObject>>();
  readonly #history = new Map<string, Change[]>();
  readonly #listeners = new Map<string, Set<(change: Change) => void>>();

  get revision(): number {
    return this.#revision;
  }

  get(table: string, key: string): KubeObject | undefined {
    return this.#tables.get(table)?.get(key);
  }

  /** In order of keys, as a real list is. */
  list(table: string): KubeObject[] {
    const entries = [...(this.#tables.get(table)?.entries() ?? [])];
    entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return entries.map(([, object]) => object);
  }

  /** Keeps a frozen copy under a new version. @returns it */
  put(table: string, object: KubeObject): KubeObject {
    const stored = this.#stamp(object);
    const objects = this.#tables.get(table) ?? new Map<string, KubeObject>();
    this.#tables.set(table, objects);
    const old = objects.get(keyOf(stored));
    objects.set(keyOf(stored), stored);
    this.#record(table, { type: old === undefined ? 'ADDED' : 'MODIFIED', object: stored, old });
    return stored;
  }

  /** @returns the object's last state, under the version of its removal */
  remove(table: string, key: string): KubeObject | undefined {
    const old = this.get(table, key);
    if (old === undefined) return undefined;
    const object = this.#stamp(old);
    this.#tables.get(table)?.delete(key);
    this.#record(table, { type: 'DELETED', object, old });
    return object;
  }

  /** Changes after a version. @throws ApiError Expired when they are no longer kept */
  since(table: string, revision: number): Change[] {
    if (revision < this.#oldestRevision) {
      throw expired(`too old resource version: ${revision} (${this.#oldestRevision})`);
    }
    return (this.#history.get(table) ?? []).filter((change) => change.revision > revision);
  }

  /** Forgets the history: watches from any version before now are told Expired. */
  compact(): void {
    this.#oldestRevision = this.#revision;
    this.#history.clear();
  }

  listen(table: string, listener: (change: Change) => void): () => void {
    const listeners = this.#listeners.get(table) ?? new Set();
    this.#listeners.set(table, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #stamp(object: KubeObject): KubeObject {
    this.#revision += 1;
    const copy = structuredClone(object);
    copy.metadata = { ...copy.metadata, resourceVersion: String(this.#revision) };
    return deepFreeze(copy);
  }

  #record(table: string, change: Omit<Change, 'revision'>): void {
    const full = { ...change, revision: this.#revision };
    const history = this.#history.get(table) ?? [];
    this.#history.set(table, history);
    history.push(full);
    if (history.length > FAKE_HISTORY) {
      this.#oldestRevision = history.shift()?.revision ?? this.#oldestRevision;
    }
    for (const listener of [...(this.#listeners.get(table) ?? [])]) listener(full);
  }
}
