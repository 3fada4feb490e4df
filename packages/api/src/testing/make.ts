/** Short ways to objects as they look after decoding, for tests. */
import { defaultObject } from '../defaults/index.ts';
import type { Pod, PodSpec } from '../generated/types.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind, type KindDef } from '../registry.ts';
import { decodeStrict } from '../schema/decode.ts';
import { prepareForCreate } from '../strategy/strategy.ts';
import { validateCreate } from '../validation/index.ts';

/** A partial object, deep. */
export type Loose = JsonObject;

export const META = { name: 'x', namespace: 'n' };

/** Decoded and defaulted. */
export function defaulted<T extends KubeObject>(def: KindDef, body: Loose): T {
  const { object } = decodeStrict(def, { metadata: META, ...body });
  object.kind = def.kind;
  object.apiVersion = def.apiVersion;
  if (!def.namespaced) delete object.metadata.namespace;
  defaultObject(def, object);
  return object as T;
}

/** Decoded, defaulted and prepared, as it would be stored. */
export function created<T extends KubeObject>(def: KindDef, body: Loose): T {
  const object = defaulted<T>(def, body);
  object.metadata.uid ??= '11111111-1111-4111-8111-111111111111';
  object.metadata.creationTimestamp = '2024-01-02T03:04:05Z';
  prepareForCreate(def, object);
  return object;
}

/** The messages of creating it; empty when it is fine. */
export function complaints(def: KindDef, body: Loose): string[] {
  return validateCreate(def, created(def, body)).map(String);
}

const podDef = builtinKind('v1', 'Pod');

/** A stored pod with one container, and whatever else the spec is to have. */
export function pod(spec: Loose = {}, container: Loose = {}): Pod {
  const containers = [{ name: 'c', image: 'img:1', ...container }];
  return created<Pod>(podDef, { spec: { containers, ...spec } });
}

/** The messages of creating such a pod. */
export function podComplaints(spec: Loose = {}, container: Loose = {}): string[] {
  const containers = [{ name: 'c', image: 'img:1', ...container }];
  return complaints(podDef, { spec: { containers, ...spec } });
}

export function specOf(p: Pod): PodSpec {
  if (!p.spec) throw new Error('the pod has no spec');
  return p.spec;
}

/** A template for workloads. */
export const TEMPLATE: Loose = {
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image: 'img:1' }] },
};
export const SELECTOR: Loose = { matchLabels: { app: 'a' } };

const REQUEST_LINES = [
  'MIHSMHoCAQAwGDEKMAgGA1UEAwwBdTEKMAgGA1UECgwBZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEl0K8r85lGo9hnM',
  '/xFByGkKD5xwQD9Z500uW3DYBfJcnKU0d8Oocwv9afLIqv0JLWfKTjUsiz8R/L4vH5g3TqOgADAKBggqhkjOPQQDAgNIADBF',
  'AiEAqeLnsZ2CYFvhiPTdkY0ueOCoUjZqPaCM06jSzy/k5AICID2Yg2a2dWZMPQXFj2uJDvfOSR29zXlzeD6SRoARMpAb',
];

/** The `request` of a CertificateSigningRequest: a user `u` of group `g`. */
export const SIGNING_REQUEST = Buffer.from(
  `-----BEGIN CERTIFICATE REQUEST-----\n${REQUEST_LINES.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`,
).toString('base64');
