import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wireFields } from '../protobuf/wire.ts';
import { openApiV2Protobuf } from './openapi-v2-protobuf.ts';

/** Follows field numbers into a message; the text of what it finds, once for each time. */
function textsAt(bytes: Buffer, [first, ...rest]: readonly number[]): string[] {
  if (first === undefined) return [bytes.toString()];
  const found = [...wireFields(bytes)].filter((field) => field.number === first);
  return found.flatMap((field) => textsAt(field.bytes, rest));
}

const GVK = [{ group: '', version: 'v1', kind: 'Pod' }];
const SCHEMA = {
  type: 'object',
  description: 'd'.repeat(300),
  required: ['spec', 'kind'],
  properties: {
    spec: { $ref: '#/definitions/spec' },
    names: { type: 'array', items: { type: 'string' } },
  },
  additionalProperties: { format: 'int32' },
  'x-kubernetes-group-version-kind': GVK,
};
const OPERATION = {
  operationId: 'readPod',
  parameters: [
    { name: 'body', in: 'body', schema: { type: 'object' } },
    { name: 'watch', in: 'query', type: 'boolean', uniqueItems: true },
    { name: 'name', in: 'path', type: 'string', required: true },
  ],
  responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/pod' } } },
  'x-kubernetes-action': 'get',
};

it('puts every part of the document where the messages have it', () => {
  const info = { title: 'T', version: 'v1' };
  const paths = { '/pods': { get: OPERATION } };
  const bytes = openApiV2Protobuf({ swagger: '2.0', info, paths, definitions: { pod: SCHEMA } });
  const at = (...numbers: number[]): string[] => textsAt(bytes, numbers);
  assert.deepEqual([at(1), at(2, 1), at(2, 2)], [['2.0'], ['T'], ['v1']]);
  assert.deepEqual(at(9, 1, 1), ['pod']);
  const schema = [9, 1, 2];
  assert.deepEqual(at(...schema, 4), [SCHEMA.description]);
  assert.deepEqual(at(...schema, 22, 1), ['object']);
  assert.deepEqual(at(...schema, 19), SCHEMA.required);
  assert.deepEqual(at(...schema, 25, 1, 1), ['spec', 'names']);
  assert.deepEqual(at(...schema, 25, 1, 2, 1), ['#/definitions/spec']);
  assert.deepEqual(at(...schema, 25, 1, 2, 23, 1, 22, 1), ['string']);
  assert.deepEqual(at(...schema, 21, 1, 2), ['int32']);
  assert.deepEqual(at(...schema, 31, 1), ['x-kubernetes-group-version-kind']);
  assert.deepEqual(at(...schema, 31, 2, 2), [JSON.stringify(GVK)]);
  assert.deepEqual(at(8, 2, 1), ['/pods']);
  const get = [8, 2, 2, 2];
  assert.deepEqual(at(...get, 5), ['readPod']);
  assert.deepEqual(at(...get, 8, 1, 1, 2), ['body']);
  assert.deepEqual(at(...get, 8, 1, 2, 3, 4), ['watch']);
  assert.deepEqual(at(...get, 8, 1, 2, 4, 4), ['name']);
  assert.deepEqual(at(...get, 9, 1, 1), ['200']);
  assert.deepEqual(at(...get, 9, 1, 2, 1, 2, 1, 1), ['#/definitions/pod']);
  assert.deepEqual(at(...get, 13, 2, 2), ['"get"']);
});
