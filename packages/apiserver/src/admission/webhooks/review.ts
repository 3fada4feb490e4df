import type { KubeObject } from '@kubets/api';
import { userInfoJson } from '../../auth/identity.ts';
import type { AdmissionAttributes, AdmissionOperation } from '../../ports.ts';

/** Kinds of the options of a write. A patch is an update; streams have none. */
const OPTIONS_KIND: Readonly<Record<AdmissionOperation, string | undefined>> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: undefined,
};

interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind of the write's object: that of the subresource where it has its own (Scale, Eviction, Binding). */
function kindOf(a: AdmissionAttributes): Gvk {
  const { group, version, kind } = a.kind;
  const sub = a.operation === 'CONNECT' ? undefined : a.kind.subresourceDefs.get(a.subresource);
  if (sub === undefined || sub.kind === kind) return { group, version, kind };
  return { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind };
}

/** A write as webhooks are told of it, and as expressions see it under `request`. */
export function admissionRequest(a: AdmissionAttributes, uid: string) {
  const resource = a.resource;
  const { original = a } = a;
  const sub = a.subresource
    ? { subResource: a.subresource, requestSubResource: a.subresource }
    : {};
  return {
    uid,
    kind: kindOf(a),
    resource,
    ...sub,
    requestKind: kindOf(original),
    requestResource: original.resource,
    name: a.name || (a.object?.metadata.name ?? ''),
    ...(a.namespace ? { namespace: a.namespace } : {}),
    operation: a.operation,
    userInfo: userInfoJson(a.user),
    object: namedObject(a, a.object),
    oldObject: namedObject(a, a.oldObject),
    dryRun: a.dryRun,
    options: optionsOf(a),
  };
}

function optionsOf({ operation, options }: AdmissionAttributes): object | null {
  const kind = OPTIONS_KIND[operation];
  return kind === undefined ? null : { kind, apiVersion: 'meta.k8s.io/v1', ...options };
}

/** An object of the write with its kind and version. */
export function namedObject(a: AdmissionAttributes, object: KubeObject | undefined): object | null {
  if (object === undefined) return null;
  const { group, version, kind } = kindOf(a);
  return { ...object, apiVersion: group === '' ? version : `${group}/${version}`, kind };
}
