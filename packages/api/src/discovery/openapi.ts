/** OpenAPI documents out of the registry and the schema. */
import { createHash } from 'node:crypto';
import { apiVersionOf, type GroupVersion, type JsonObject } from '../meta.ts';
import type { KindDef, KindRegistry } from '../registry.ts';
import { baseName, type FieldDef, findType, type TypeDef, type TypeRef } from '../schema/schema.ts';
import { describeField, describeItems, describeType } from './describe.ts';
import { type Dialect, documentTypeName, V2, V3 } from './dialect.ts';
import { kindPaths, PATCH_TYPE, subresourceTypes } from './operations.ts';

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

const PATCH_SCHEMA: JsonObject = {
  description: 'A change of an object, in one of the forms that the content type tells apart.',
  type: 'object',
};

/** With the schemas that kinds bring along themselves. */
function allSchemas(defs: readonly KindDef[], d: Dialect): JsonObject {
  const own = defs.map((def) => def.rules?.openApi?.(d.v3 ? 'v3' : 'v2') ?? {});
  const patch = { [documentTypeName(PATCH_TYPE)]: PATCH_SCHEMA };
  return Object.assign(schemasFor(rootsOf(defs), d), patch, ...own) as JsonObject;
}

const COMMON_TYPES = ['meta.v1.Status', 'meta.v1.DeleteOptions', 'meta.v1.WatchEvent'];

function rootsOf(defs: readonly KindDef[]): string[] {
  const meta = defs.some((d) => d.rules?.openApi) ? ['meta.v1.ObjectMeta', 'meta.v1.ListMeta'] : [];
  const own = defs.flatMap((d) => [d.typeName, `${d.typeName}List`]);
  return [...own, ...defs.flatMap(subresourceTypes), ...meta, ...COMMON_TYPES];
}

const BEARER = {
  BearerToken: {
    description: 'Token of a bearer',
    in: 'header',
    name: 'authorization',
    type: 'apiKey',
  },
};

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
    components: { schemas: allSchemas(defs, V3), securitySchemes: BEARER },
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
    securityDefinitions: BEARER,
    security: [{ BearerToken: [] }],
  };
}
