import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
  JsonObject,
} from '@kubets/api';
import { openApiOf } from './open-api.ts';

const NAME = 'com.example.v1.Widget';

function published(
  dialect: 'v2' | 'v3',
  schema?: JSONSchemaProps,
  more: Partial<CustomResourceDefinitionVersion> = {},
): JsonObject {
  const version = {
    ...{ name: 'v1', served: true, storage: true },
    ...more,
    ...(schema && { schema: { openAPIV3Schema: schema } }),
  };
  const crd: CustomResourceDefinition = {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [version],
    },
  };
  return openApiOf(crd, version, dialect)[NAME] as JsonObject;
}

const IDENTITY = [{ group: 'example.com', version: 'v1', kind: 'Widget' }];

/** Without what every object of the API has. */
function own(schema: JsonObject): JsonObject {
  const { 'x-kubernetes-group-version-kind': identity, properties, ...rest } = schema;
  assert.deepEqual(identity, IDENTITY);
  const { apiVersion: _v, kind: _k, metadata: _m, ...kept } = (properties ?? {}) as JsonObject;
  return { ...rest, properties: kept };
}

const SIZED: JSONSchemaProps = {
  type: 'object',
  description: 'A widget.',
  required: ['spec'],
  properties: {
    spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } },
  },
};

describe('the schema of a custom kind', () => {
  it('is published as it is, in both versions', () => {
    assert.deepEqual(own(published('v2', SIZED)), SIZED);
    assert.deepEqual(own(published('v3', SIZED)), SIZED);
    const ref = (dialect: 'v2' | 'v3') => JSON.stringify(published(dialect, SIZED).properties);
    assert.match(ref('v2'), /"\$ref":"#\/definitions\/io\.k8s\S*ObjectMeta"/);
    assert.match(ref('v3'), /"\$ref":"#\/components\/schemas\/io\.k8s\S*ObjectMeta"/);
  });

  it('says nothing in version 2 where anything may be', () => {
    const closed = { type: 'object', 'x-kubernetes-group-version-kind': IDENTITY };
    assert.deepEqual(published('v2'), closed);
    const open = { ...SIZED, 'x-kubernetes-preserve-unknown-fields': true };
    assert.deepEqual(published('v2', open), closed);
  });

  it('leaves out of version 2 what that has no words for', () => {
    const schema: JSONSchemaProps = {
      type: 'object',
      anyOf: [{ required: ['a'] }],
      required: ['a', 'b'],
      properties: {
        a: { type: 'string', nullable: true, description: 'One.' },
        b: { type: 'array', items: { type: 'object', not: { required: ['x'] } } },
        c: { type: 'object', additionalProperties: { type: 'string', allOf: [{}] } },
        d: {
          type: 'object',
          properties: { x: { type: 'string' } },
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    };
    assert.deepEqual(own(published('v2', schema)), {
      type: 'object',
      required: ['b'],
      properties: {
        a: { description: 'One.' },
        b: { type: 'array', items: { type: 'object' } },
        c: { type: 'object', additionalProperties: { type: 'string' } },
        d: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    });
    assert.deepEqual(own(published('v3', schema)), schema);
  });

  it('names the fields objects are selected by, without the dot before them', () => {
    const selectableFields = [{ jsonPath: '.spec.size' }, { jsonPath: '.spec.color' }];
    for (const dialect of ['v2', 'v3'] as const) {
      const shown = published(dialect, SIZED, { selectableFields });
      assert.deepEqual(shown['x-kubernetes-selectable-fields'], [
        { fieldPath: 'spec.size' },
        { fieldPath: 'spec.color' },
      ]);
    }
  });

  it('says in version 3 that numbers or texts are one or the other', () => {
    const either = [{ type: 'integer' }, { type: 'string' }];
    const mark = { 'x-kubernetes-int-or-string': true };
    const other = [{ minimum: 1 }, { pattern: '%$' }];
    const properties = {
      plain: mark,
      told: { ...mark, anyOf: either },
      inside: { ...mark, allOf: [{ anyOf: either }, { pattern: 'x' }] },
      other: { ...mark, anyOf: other, allOf: [{ pattern: 'x' }] },
      list: { type: 'array', items: mark },
    };
    const schema = { type: 'object', properties } as JSONSchemaProps;
    assert.deepEqual(own(published('v3', schema)).properties, {
      ...properties,
      plain: { ...mark, anyOf: either },
      other: { ...mark, anyOf: other, allOf: [{ anyOf: either }, { pattern: 'x' }] },
      list: { type: 'array', items: { ...mark, anyOf: either } },
    });
    const v2 = own(published('v2', schema)).properties as JsonObject;
    assert.deepEqual([v2.plain, v2.other], [mark, mark]);
  });

  it('says what embedded objects are made of', () => {
    const embedded: JSONSchemaProps = {
      type: 'object',
      required: ['kind', 'spec'],
      properties: { spec: { type: 'object' } },
      'x-kubernetes-embedded-resource': true,
    };
    const open = { ...embedded, 'x-kubernetes-preserve-unknown-fields': true };
    const schema: JSONSchemaProps = {
      type: 'object',
      properties: { one: embedded, many: { type: 'array', items: embedded }, open },
    };
    for (const dialect of ['v2', 'v3'] as const) {
      const { one, many, open: any } = own(published(dialect, schema)).properties as JsonObject;
      for (const shown of [one, (many as JsonObject).items] as JsonObject[]) {
        assert.deepEqual(shown.required, ['kind', 'spec', 'apiVersion']);
        const names = Object.keys(shown.properties as JsonObject);
        assert.deepEqual(names.sort(), ['apiVersion', 'kind', 'metadata', 'spec']);
      }
      // Old clients take what version 2 says of properties for all that there may be.
      assert.equal('properties' in (any as JsonObject), dialect === 'v3');
    }
  });
});
