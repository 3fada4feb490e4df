/** A registry for each test of a file, and the few steps all of them take. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';
import { ApiError, type KubeObject } from '@kubets/api';
import type { ObjectResult, Target } from '../registry/context.ts';
import type { DeleteResult } from '../registry/delete.ts';
import type { DeleteOptions } from '../registry/delete-options.ts';
import { keyOf } from '../registry/keys.ts';
import { type TestRegistry, type TestRegistryOptions, targetOf, testRegistry } from './index.ts';

export class Scene {
  #t: TestRegistry | undefined;

  /** What the test works on. */
  get t(): TestRegistry {
    return this.#t ?? assert.fail('no test runs');
  }

  /** A new registry on an empty store. */
  open(options: TestRegistryOptions = {}): void {
    this.close();
    this.#t = testRegistry(options);
  }

  close(): void {
    this.#t?.caches.close();
    this.#t = undefined;
  }

  put(target: Target, object: object): Promise<ObjectResult> {
    const body = { json: JSON.stringify(object), validation: 'Strict' } as const;
    return this.t.registry.update(target, body, this.t.ctx);
  }

  merge(target: Target, patch: object): Promise<ObjectResult> {
    const request = { type: 'merge', patch, validation: 'Strict' } as const;
    return this.t.registry.patch(target, request, this.t.ctx);
  }

  remove(target: Target, options: DeleteOptions = {}): Promise<DeleteResult> {
    return this.t.registry.delete(target, options, this.t.ctx);
  }

  /** The object in the store, as it lies there. */
  async stored(target: Target): Promise<KubeObject | undefined> {
    const { value } = await this.t.store.get(keyOf(target.def, target.namespace, target.name));
    return value && (JSON.parse(value.value.toString()) as KubeObject);
  }
}

/** A scene that is new for every test of the file. */
export function useScene(options: TestRegistryOptions = {}): Scene {
  const scene = new Scene();
  beforeEach(() => scene.open(options));
  afterEach(() => scene.close());
  return scene;
}

/** A ConfigMap of the namespace default. */
export const at = (name: string): Target => targetOf('v1', 'ConfigMap', { name });

/** For `assert.rejects`: an ApiError of this code and reason. */
export const refusal = (code: number, reason: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(`${error.code} ${error.reason}`, `${code} ${reason}`);
  if (text) assert.match(error.message, text);
  return true;
};
