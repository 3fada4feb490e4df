/** OpenAPI documents out of the registry and the schema. */
import { createHash } from 'node:crypto';
import { apiVersionOf, type GroupVersion, type JsonObject } from '../meta.ts';
import type { KindDef, KindRegistry } from '../registry.ts';
import { baseName, type FieldDef, findType, type TypeDef, type TypeRef } from '../schema/schema.ts';
import { describeField, describeItems, describeParameter, describeType } from './describe.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.',
  intstr: 'io.k8s.apimachinery.pkg.util.',
  resource: 'io.k8s.apimachinery.pkg.api.',
  runtime: 'io.k8s.apimachinery.pkg.',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.',
};

/** `core.v1.Pod` → `io.k8s.api.core.v1.Pod`: how documents name a type. */
export function documentTypeName(typeName: string): string {
  // Types that came at run time have a namespace of keys before their own name.
  if (typeName.includes('/')) return typeName.slice(typeName.lastIndexOf('/') + 1);
  const home = typeName.slice(0, typeName.indexOf('.'));
  return (PACKAGES[home] ?? 'io.k8s.api.') + typeName;
}

/** How one of the two document versions writes references. */
interface Dialect {
  prefix: string;
  v3: boolean;
}

const V2: Dialect = { prefix: '#/definitions/', v3: false };
const V3: Dialect = { prefix: '#/components/schemas/', v3: true };

const SPECIAL_TYPES: Readonly<Record<string, string>> = {
  time: 'meta.v1.Time',
  microTime: 'meta.v1.MicroTime',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
};

const SPECIAL_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  'meta.v1.Time': { type: 'string', format: 'date-time', description: 'A time, as RFC 3339.' },
  'meta.v1.MicroTime': {
    type: 'string',
    format: 'date-time',
    description: 'A time with microseconds, as RFC 3339.',
  },
  'resource.Quantity': {
    type: 'string',
    description: 'An amount: a number with an optional suffix, such as 100m, 2 or 512Mi.',
  },
  'intstr.IntOrString': {
    type: 'string',
    format: 'int-or-string',
    description: 'A number or a text.',
  },
};

function v3Special(name: string, schema: JsonObject): JsonObject {
  const { type: _type, ...rest } = schema;
  if (name === 'intstr.IntOrString') {
    return { ...rest, oneOf: [{ type: 'integer' }, { type: 'string' }] };
  }
  if (name === 'resource.Quantity') {
    return { ...rest, oneOf: [{ type: 'string' }, { type: 'number' }] };
  }
  return schema;
}

function scalarSchema(kind: TypeRef['kind']): JsonObject {
  switch (kind) {
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: kind };
    case 'double':
      return { type: 'number', format: 'double' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'raw':
      return { type: 'object' };
    case 'string':
      return { type: 'string' };
    default:
      return {};
  }
}

function refSchema(ref: TypeRef, d: Dialect): JsonObject {
  switch (ref.kind) {
    case 'list':
      return { type: 'array', items: refSchema(ref.of, d) };
    case 'map':
      return { type: 'object', additionalProperties: refSchema(ref.of, d) };
    case 'struct':
      return { $ref: d.prefix + documentTypeName(ref.name) };
    default: {
      const special = SPECIAL_TYPES[ref.kind];
      if (special) return { $ref: d.prefix + documentTypeName(special) };
      return scalarSchema(ref.kind);
    }
  }
}

function fieldSchema(field: FieldDef, d: Dialect, home: string): JsonObject {
  const isItems = field.name === 'items' && home.endsWith('List');
  const description = isItems ? describeItems(home) : describeField(field);
  const out: JsonObject = { description };
  const schema = refSchema(field.type, d);
  // In version 3 nothing may stand beside a reference.
  if (d.v3 && schema.$ref) out.allOf = [schema];
  else Object.assign(out, schema);
  if (field.listType) out['x-kubernetes-list-type'] = field.listType;
  if (field.listKeys.length > 0) out['x-kubernetes-list-map-keys'] = field.listKeys;
  if (field.patchStrategies.length > 0) {
    out['x-kubernetes-patch-strategy'] = field.patchStrategies.join(',');
  }
  if (field.mergeKey) out['x-kubernetes-patch-merge-key'] = field.mergeKey;
  if (field.atomicMap) out['x-kubernetes-map-type'] = 'atomic';
  return out;
}

