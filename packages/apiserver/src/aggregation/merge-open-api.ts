/**
 * One OpenAPI v2 document of several servers. By kube-aggregator's rules: what a server says of paths below `/apis/` is
 * taken unless somebody before it has the path; a definition that means something else under a name that is taken
 * gets another name.
 */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '@kubets/api';

const KINDS = 'x-kubernetes-group-version-kind';
/** The parts of a document that others point to by name. */
const SHARED = ['definitions', 'parameters'] as const;
type Shared = (typeof SHARED)[number];

const partOf = (document: JsonObject, name: string): JsonObject => {
  const part = document[name];
  return isJsonObject(part) ? part : {};
};

/** Calls back for each `$ref`; what comes back takes its place in the copy. */
function mapped(value: unknown, change: (ref: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => mapped(one, change));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, one]) => [
    key,
    key === '$ref' && typeof one === 'string' ? change(one) : mapped(one, change),
  ]);
  return Object.fromEntries(entries);
}

function refsOf(value: unknown): string[] {
  const refs: string[] = [];
  mapped(value, (ref) => {
    refs.push(ref);
    return ref;
  });
  return refs;
}

function target(ref: string): [Shared, string] | undefined {
  const [root, section, name = ''] = ref.split('/');
  const shared = SHARED.find((one) => one === section);
  return root === '#' && shared !== undefined ? [shared, name] : undefined;
}

/** The paths that pass, and of the shared parts what they lead to. */
function narrowed(document: JsonObject, wants: (path: string) => boolean): JsonObject {
  const paths = Object.fromEntries(
    Object.entries(partOf(document, 'paths')).filter(([path]) => wants(path)),
  );
  const kept: Record<Shared, JsonObject> = { definitions: {}, parameters: {} };
  const waiting = refsOf(paths);
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
    const [section, name] = target(ref) ?? [];
    if (section === undefined || name === undefined || Object.hasOwn(kept[section], name)) continue;
    const all = partOf(document, section);
    if (!Object.hasOwn(all, name)) continue;
    kept[section][name] = all[name];
    waiting.push(...refsOf(all[name]));
  }
  return { paths, ...kept };
}

/** What an extension server's document says of the API groups it may have. */
export const extensionPart = (document: JsonObject): JsonObject =>
  narrowed(document, (path) => path.startsWith('/apis/'));

/** A definition's kinds apart: the same shape may be shared by the kinds of several servers. */
function isSame(a: unknown, b: unknown): boolean {
  if (!isJsonObject(a) || !isJsonObject(b)) return isDeepStrictEqual(a, b);
  const { [KINDS]: _ofA, ...shapeA } = a;
  const { [KINDS]: _ofB, ...shapeB } = b;
  return isDeepStrictEqual(shapeA, shapeB);
}

function withKindsOf(into: unknown, from: unknown): unknown {
  if (!isJsonObject(into) || !isJsonObject(from) || !Array.isArray(from[KINDS])) return into;
  const known = Array.isArray(into[KINDS]) ? into[KINDS] : [];
  const more = from[KINDS].filter((kind) => !known.some((one) => isDeepStrictEqual(one, kind)));
  return more.length === 0 ? into : { ...into, [KINDS]: [...known, ...more] };
}

/** Names for the shared parts of a document beside those that are taken. */
function renames(into: JsonObject, from: JsonObject): Map<string, string> {
  const names = new Map<string, string>();
  for (const section of SHARED) {
    const [taken, added] = [partOf(into, section), partOf(from, section)];
    for (const [name, value] of Object.entries(added)) {
      let next = name;
      const isFree = (one: string): boolean =>
        !Object.hasOwn(taken, one) || isSame(taken[one], value);
      for (let i = 2; !isFree(next) || (next !== name && Object.hasOwn(added, next)); i += 1) {
        next = `${name}_v${i}`;
      }
      if (next !== name) names.set(`#/${section}/${name}`, `#/${section}/${next}`);
    }
  }
  return names;
}

/** @param added the parts of extension servers, the most important first */
export function mergedOpenApi(own: JsonObject, added: readonly JsonObject[]): JsonObject {
  let merged = own;
  for (const extension of added) merged = withPart(merged, extension);
  return merged;
}

function withPart(into: JsonObject, extension: JsonObject): JsonObject {
  const paths = partOf(into, 'paths');
  const fresh = narrowed(extension, (path) => !Object.hasOwn(paths, path));
  const names = renames(into, fresh);
  const from = mapped(fresh, (ref) => names.get(ref) ?? ref) as JsonObject;
  const out: JsonObject = { ...into, paths: { ...paths, ...partOf(from, 'paths') } };
  for (const section of SHARED) {
    const known = partOf(into, section);
    const more = Object.entries(partOf(from, section)).map(([name, value]) => {
      const next = names.get(`#/${section}/${name}`)?.slice(`#/${section}/`.length) ?? name;
      return [next, Object.hasOwn(known, next) ? withKindsOf(known[next], value) : value];
    });
    if (more.length > 0) out[section] = { ...known, ...Object.fromEntries(more) };
  }
  return out;
}
