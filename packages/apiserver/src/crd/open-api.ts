/** The schemas a definition adds to the OpenAPI documents. */
import { isDeepStrictEqual } from 'node:util';
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  isJsonObject,
  type JsonObject,
} from '@kubets/api';

const PREFIXES = { v2: '#/definitions/', v3: '#/components/schemas/' } as const;
type Dialect = keyof typeof PREFIXES;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** `com.example.v1.Widget`: how documents name the kind. */
export function schemaName(crd: CustomResourceDefinition, version: string): string {
  const { group, names } = crd.spec;
  return `${group.split('.').reverse().join('.')}.${version}.${names.kind}`;
}

/** The object and its list, by document name. */
export function openApiOf(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  dialect: Dialect = 'v3',
): Record<string, JsonObject> {
  const { group, names } = crd.spec;
  const name = schemaName(crd, version.name);
  const prefix = PREFIXES[dialect];
  const identity = (kind: string) => ({
    'x-kubernetes-group-version-kind': [{ group, version: version.name, kind }],
  });
  const listKind = names.listKind ?? `${names.kind}List`;
  const items = { type: 'array', items: { $ref: prefix + name } };
  const metadata = { $ref: `${prefix}${META}ListMeta` };
  return {
    [name]: { ...objectOf(version, dialect), ...identity(names.kind), ...selectableOf(version) },
    [`${name}List`]: {
      description: `${listKind} is a list of ${names.kind}`,
      type: 'object',
      required: ['items'],
      properties: { ...HEAD, items, metadata },
      ...identity(listKind),
    },
  };
}

const text = (description: string) => ({ description, type: 'string' });

const HEAD = {
  apiVersion: text('APIVersion defines the version of the schema of this object.'),
  kind: text('The kind of this object.'),
};

function selectableOf({ selectableFields = [] }: CustomResourceDefinitionVersion): JsonObject {
  if (selectableFields.length === 0) return {};
  const fields = selectableFields.map(({ jsonPath }) => ({
    fieldPath: jsonPath.replace(/^\./, ''),
  }));
  return { 'x-kubernetes-selectable-fields': fields };
}

function objectOf(version: CustomResourceDefinitionVersion, dialect: Dialect): JsonObject {
  const schema = version.schema?.openAPIV3Schema;
  const keepsAll = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  // Old clients take what version 2 says of properties for all that there may be.
  if (dialect === 'v2' && (schema === undefined || keepsAll)) return { type: 'object' };
  const shown = structuredClone(schema ?? { type: 'object' }) as JsonObject;
  const plain = dialect === 'v2' ? withoutVersion3(shown) : shown;
  if (dialect === 'v3') tellEither(plain);
  describeEmbedded(plain, dialect);
  return { ...withHead(plain, dialect), type: 'object' };
}

const EITHER = [{ type: 'integer' }, { type: 'string' }];

/** Numbers or texts are said to be one or the other, where the definition does not say so itself. */
function tellEither(schema: JsonObject): void {
  for (const one of partsOf(schema)) tellEither(one);
  if (schema['x-kubernetes-int-or-string'] !== true) return;
  const { anyOf, allOf } = schema;
  const all = Array.isArray(allOf) ? allOf : [];
  const [first] = all;
  if (isEither(anyOf) || (isJsonObject(first) && isEither(first.anyOf))) return;
  if (anyOf === undefined) schema.anyOf = EITHER;
  else schema.allOf = [{ anyOf: EITHER }, ...all];
}

const isEither = (value: unknown): boolean => isDeepStrictEqual(value, EITHER);

/** The schemas of what is in an object or a list. */
function partsOf({ properties, items, additionalProperties }: JsonObject): JsonObject[] {
  const below = [items, additionalProperties];
  if (isJsonObject(properties)) below.push(...Object.values(properties));
  return below.filter(isJsonObject);
}

/** With what every object has. */
function withHead(schema: JsonObject, dialect: Dialect): JsonObject {
  const $ref = `${PREFIXES[dialect]}${META}ObjectMeta`;
  const description = "Standard object's metadata.";
  const metadata = dialect === 'v2' ? { description, $ref } : { description, allOf: [{ $ref }] };
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  return { ...schema, properties: { ...properties, ...HEAD, metadata } };
}

/** Objects in objects have a head, too; in version 2 not those that may hold anything. */
function describeEmbedded(schema: JsonObject, dialect: Dialect): void {
  for (const one of partsOf(schema)) describeEmbedded(one, dialect);
  const { required } = schema;
  if (schema['x-kubernetes-embedded-resource'] !== true) return;
  if (dialect === 'v2' && schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  const wanted = Array.isArray(required) ? required : [];
  const missing = ['kind', 'apiVersion'].filter((name) => !wanted.includes(name));
  Object.assign(schema, withHead(schema, dialect), { required: [...wanted, ...missing] });
}

/** What version 2 has no words for, or old clients stumble over: alternatives, nulls, open objects. */
function withoutVersion3(schema: JsonObject): JsonObject {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, nullable, ...kept } = schema;
  if (nullable === true) {
    const {
      type: _type,
      items: _items,
      properties: _properties,
      required: _required,
      ...rest
    } = kept;
    return rest;
  }
  if (kept['x-kubernetes-preserve-unknown-fields'] === true) {
    const { items: _items, properties: _properties, ...rest } = kept;
    return rest;
  }
  const out: JsonObject = { ...kept };
  const { properties, items, additionalProperties, required } = kept;
  if (isJsonObject(properties)) {
    const mayBeNull = (name: unknown): boolean => {
      const one = properties[String(name)];
      return isJsonObject(one) && one.nullable === true;
    };
    if (Array.isArray(required)) out.required = required.filter((name) => !mayBeNull(name));
    out.properties = Object.fromEntries(
      Object.entries(properties).map(([name, one]) => [
        name,
        isJsonObject(one) ? withoutVersion3(one) : one,
      ]),
    );
  }
  if (isJsonObject(items)) out.items = withoutVersion3(items);
  if (isJsonObject(additionalProperties)) {
    out.additionalProperties = withoutVersion3(additionalProperties);
  }
  return out;
}
