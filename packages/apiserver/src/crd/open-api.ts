/** The schemas a definition adds to the OpenAPI documents. */
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  isJsonObject,
  type JsonObject,
} from '@kubets/api';
import type { Schema } from './structural.ts';

const PREFIX = '#/components/schemas/';
const META = `${PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.`;

/** `com.example.v1.Widget`: how documents name the kind. */
export function schemaName(crd: CustomResourceDefinition, version: string): string {
  const { group, names } = crd.spec;
  return `${group.split('.').reverse().join('.')}.${version}.${names.kind}`;
}

/** The object and its list, by document name. */
export function openApiOf(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): Record<string, JsonObject> {
  const { group, names } = crd.spec;
  const name = schemaName(crd, version.name);
  const schema = published(version.schema?.openAPIV3Schema ?? { type: 'object' });
  const identity = (kind: string) => ({
    'x-kubernetes-group-version-kind': [{ group, version: version.name, kind }],
  });
  const text = (description: string) => ({ description, type: 'string' });
  const head = {
    apiVersion: text('The version of the schema of this object.'),
    kind: text('The kind of this object.'),
  };
  const metadata = { allOf: [{ $ref: `${META}ObjectMeta` }] };
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const listKind = names.listKind ?? `${names.kind}List`;
  const items = { type: 'array', items: { $ref: PREFIX + name } };
  const listed = { ...head, items, metadata: { $ref: `${META}ListMeta` } };
  return {
    [name]: {
      ...schema,
      type: 'object',
      properties: { ...properties, ...head, metadata },
      ...identity(names.kind),
    },
    [`${name}List`]: {
      description: `${listKind} is a list of ${names.kind}`,
      type: 'object',
      required: ['items'],
      properties: listed,
      ...identity(listKind),
    },
  };
}

/** A schema as documents show it: rules and embedded objects mean nothing to readers of OpenAPI. */
function published(schema: Schema): JsonObject {
  return structuredClone(schema) as JsonObject;
}
