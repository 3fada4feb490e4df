/** What the real API does to objects of particular kinds on their way in and out, as far as controllers depend on it. */

import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@kubets/api';

/** A tree under change: the fake handles every kind, so it sees objects as plain JSON. */
export interface Loose {
  apiVersion?: string;
  kind?: string;
  metadata: Record<string, unknown> & {
    name?: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    generateName?: string;
    finalizers?: string[];
    deletionTimestamp?: string;
    deletionGracePeriodSeconds?: number;
    resourceVersion?: string;
    creationTimestamp?: string;
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** A private copy to change. */
export function looseCopy(object: KubeObject): Loose {
  const copy = structuredClone(object) as unknown as Loose;
  copy.metadata ??= {};
  return copy;
}

export function asObject(loose: Loose): KubeObject {
  return loose as unknown as KubeObject;
}

const SEEDED_STATUS = new Set(['nodes', 'namespaces']);
const DEFAULT_GRACE_SECONDS = 30;

/** What a client may not decide itself at creation: status, and the first state of namespaces and pods. */
export function prepareCreate(resource: string, object: Loose, generations: boolean): void {
  if (!SEEDED_STATUS.has(resource)) delete object.status;
  if (resource === 'pods') object.status = { phase: 'Pending' };
  if (resource === 'namespaces') {
    object.spec = { finalizers: ['kubernetes'], ...object.spec };
    object.status = { phase: 'Active', ...object.status };
  }
  if (generations) object.metadata.generation = 1;
}

const FIXED = ['name', 'namespace', 'uid', 'creationTimestamp'] as const;
const DELETION = ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation'] as const;

/** Puts back what an update may not change. */
export function prepareUpdate(
  object: Loose,
  old: Loose,
  subresource: string,
  generations: boolean,
): Loose {
  if (subresource === 'status') {
    const kept = structuredClone(old);
    const metadata = { ...kept.metadata };
    if (object.metadata.annotations === undefined) delete metadata.annotations;
    else metadata.annotations = structuredClone(object.metadata.annotations);
    return { ...kept, metadata, status: object.status ?? {} };
  }
  const next: Loose = { ...object, metadata: { ...object.metadata } };
  for (const field of [...FIXED, ...DELETION]) {
    if (old.metadata[field] === undefined) delete next.metadata[field];
    else Object.assign(next.metadata, { [field]: old.metadata[field] });
  }
  if (old.status === undefined) delete next.status;
  else next.status = structuredClone(old.status);
  if (generations && !isDeepStrictEqual(wishOf(next), wishOf(old))) {
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  return next;
}

/** What a generation counts: of a Deployment the annotations too, as they go on to its ReplicaSets. */
function wishOf(object: Loose): unknown {
  const annotations = object.kind === 'Deployment' ? object.metadata.annotations : undefined;
  return [object.spec, annotations];
}

/** Whether two states differ in more than their version. */
export function sameState(left: Loose, right: Loose): boolean {
  const plain = (object: Loose): Loose => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: '' },
  });
  return isDeepStrictEqual(plain(left), plain(right));
}

export interface DeletionRequest {
  readonly nowIso: string;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  /** Whether assigned pods wait for their node to confirm. */
  readonly gracefulPods: boolean;
}

/** @returns the marked object that stays for now, or undefined when it goes at once */
export function markDeleted(
  resource: string,
  object: Loose,
  request: DeletionRequest,
): Loose | undefined {
  const graceSeconds = graceOf(resource, object, request);
  const finalizers = finalizersFor(object, request.propagationPolicy);
  const namespaceHeld = resource === 'namespaces' && namespaceFinalizers(object).length > 0;
  if (graceSeconds === 0 && finalizers.length === 0 && !namespaceHeld) return undefined;
  const { metadata } = object;
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  if (metadata.deletionTimestamp === undefined) {
    const atMs = Date.parse(request.nowIso) + graceSeconds * 1_000;
    metadata.deletionTimestamp = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
    if (metadata.generation !== undefined) metadata.generation += 1;
  }
  if (resource === 'pods' || graceSeconds === 0) metadata.deletionGracePeriodSeconds = graceSeconds;
  if (resource === 'namespaces') object.status = { ...object.status, phase: 'Terminating' };
  return object;
}

function graceOf(resource: string, object: Loose, request: DeletionRequest): number {
  if (resource !== 'pods' || !request.gracefulPods) return 0;
  const phase = object.status?.phase;
  if (object.spec?.nodeName === undefined || phase === 'Succeeded' || phase === 'Failed') return 0;
  const wanted = object.spec.terminationGracePeriodSeconds;
  const own = typeof wanted === 'number' ? wanted : DEFAULT_GRACE_SECONDS;
  return request.gracePeriodSeconds ?? own;
}

function finalizersFor(object: Loose, policy: string | undefined): string[] {
  const own = (object.metadata.finalizers ?? []).filter(
    (name) => policy === undefined || (name !== 'orphan' && name !== 'foregroundDeletion'),
  );
  if (policy === 'Foreground') return [...own, 'foregroundDeletion'];
  return policy === 'Orphan' ? [...own, 'orphan'] : own;
}

function namespaceFinalizers(object: Loose): unknown[] {
  const finalizers = object.spec?.finalizers;
  return Array.isArray(finalizers) ? finalizers : [];
}

/** Whether a marked object has nothing left to wait for. */
export function mayGo(resource: string, object: Loose): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0) return false;
  if (resource === 'namespaces') return namespaceFinalizers(object).length === 0;
  return resource !== 'pods' || deletionGracePeriodSeconds === 0;
}
