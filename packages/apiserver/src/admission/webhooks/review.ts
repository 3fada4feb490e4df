import type { KubeObject } from '@kubets/api';
import { userInfoJson } from '../../auth/identity.ts';
import type { AdmissionAttributes } from '../../ports.ts';

/** A write as webhooks are told of it, and as expressions see it under `request`. */
export function admissionRequest(a: AdmissionAttributes, uid: string) {
  const { group, version, kind } = a.kind;
  const resource = a.resource;
  const gvk = { group, version, kind };
  const sub = a.subresource
    ? { subResource: a.subresource, requestSubResource: a.subresource }
    : {};
  return {
    uid,
    kind: gvk,
    resource,
    ...sub,
    requestKind: gvk,
    requestResource: resource,
    name: a.name || (a.object?.metadata.name ?? ''),
    ...(a.namespace ? { namespace: a.namespace } : {}),
    operation: a.operation,
    userInfo: userInfoJson(a.user),
    object: namedObject(a, a.object),
    oldObject: namedObject(a, a.oldObject),
    dryRun: a.dryRun,
    options: Object.keys(a.options).length > 0 ? a.options : null,
  };
}

/** An object of the write with its kind and version. */
export function namedObject(a: AdmissionAttributes, object: KubeObject | undefined): object | null {
  return object ? { ...object, apiVersion: a.kind.apiVersion, kind: a.kind.kind } : null;
}
