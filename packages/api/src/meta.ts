/** Vocabulary shared by all kinds: objects, group/version/kind and group/version/resource. */
import type { ObjectMeta } from './generated/types.ts';

/** What every stored object has in common. Every generated kind is assignable to it. */
export interface KubeObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
}

/** A JSON object whose fields are not known at compile time. */
export type JsonObject = { [field: string]: unknown };

export interface GroupVersion {
  /** `''` is the legacy core group. */
  group: string;
  version: string;
}

export interface GroupVersionResource extends GroupVersion {
  /** Lower-case plural, as in a URL. */
  resource: string;
}

export interface GroupVersionKind extends GroupVersion {
  kind: string;
}

export interface GroupResource {
  group: string;
  resource: string;
}

export interface GroupKind {
  group: string;
  kind: string;
}

/** `apps/v1` → `{ group: 'apps', version: 'v1' }`; `v1` → the core group. */
export function parseApiVersion(apiVersion: string): GroupVersion {
  const at = apiVersion.indexOf('/');
  if (at < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, at), version: apiVersion.slice(at + 1) };
}

/** `{ group: 'apps', version: 'v1' }` → `apps/v1`. */
export function apiVersionOf(gv: GroupVersion): string {
  return gv.group === '' ? gv.version : `${gv.group}/${gv.version}`;
}

/** `deployments.apps`, or `pods` for the core group: how messages name a resource. */
export function resourceText(gr: GroupResource): string {
  return gr.group === '' ? gr.resource : `${gr.resource}.${gr.group}`;
}

/** `Deployment.apps`, or `Pod` for the core group: how messages name a kind. */
export function kindText(gk: GroupKind): string {
  return gk.group === '' ? gk.kind : `${gk.kind}.${gk.group}`;
}

/** Is this a JSON object (neither null nor a list)? */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `namespace/name`, or `name` for an object of the cluster: the key informers and queues use. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name ?? ''}` : (name ?? '');
}
