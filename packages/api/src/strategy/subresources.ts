/** Updates through subresources other than `status` and `scale`: each lets one part of the object change. */
import type { CertificateSigningRequest, Namespace, Pod } from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';

/** The object gets everything of the stored one, but its metadata's version and the part that may change. */
function adopt(object: KubeObject, old: KubeObject): void {
  const { resourceVersion, managedFields } = object.metadata;
  const copy = structuredClone(old);
  for (const key of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[key];
  Object.assign(object, copy);
  object.metadata = { ...copy.metadata, resourceVersion, managedFields };
}

function ephemeralContainers(pod: Pod, old: Pod): void {
  const wanted = pod.spec?.ephemeralContainers;
  adopt(pod, old);
  if (!pod.spec) return;
  if (wanted) pod.spec.ephemeralContainers = wanted;
  else delete pod.spec.ephemeralContainers;
}

function finalize(ns: Namespace, old: Namespace): void {
  const wanted = ns.spec?.finalizers;
  adopt(ns, old);
  ns.spec = wanted ? { finalizers: wanted } : {};
}

/** Whoever approves may also note something in the metadata. */
function approval(csr: CertificateSigningRequest, old: CertificateSigningRequest): void {
  const { conditions } = csr.status ?? {};
  csr.spec = old.spec;
  csr.status = { ...old.status, conditions };
}

const PREPARE: Readonly<Record<string, (object: never, old: never) => void>> = {
  'pods/ephemeralcontainers': ephemeralContainers,
  'namespaces/finalize': finalize,
  'certificatesigningrequests/approval': approval,
};

/** Puts back what this subresource may not change, in place; unknown subresources change what they like. */
export function prepareSubresource(path: string, object: KubeObject, old: KubeObject): void {
  PREPARE[path]?.(object as never, old as never);
}
