import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStored, encodeServed, encodeStored, resplice, spliceRevision } from './codec.ts';

const configMap = (metadata: object) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata,
  data: { text: 'naïve "metadata":{ ✓' },
});

const parse = (bytes: Buffer): Record<string, unknown> => JSON.parse(bytes.toString('utf8'));

describe('stored bytes', () => {
  it('keep everything but the resourceVersion and the selfLink', () => {
    const sent = { name: 'a', resourceVersion: '7', selfLink: '/x', labels: { l: 'v' } };
    const stored = encodeStored(configMap(sent));
    assert.deepEqual(parse(stored), configMap({ name: 'a', labels: { l: 'v' } }));
  });

  it('begin with kind, apiVersion and metadata, whatever order the object had', () => {
    const stored = encodeStored({
      data: {},
      metadata: { name: 'a' },
      apiVersion: 'v1',
      kind: 'X',
    } as {
      metadata: { name: string };
    });
    assert.match(stored.toString(), /^\{"kind":"X","apiVersion":"v1","metadata":\{"name":"a"\}/);
  });
});

describe('splicing a revision', () => {
  const cases: readonly [string, Buffer][] = [
    ['an ordinary object', encodeStored(configMap({ name: 'a' }))],
    ['empty metadata', encodeStored(configMap({}))],
    [
      'bytes of another writer',
      Buffer.from('{"metadata":{"name":"a"},"apiVersion":"v1","kind":"ConfigMap"}'),
    ],
    ['bytes without metadata', Buffer.from('{"kind":"ConfigMap","apiVersion":"v1"}')],
  ];
  for (const [what, stored] of cases) {
    it(`gives ${what} its resourceVersion`, () => {
      const { bytes, metadataAt } = spliceRevision(stored, 9_007_199_254_740_993n);
      const object = parse(bytes) as { metadata: { resourceVersion: string } };
      assert.equal(object.metadata.resourceVersion, '9007199254740993');
      assert.equal(bytes.subarray(metadataAt, metadataAt + 12).toString(), '"metadata":{');
    });
  }

  it('finds the object’s own metadata, not one inside', () => {
    const stored = encodeStored(configMap({ name: 'a' }));
    const object = parse(spliceRevision(stored, 5n).bytes);
    assert.deepEqual(object, configMap({ resourceVersion: '5', name: 'a' }));
  });

  it('can be done again for a later revision', () => {
    const served = spliceRevision(encodeStored(configMap({ name: 'a' })), 99n);
    const later = parse(resplice(served, 99n, 1_000n));
    assert.deepEqual(later, configMap({ resourceVersion: '1000', name: 'a' }));
  });
});

describe('decoding', () => {
  it('gives the object with its revision', () => {
    const stored = encodeStored(configMap({ name: 'a' }));
    assert.deepEqual(decodeStored(stored, 3n), configMap({ name: 'a', resourceVersion: '3' }));
  });

  it('round-trips through the served form', () => {
    const object = configMap({ name: 'a', resourceVersion: '3' });
    const { bytes, metadataAt } = encodeServed(object);
    assert.deepEqual(parse(bytes), object);
    assert.ok(metadataAt > 0);
  });
});
