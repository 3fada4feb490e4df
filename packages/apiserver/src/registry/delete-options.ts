/** The options of a delete, and what they mean for an object. */
import {
  conflict,
  decodeType,
  isJsonObject,
  type KindDef,
  type KubeObject,
  unclassified,
} from '@kubets/api';
import { isPod, orphansByDefault } from './kind-rules.ts';
import { noObjectText } from './unrecognized.ts';

/** As in the API's DeleteOptions; checked by the edge. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly orphanDependents?: boolean | undefined;
  readonly dryRun?: readonly string[] | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const DEFAULT_POD_GRACE_SECONDS = 30;

/** @throws ApiError Conflict when the object is not the one the caller means */
export function checkPreconditions(def: KindDef, object: KubeObject, o: DeleteOptions): void {
  const { uid, resourceVersion } = o.preconditions ?? {};
  const about = { group: def.group, resource: def.kind };
  const name = object.metadata.name ?? '';
  if (uid && uid !== object.metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(about, name, why);
  }
  if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${object.metadata.resourceVersion}). The object might have been modified`;
    throw conflict(about, name, why);
  }
}

/** The object's finalizers once the garbage collector's two are as the options want them. */
export function finalizersFor(def: KindDef, object: KubeObject, o: DeleteOptions): string[] {
  const present = object.metadata.finalizers ?? [];
  const kept = present.filter((each) => each !== ORPHAN && each !== FOREGROUND);
  if (wantsOrphan(def, present, o)) kept.push(ORPHAN);
  if (wantsForeground(present, o)) kept.push(FOREGROUND);
  return kept;
}

function wantsOrphan(def: KindDef, present: readonly string[], o: DeleteOptions): boolean {
  if (o.orphanDependents !== undefined) return o.orphanDependents;
  if (o.propagationPolicy !== undefined) return o.propagationPolicy === 'Orphan';
  return present.includes(ORPHAN) || orphansByDefault(def);
}

function wantsForeground(present: readonly string[], o: DeleteOptions): boolean {
  if (o.orphanDependents !== undefined) return false;
  if (o.propagationPolicy !== undefined) return o.propagationPolicy === 'Foreground';
  return present.includes(FOREGROUND);
}

/** Seconds the object may take to end: pods only, and only while a kubelet runs them. */
export function graceSeconds(def: KindDef, object: KubeObject, o: DeleteOptions): number {
  if (!isPod(def)) return 0;
  const pod = object as {
    spec?: { nodeName?: string; terminationGracePeriodSeconds?: number };
    status?: { phase?: string };
  };
  const phase = pod.status?.phase ?? '';
  if (!pod.spec?.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = pod.spec.terminationGracePeriodSeconds ?? DEFAULT_POD_GRACE_SECONDS;
  const wanted = o.gracePeriodSeconds ?? own;
  return wanted < 0 ? 1 : wanted;
}

/**
 * A body that is refused must not count as none: the object would go although its sender asked for something else.
 * @throws ApiError 500 without a reason when a body is no DeleteOptions, as the stock server answers
 */
export function deleteOptionsFrom(body: unknown): DeleteOptions {
  if (body === null) return {};
  if (!isJsonObject(body)) throw unclassified(noObjectText(body));
  const { kind = '' } = body;
  if (kind !== '' && kind !== 'DeleteOptions') {
    throw unclassified('decoded object cannot be converted to DeleteOptions');
  }
  const { object, typeErrors } = decodeType('meta.v1.DeleteOptions', body);
  const [first] = typeErrors;
  if (first !== undefined) throw unclassified(first);
  const { kind: _kind, apiVersion: _version, ...options } = object;
  return options as DeleteOptions;
}

/** The success of a delete that leaves nothing to show. */
export function deletedStatus(def: KindDef, object: KubeObject): KubeObject {
  const { name, uid } = object.metadata;
  const { group, resource: kind } = def;
  const details = { name, ...(group && { group }), kind, uid };
  const status = 'Success';
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status, ...{ details } };
}