function typeSchema(type: TypeDef, d: Dialect): JsonObject {
  const special = SPECIAL_SCHEMAS[type.name];
  if (special) return d.v3 ? v3Special(type.name, special) : special;
  const out: JsonObject = { type: 'object', description: describeType(baseName(type.name)) };
  const properties: JsonObject = {};
  const home = baseName(type.name);
  for (const field of type.fields.values()) properties[field.name] = fieldSchema(field, d, home);
  if (type.fields.size > 0) out.properties = properties;
  const required = [...type.fields.values()].filter((f) => f.required).map((f) => f.name);
  if (required.length > 0) out.required = required;
  if (type.atomic) out['x-kubernetes-map-type'] = 'atomic';
  if (type.gvk) {
    const [group, version, kind] = type.gvk;
    out['x-kubernetes-group-version-kind'] = [{ group, version, kind }];
  }
  return out;
}

function refName(ref: TypeRef): string | undefined {
  if (ref.kind === 'list' || ref.kind === 'map') return refName(ref.of);
  return ref.kind === 'struct' ? ref.name : SPECIAL_TYPES[ref.kind];
}

/** Schemas of the given types and of everything they are made of, by document name. */
function schemasFor(roots: Iterable<string>, d: Dialect): JsonObject {
  const out = new Map<string, JsonObject>();
  const wanted = [...roots];
  while (wanted.length > 0) {
    const name = wanted.pop() ?? '';
    const key = documentTypeName(name);
    const type = findType(name);
    if (out.has(key) || !type) continue;
    out.set(key, typeSchema(type, d));
    for (const field of type.fields.values()) {
      const next = refName(field.type);
      if (next) wanted.push(next);
    }
  }
  return Object.fromEntries([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** With the schemas that kinds bring along themselves. */
function allSchemas(defs: readonly KindDef[], d: Dialect): JsonObject {
  const own = defs.map((def) => def.rules?.openApi?.(d.v3 ? 'v3' : 'v2') ?? {});
  return Object.assign(schemasFor(rootsOf(defs), d), ...own) as JsonObject;
}

function queryParameter(name: string, type: string, d: Dialect): JsonObject {
  const schema = d.v3 ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true };
  const description = describeParameter(name);
  return { ...(description === undefined ? {} : { description }), name, in: 'query', ...schema };
}

function pathParameter(name: string, d: Dialect): JsonObject {
  const schema = d.v3 ? { schema: { type: 'string' } } : { type: 'string' };
  return { name, in: 'path', required: true, ...schema };
}

const LIST_PARAMETERS: readonly [string, string][] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
];
const WRITE_PARAMETERS: readonly [string, string][] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
];
const DELETE_PARAMETERS: readonly [string, string][] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];

const PARAMETERS: Readonly<Record<string, readonly [string, string][]>> = {
  list: LIST_PARAMETERS,
  deletecollection: [...LIST_PARAMETERS, ...DELETE_PARAMETERS],
  post: WRITE_PARAMETERS,
  put: WRITE_PARAMETERS,
  patch: [...WRITE_PARAMETERS, ['force', 'boolean']],
  delete: DELETE_PARAMETERS,
  get: [],
};

function responseSchema(typeName: string, d: Dialect): JsonObject {
  const schema = { $ref: d.prefix + documentTypeName(typeName) };
  const ok = d.v3 ? { content: { 'application/json': { schema } } } : { schema };
  return { '200': { description: 'OK', ...ok }, '401': { description: 'Unauthorized' } };
}

/** What an operation works on: the kind it names and the type it answers. */
interface Target {
  gvk: { group: string; version: string; kind: string };
  typeName: string;
}

function operation(action: string, target: Target, d: Dialect): JsonObject {
  const parameters = (PARAMETERS[action] ?? []).map(([n, t]) => queryParameter(n, t, d));
  const typeName = action === 'list' ? `${target.typeName}List` : target.typeName;
  return {
    ...(parameters.length > 0 ? { parameters } : {}),
    responses: responseSchema(typeName, d),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': target.gvk,
  };
}

const COLLECTION_VERBS: readonly [verb: string, method: string, action: string][] = [
  ['list', 'get', 'list'],
  ['create', 'post', 'post'],
  ['deletecollection', 'delete', 'deletecollection'],
];
const OBJECT_VERBS: readonly [verb: string, method: string, action: string][] = [
  ['get', 'get', 'get'],
  ['update', 'put', 'put'],
  ['patch', 'patch', 'patch'],
  ['delete', 'delete', 'delete'],
  ['create', 'post', 'post'],
];

