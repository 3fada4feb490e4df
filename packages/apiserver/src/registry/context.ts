/** What every registry operation shares: its collaborators, and the circumstances of one request. */
import {
  type KindDef,
  type KindRegistry,
  type KubeObject,
  timeout,
  type WriteBy,
} from '@kubets/api';
import type { Clock, Logger, Random } from '@kubets/platform';
import type { CacheSet } from '../cache/cache-set.ts';
import type { CacheEntry } from '../cache/entry.ts';
import type {
  AdmissionChain,
  AuditTrail,
  FinishWrite,
  UserInfo,
  WriteHook,
  WriteScope,
} from '../ports.ts';
import type { Store } from '../storage/store.ts';
import { rfc3339 } from './time.ts';

export interface RegistryDeps {
  readonly store: Store;
  readonly caches: CacheSet;
  readonly kinds: KindRegistry;
  readonly admission: AdmissionChain;
  readonly hooks: readonly WriteHook[];
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: () => string;
  /** Whether pods may be privileged. */
  readonly allowPrivileged: boolean;
  /** Seconds an event stays after it was written last; 0: for good. */
  readonly eventTtlSeconds: number;
  /** Objects of a collection deleted at once. */
  readonly deleteWorkers: number;
  readonly log: Logger;
}

/** The object, or collection, that a request is about. */
export interface Target {
  readonly def: KindDef;
  /** '' for cluster-scoped kinds, and for a collection over all namespaces. */
  readonly namespace: string;
  /** '' for a collection. */
  readonly name: string;
  /** '' for the object itself. */
  readonly subresource: string;
}

/** The circumstances of a write. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions as sent, for admission. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Who is to own the fields this write sets; absent: unknown. */
  readonly fieldManager?: string;
  /** The object's managedFields are as they should be: the write must not record itself again. */
  readonly ownersKept?: boolean;
  warn(text: string): void;
  /** The audit event of the request, if it is written down. */
  readonly audit?: Pick<AuditTrail, 'annotate'> | undefined;
  /** Throws unless the user may create the object that an update does not find. Absent: may. */
  mayCreate?(): Promise<void>;
  /** Whether nobody can be told any more what becomes of it: its time is over, or its client has gone. Absent: somebody can. */
  isOver?(): boolean;
}

/**
 * To be asked right before a write goes to the store: one whose client was told that it had no time left, or has gone, is not
 * begun any more. What has gone to the store is not taken back.
 * @throws ApiError 504, which nobody hears
 */
export function beginWrite(ctx: WriteContext): void {
  if (ctx.isOver?.() === true) {
    throw timeout('request did not complete within the allotted timeout');
  }
}

/** A write as managed fields see it. */
export function writeBy(deps: RegistryDeps, target: Target, ctx: WriteContext): WriteBy {
  const { def, subresource } = target;
  const now = rfc3339(deps.clock.now());
  return { def, subresource, manager: ctx.fieldManager ?? '', now };
}

/** A function that gives the new object for the present one; may be called again after a conflict. */
export type Transform = (old: KubeObject) => Promise<KubeObject> | KubeObject;

/** An answer that is one object. */
export interface ObjectResult {
  readonly def: KindDef;
  readonly object: KubeObject;
  /** Whether the write made the object (status 201). */
  readonly created: boolean;
  /** The same as it was stored: its bytes can be sent as they are. */
  readonly entry?: CacheEntry;
}

/** The admission attributes of a write to a target. */
export function admissionOf(
  target: Target,
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT',
  objects: { object: KubeObject | undefined; oldObject: KubeObject | undefined },
  ctx: WriteContext,
) {
  const { def, namespace, name, subresource } = target;
  const resource = { group: def.group, version: def.version, resource: def.resource };
  return {
    operation,
    kind: def,
    resource,
    subresource,
    namespace,
    name,
    ...objects,
    options: ctx.options,
    dryRun: ctx.dryRun,
    user: ctx.user,
    addWarning: (text: string) => ctx.warn(text),
    addAuditAnnotation: (key: string, value: string, of?: 'body') =>
      ctx.audit?.annotate(key, value, of),
  };
}

const NOTHING_TO_FINISH: FinishWrite = () => undefined;

/** Runs the write hooks of a kind; gives the function that must be called with the outcome. */
export async function runHooks(
  deps: RegistryDeps,
  target: Target,
  objects: { object: KubeObject; old?: KubeObject },
  ctx: WriteContext,
): Promise<FinishWrite> {
  const scope: WriteScope = {
    user: ctx.user,
    dryRun: ctx.dryRun,
    subresource: target.subresource,
  };
  const { object, old } = objects;
  const finishes: FinishWrite[] = [];
  const finish: FinishWrite = async (stored) => {
    for (const each of finishes.toReversed()) await each(stored);
  };
  try {
    for (const hook of deps.hooks) {
      if (!isOf(target.def, hook)) continue;
      const one =
        old === undefined
          ? await hook.beginCreate?.(object, scope)
          : await hook.beginUpdate?.(object, old, scope);
      if (one !== undefined) finishes.push(one);
    }
  } catch (error) {
    await finish(false);
    throw error;
  }
  return finishes.length === 0 ? NOTHING_TO_FINISH : finish;
}

/** Tells the hooks of a kind that an object is gone. */
export async function afterDelete(
  deps: RegistryDeps,
  def: KindDef,
  object: KubeObject,
): Promise<void> {
  for (const hook of deps.hooks) {
    if (!isOf(def, hook)) continue;
    try {
      await hook.afterDelete?.(object);
    } catch (error) {
      deps.log.error({ resource: def.resource, err: error }, 'clean-up after a delete failed');
    }
  }
}

/** Whether a hook is of a kind. Lists of a kind's hooks are not made: every write would make one. */
const isOf = (def: KindDef, hook: WriteHook): boolean =>
  hook.group === def.group && hook.resource === def.resource;
