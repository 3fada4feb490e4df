/** A pod that a node makes itself must not bring it rights: it refers to no other object. */
import type { Pod } from '@kubets/api';
import { MIRROR_ANNOTATION } from '../auth/identity.ts';
import { podReferences, type ReferencedKind } from '../auth/node-graph.ts';

/** Whether a pod names objects of a kind, even one that a node makes itself. */
export const refersTo = (pod: Pod, kind: ReferencedKind): boolean => kindsReferred(pod).has(kind);

function kindsReferred(pod: Pod): ReadonlySet<string> {
  const { [MIRROR_ANNOTATION]: _mirror, ...annotations } = pod.metadata.annotations ?? {};
  const plain = { ...pod, metadata: { ...pod.metadata, annotations } };
  return new Set([...podReferences(plain)].map((key) => key.slice(0, key.indexOf('/'))));
}

/** What the pod refers to and must not, as the end of a sentence. */
export function referenceFault(pod: Pod): string | undefined {
  const { spec } = pod;
  if (spec?.serviceAccountName) return 'reference a service account';
  const kinds = kindsReferred(pod);
  if (kinds.has('secrets')) return 'reference secrets';
  if (kinds.has('configmaps')) return 'reference configmaps';
  const volumes = spec?.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some((source) => source.clusterTrustBundle)) return 'reference clustertrustbundles';
  if (volumes.some((volume) => volume.persistentVolumeClaim)) {
    return 'reference persistentvolumeclaims';
  }
  return (spec?.resourceClaims ?? []).length > 0 ? 'reference resourceclaims' : undefined;
}