function operations(
  verbs: readonly string[],
  set: typeof COLLECTION_VERBS,
  target: Target,
  d: Dialect,
): JsonObject {
  const out: JsonObject = {};
  for (const [verb, method, action] of set) {
    if (verbs.includes(verb)) out[method] = operation(action, target, d);
  }
  return out;
}

function kindPaths(def: KindDef, d: Dialect): JsonObject {
  const base = def.group === '' ? `/api/${def.version}` : `/apis/${def.apiVersion}`;
  const home = def.namespaced ? `${base}/namespaces/{namespace}` : base;
  const target = {
    gvk: { group: def.group, version: def.version, kind: def.kind },
    typeName: def.typeName,
  };
  const out: JsonObject = {};
  const add = (path: string, ops: JsonObject) => {
    if (Object.keys(ops).length === 0) return;
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map((m) => pathParameter(m[1] ?? '', d));
    out[path] = parameters.length > 0 ? { ...ops, parameters } : ops;
  };
  if (def.namespaced && def.verbs.includes('list')) {
    add(`${base}/${def.resource}`, operations(['list'], COLLECTION_VERBS, target, d));
  }
  add(`${home}/${def.resource}`, operations(def.verbs, COLLECTION_VERBS, target, d));
  const verbs = def.verbs.filter((v) => v !== 'create');
  add(`${home}/${def.resource}/{name}`, operations(verbs, OBJECT_VERBS, target, d));
  for (const [name, sub] of def.subresourceDefs) {
    const gvk = {
      group: sub.version ? (sub.group ?? '') : def.group,
      version: sub.version ?? def.version,
      kind: sub.kind,
    };
    const typeName = sub.kind === 'Scale' ? 'autoscaling.v1.Scale' : def.typeName;
    const ops = operations(sub.verbs, OBJECT_VERBS, { gvk, typeName }, d);
    add(`${home}/${def.resource}/{name}/${name}`, ops);
  }
  return out;
}

const COMMON_TYPES = ['meta.v1.Status', 'meta.v1.DeleteOptions', 'meta.v1.WatchEvent'];

function rootsOf(defs: readonly KindDef[]): string[] {
  const scale = defs.some((d) => d.subresources.scale) ? ['autoscaling.v1.Scale'] : [];
  const meta = defs.some((d) => d.rules?.openApi) ? ['meta.v1.ObjectMeta', 'meta.v1.ListMeta'] : [];
  const own = defs.flatMap((d) => [d.typeName, `${d.typeName}List`]);
  return [...own, ...scale, ...meta, ...COMMON_TYPES];
}

const INFO = { title: 'Kubernetes', version: 'v1.32.0' };

/** The OpenAPI v3 document of a group version, or undefined when there is no such version. */
export function openApiV3Document(
  registry: KindRegistry,
  gv: GroupVersion,
): JsonObject | undefined {
  const defs = registry.all().filter((d) => d.group === gv.group && d.version === gv.version);
  if (defs.length === 0) return undefined;
  const paths = Object.assign({}, ...defs.map((def) => kindPaths(def, V3))) as JsonObject;
  return {
    openapi: '3.0.0',
    info: INFO,
    paths,
    components: { schemas: allSchemas(defs, V3) },
  };
}

/** `api/v1` or `apis/apps/v1`: how the index names a document. */
export function openApiV3Path(gv: GroupVersion): string {
  return gv.group === '' ? `api/${gv.version}` : `apis/${apiVersionOf(gv)}`;
}

/** The index at `/openapi/v3`: one document a group version, with a hash clients cache by. */
export function openApiV3Index(registry: KindRegistry): JsonObject {
  const versions = new Map<string, KindDef[]>();
  for (const def of registry.all()) {
    const path = openApiV3Path(def);
    versions.set(path, [...(versions.get(path) ?? []), def]);
  }
  const paths: JsonObject = {};
  for (const [path, defs] of versions) {
    const facts = defs.map((d) => [d.kind, d.resource, d.verbs, [...d.subresourceDefs.keys()]]);
    const digest = createHash('sha256').update(JSON.stringify(facts)).digest('hex').toUpperCase();
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${digest}` };
  }
  return { paths };
}

/** The OpenAPI v2 document of everything. */
export function openApiV2(registry: KindRegistry): JsonObject {
  const defs = registry.all();
  return {
    swagger: '2.0',
    info: INFO,
    paths: Object.assign({}, ...defs.map((def) => kindPaths(def, V2))) as JsonObject,
    definitions: allSchemas(defs, V2),
  };
}
