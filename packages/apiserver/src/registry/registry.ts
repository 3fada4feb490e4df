/**
 * The registry: every operation on stored resources, as both doors and the apiserver's own parts use it. Who asks has been
 * authenticated and authorised before.
 */
import {
  ApiError,
  cloneJson,
  isNotFound,
  type JsonObject,
  type KindDef,
  type KubeObject,
  methodNotAllowed,
  methodNotSupported,
  notFound,
  pathNotFound,
  type Scale,
  trackScale,
} from '@kubets/api';
import type { CacheEntry } from '../cache/entry.ts';
import { objectOf } from '../cache/entry.ts';
import type { WatchSink } from '../cache/watcher.ts';
import { type ApplyRequest, applyObject } from './apply.ts';
import { createBinding } from './binding.ts';
import { type BodyOptions, bodyKind, checkPlace, readBody } from './body.ts';
import {
  type ObjectResult,
  type RegistryDeps,
  type Target,
  type Transform,
  type WriteContext,
  writeBy,
} from './context.ts';
import { fromStorage } from './convert.ts';
import { createObject } from './create.ts';
import { type DeleteResult, deleteObject } from './delete.ts';
import { deleteCollection } from './delete-collection.ts';
import type { DeleteOptions } from './delete-options.ts';
import { evictPod } from './eviction.ts';
import type { ListOptions } from './list-options.ts';
import { dropRepeatedOwners } from './owners.ts';
import { type PatchRequest, patched } from './patch.ts';
import { getObject, type ListResult, listObjects } from './read.ts';
import {
  readScale,
  rescaled,
  scaleBefore,
  scaleResource,
  scaleWindow,
  shownScale,
} from './scale.ts';
import { type UpdateOptions, updateObject } from './update.ts';
import { watchObjects } from './watch.ts';

/** A body as it came: text, so that repeated fields are seen, or a parsed value (YAML). */
export interface Body extends BodyOptions {
  readonly json: string | JsonObject;
}

/** @throws ApiError 405 for a kind that is going away */
function refuseCreate(def: KindDef): void {
  const why = def.rules?.refuseCreate;
  if (why === undefined) return;
  const { status } = methodNotSupported(def, 'create');
  throw new ApiError({ ...status, message: why });
}

export class Registry {
  readonly deps: RegistryDeps;

  constructor(deps: RegistryDeps) {
    this.deps = deps;
  }

  /** The object, or the view of it that the subresource is. */
  async get(target: Target, resourceVersion: string): Promise<CacheEntry | KubeObject> {
    const { def, subresource } = target;
    if (subresource === 'scale') {
      const scaled = { ...target, def };
      const object = await this.#scalable(scaled, resourceVersion);
      return readScale(def, object) as KubeObject;
    }
    return getObject(this.deps, target, resourceVersion);
  }

  list(target: Target, options: ListOptions): Promise<ListResult> {
    return listObjects(this.deps, target, options);
  }

  watch(target: Target, options: ListOptions, sink: WatchSink): Promise<() => void> {
    return watchObjects(this.deps, target, options, sink);
  }

  /** Creates an object, or does what creating its subresource means. */
  async create(target: Target, body: Body, ctx: WriteContext): Promise<ObjectResult> {
    const { def, subresource } = target;
    const { json } = body;
    const object = readBody(target, json, body, ctx);
    if (subresource !== '') return this.#createSub(target, object, ctx);
    checkPlace(target, object, false);
    if (def.group === '' && def.resource === 'bindings') {
      const pod = this.#podOf(target, object.metadata.name ?? '');
      const status = await createBinding(this.deps, pod, object, ctx);
      return { def, object: status, created: true };
    }
    if (!def.verbs.includes('get')) throw methodNotAllowed();
    refuseCreate(def);
    dropRepeatedOwners(object, ctx, 'as sent');
    if (typeof json !== 'string') return createObject(this.deps, target, object, ctx);
    // A text can be read again: that a generated name is taken is too rare to keep a copy for it.
    const again = (): KubeObject => {
      const anew = readBody(target, json, body, ctx);
      checkPlace(target, anew, false);
      dropRepeatedOwners(anew, ctx, 'as sent');
      return anew;
    };
    return createObject(this.deps, target, object, ctx, { again });
  }

