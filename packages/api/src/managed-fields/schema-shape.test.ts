import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JSONSchemaProps } from '../generated/types.ts';
import { configErrors } from './check.ts';
import { nameSchema } from './schema-shape.ts';
import { forgetShape, shapeOfType } from './shape.ts';

const NAME = 'test.schema-shape.Thing';

test('what has one owner has to fit all the same', (t) => {
  const item = { type: 'object', properties: { name: { type: 'string' } } };
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: {
      list: { type: 'array', items: item },
      lists: { type: 'array', items: { type: 'array', items: { type: 'integer' } } },
      whole: { ...item, 'x-kubernetes-map-type': 'atomic' },
      open: { type: 'array', items: { ...item, 'x-kubernetes-preserve-unknown-fields': true } },
    },
  };
  nameSchema(NAME, schema);
  t.after(() => forgetShape(NAME));
  const config = {
    list: [{ name: 'a' }, { name: 'b', nope: 1 }],
    lists: [[1], [2, 'x']],
    whole: { nope: 1 },
    open: [{ nope: { any: 1 } }],
  };
  assert.deepEqual(configErrors(shapeOfType(NAME), config), [
    '.list[1].nope: field not declared in schema',
    '.lists[1][1]: expected numeric (int or float), got string',
    '.whole.nope: field not declared in schema',
  ]);
});
