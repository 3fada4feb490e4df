import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wireFields } from '../protobuf/wire.ts';
import { openApiV3Protobuf } from './openapi-v3-protobuf.ts';

/** Follows field numbers into a message; what it finds, once for each time. */
function at(bytes: Buffer, ...[first, ...rest]: readonly number[]): Buffer[] {
  if (first === undefined) return [bytes];
  const found = [...wireFields(bytes)].filter((field) => field.number === first);
  return found.flatMap((field) => at(field.bytes, ...rest));
}

const GVK = [{ group: '', version: 'v1', kind: 'Pod' }];
const POD = {
  type: 'object',
  required: ['spec', 'kind'],
  properties: {
    spec: { allOf: [{ $ref: '#/components/schemas/spec' }], default: {} },
    phase: { type: 'string', enum: ['Running'], default: 'Running', nullable: true },
    count: { type: 'integer', maximum: 1.5, maxLength: 2 ** 40, default: 3 },
    names: { type: 'array', items: { type: 'string' } },
    any: { type: 'object', additionalProperties: true },
  },
  additionalProperties: { format: 'int32' },
  'x-kubernetes-group-version-kind': GVK,
};
const OK = { content: { 'application/json': { schema: { $ref: '#/components/schemas/pod' } } } };
const OPERATION = {
  operationId: 'createPod',
  tags: ['core'],
  parameters: [{ name: 'pretty', in: 'query', required: true, schema: { type: 'string' } }],
  requestBody: { required: true, ...OK },
  responses: { 200: { description: 'OK', ...OK }, default: { description: 'other' } },
  'x-kubernetes-action': 'post',
};
const DOCUMENT = {
  openapi: '3.0.0',
  info: { title: 'T', version: 'v1' },
  paths: { '/pods': { post: OPERATION } },
  components: {
    schemas: { pod: POD },
    securitySchemes: { BearerToken: { type: 'apiKey', in: 'header', name: 'authorization' } },
  },
};

it('puts every part of the document where the messages have it', () => {
  const bytes = openApiV3Protobuf(DOCUMENT);
  const texts = (...numbers: number[]): string[] => at(bytes, ...numbers).map(String);
  assert.deepEqual([texts(1), texts(2, 1), texts(2, 6)], [['3.0.0'], ['T'], ['v1']]);
  assert.deepEqual(texts(5, 1, 1, 1), ['pod']);
  const pod = [5, 1, 1, 2, 1];
  assert.deepEqual(texts(...pod, 25), ['object']);
  assert.deepEqual(texts(...pod, 23), POD.required);
  assert.deepEqual(texts(...pod, 31, 1, 1), Object.keys(POD.properties));
  const property = [...pod, 31, 1, 2, 1];
  assert.deepEqual(texts(...property, 26, 2, 1), ['#/components/schemas/spec']);
  assert.deepEqual(texts(...property, 30, 1, 1, 25), ['string']);
  assert.deepEqual(texts(...property, 24, 2), ['"Running"']);
  assert.deepEqual(texts(...property, 33, 3), ['Running']);
  assert.equal(at(bytes, ...property, 33).length, 2, 'no default that is an object');
  assert.equal(at(bytes, ...property, 11)[0]?.readDoubleLE(), 1.5);
  const [length] = at(bytes, ...property).flatMap((one) =>
    [...wireFields(one)].filter(({ number }) => number === 15),
  );
  assert.equal(length?.integer, 2n ** 40n);
  assert.deepEqual(texts(...pod, 32, 1, 1, 35), ['int32']);
  assert.deepEqual(texts(...pod, 36, 1), ['x-kubernetes-group-version-kind']);
  assert.deepEqual(texts(...pod, 36, 2, 2), [JSON.stringify(GVK)]);
  assert.deepEqual(texts(5, 7, 1, 2, 1, 4), ['header']);
  assert.deepEqual(texts(4, 1, 1), ['/pods']);
  const post = [4, 1, 2, 6];
  assert.deepEqual(texts(...post, 5), ['createPod']);
  assert.deepEqual(texts(...post, 6, 1, 10, 1, 25), ['string']);
  assert.deepEqual(texts(...post, 7, 1, 2, 1, 1), ['application/json']);
  assert.deepEqual(texts(...post, 8, 1, 1, 1), ['other']);
  assert.deepEqual(texts(...post, 8, 2, 1), ['200']);
  assert.deepEqual(texts(...post, 8, 2, 2, 1, 3, 1, 2, 1, 2, 1), ['#/components/schemas/pod']);
  assert.deepEqual(texts(...post, 13, 1), ['x-kubernetes-action']);
});