  async update(target: Target, body: Body, ctx: WriteContext): Promise<ObjectResult> {
    const sent = readBody(target, body.json, body, ctx);
    checkPlace(target, sent, true);
    dropRepeatedOwners(sent, ctx, 'as sent');
    if (target.subresource === 'scale') {
      return this.#rescale(target, () => sent as unknown as Scale, ctx);
    }
    const transform: Transform = () => cloneJson(sent);
    const isWhole = target.subresource === '';
    const o: UpdateOptions = { sameUid: true, pure: true, ...(isWhole && { creatable: sent }) };
    return updateObject(this.deps, target, transform, ctx, o);
  }

  patch(target: Target, request: PatchRequest, ctx: WriteContext): Promise<ObjectResult> {
    if (target.subresource === 'scale') {
      const change = (scale: Scale): Scale =>
        patched(target, scale as KubeObject, request, ctx) as unknown as Scale;
      return this.#rescale(target, change, ctx);
    }
    const transform: Transform = (present) => patched(target, present, request, ctx);
    return updateObject(this.deps, target, transform, ctx, { pure: true });
  }

  /** Server-side apply. */
  apply(target: Target, request: ApplyRequest, ctx: WriteContext): Promise<ObjectResult> {
    return applyObject(this.deps, target, request, ctx);
  }

  delete(target: Target, options: DeleteOptions, ctx: WriteContext): Promise<DeleteResult> {
    return deleteObject(this.deps, target, options, ctx);
  }

  deleteCollection(
    target: Target,
    o: { list: ListOptions; delete: DeleteOptions },
    ctx: WriteContext,
  ): Promise<ListResult> {
    return deleteCollection(this.deps, target, o, ctx);
  }

  async #createSub(target: Target, object: KubeObject, ctx: WriteContext): Promise<ObjectResult> {
    const { def, subresource } = target;
    if (def.group !== '' || def.resource !== 'pods') throw methodNotAllowed();
    if (subresource === 'binding') {
      return { def, object: await createBinding(this.deps, target, object, ctx), created: true };
    }
    if (subresource === 'eviction') {
      return { def, object: await evictPod(this.deps, target, object, ctx), created: true };
    }
    throw methodNotAllowed();
  }

  async #rescale(
    target: Target,
    change: (scale: Scale) => Scale,
    ctx: WriteContext,
  ): Promise<ObjectResult> {
    const { def } = target;
    const transform: Transform = (present) => {
      const before = scaleBefore(def, present);
      const after = change(cloneJson(before));
      const object = rescaled(def, present, after);
      trackScale(writeBy(this.deps, target, ctx), bodyKind(target), { before, after }, object);
      return object;
    };
    const scope = { ...ctx, ownersKept: true };
    const window = scaleWindow(def);
    const { object } = await updateObject(this.deps, target, transform, scope, { window });
    return { def, object: shownScale(def, object) as KubeObject, created: false };
  }

  async #scalable(target: Target, resourceVersion: string): Promise<KubeObject> {
    const { def, name } = target;
    try {
      const entry = await getObject(this.deps, target, resourceVersion);
      return fromStorage(def, objectOf(entry));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw notFound(scaleResource(def), name);
    }
  }

  #podOf(target: Target, name: string): Target {
    const pods = { group: '', version: 'v1', resource: 'pods' };
    const def = this.deps.kinds.forResource(pods);
    if (def === undefined) throw pathNotFound();
    return { def, namespace: target.namespace, name, subresource: 'binding' };
  }
}
