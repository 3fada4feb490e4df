/** Files of configMap, secret, downwardAPI and projected volumes. Pure. */
import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '@kubets/api';
import { type DownwardFacts, fieldValue, resourceValue } from './downward.ts';
import { allContainers, specOf } from './pod.ts';

/** A volume refers to something that is not there: tried again later. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

export interface PayloadFile {
  readonly data: Buffer;
  /** Permission bits. */
  readonly mode: number;
  /** Who owns the file; root when not given. */
  readonly uid?: number | undefined;
}

/** Relative path → file. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DEFAULT_FILE_MODE = 0o644;

const TOKEN_FILE_MODE = 0o600;

/** The user that all containers of a pod run as, if the pod says so. */
function sharedUser(pod: Pod): number | undefined {
  const { runAsUser } = specOf(pod).securityContext ?? {};
  const users = allContainers(pod).map((one) => one.securityContext?.runAsUser ?? runAsUser);
  return new Set(users).size === 1 ? users[0] : undefined;
}

/** The file of a token: nobody else reads it when it is known who should. */
export function tokenFile(pod: Pod, token: string, defaultMode: number | undefined): PayloadFile {
  const uid = sharedUser(pod);
  const isKnown = uid !== undefined || specOf(pod).securityContext?.fsGroup !== undefined;
  const mode = isKnown ? TOKEN_FILE_MODE : (defaultMode ?? DEFAULT_FILE_MODE);
  return { data: Buffer.from(token, 'utf8'), mode, uid };
}

export interface Selection {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number | undefined;
  readonly optional: boolean;
}

/** A path inside a volume may not lead out of it. */
function checkPath(path: string): string {
  const bad = path.startsWith('/') || path.split('/').some((part) => part === '..');
  if (path === '' || bad) throw new PayloadError(`path "${path}" leads out of the volume`);
  return path;
}

const missingKey = (what: 'configmap' | 'secret', key: string): string =>
  what === 'configmap'
    ? `configmap references non-existent config key: ${key}`
    : `references non-existent secret key: ${key}`;

function select(
  what: 'configmap' | 'secret',
  all: ReadonlyMap<string, Buffer>,
  { items, defaultMode = DEFAULT_FILE_MODE, optional }: Selection,
): Payload {
  const out = new Map<string, PayloadFile>();
  if (items === undefined || items.length === 0) {
    for (const [key, data] of all) out.set(checkPath(key), { data, mode: defaultMode });
    return out;
  }
  for (const { key, path, mode } of items) {
    const data = all.get(key);
    if (data !== undefined) out.set(checkPath(path), { data, mode: mode ?? defaultMode });
    else if (!optional) throw new PayloadError(missingKey(what, key));
  }
  return out;
}

/** @param map undefined: there is none */
export function configMapPayload(
  name: string,
  map: ConfigMap | undefined,
  selection: Selection,
): Payload {
  if (map === undefined) {
    if (selection.optional) return new Map();
    throw new PayloadError(`configmap "${name}" not found`);
  }
  const all = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(map.data ?? {})) all.set(key, Buffer.from(text, 'utf8'));
  for (const [key, text] of Object.entries(map.binaryData ?? {})) {
    all.set(key, Buffer.from(text, 'base64'));
  }
  return select('configmap', all, selection);
}

/** @param secret undefined: there is none */
export function secretPayload(
  name: string,
  secret: Secret | undefined,
  selection: Selection,
): Payload {
  if (secret === undefined) {
    if (selection.optional) return new Map();
    throw new PayloadError(`secret "${name}" not found`);
  }
  const entries = Object.entries(secret.data ?? {});
  const all = new Map(entries.map(([key, text]) => [key, Buffer.from(text, 'base64')] as const));
  return select('secret', all, selection);
}

/** Files that tell a pod about itself. */
export function downwardPayload(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number | undefined,
  facts: DownwardFacts,
): Payload {
  const out = new Map<string, PayloadFile>();
  for (const item of items) {
    const text =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef, facts)
        : item.resourceFieldRef !== undefined
          ? resourceValue(pod, item.resourceFieldRef, undefined, facts)
          : '';
    const mode = item.mode ?? defaultMode ?? DEFAULT_FILE_MODE;
    out.set(checkPath(item.path), { data: Buffer.from(text, 'utf8'), mode });
  }
  return out;
}
