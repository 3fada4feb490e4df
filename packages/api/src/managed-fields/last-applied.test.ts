import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_ANNOTATIONS_BYTES } from '../limits.ts';
import type { JsonObject, KubeObject } from '../meta.ts';
import { builtinKind } from '../registry.ts';
import { type ApplyBy, applyConfiguration } from './apply.ts';
import { LAST_APPLIED } from './last-applied.ts';

const BY: ApplyBy = {
  def: builtinKind('v1', 'ConfigMap'),
  subresource: '',
  manager: 'kubectl',
  now: '2024-05-06T07:08:09Z',
  force: true,
};

const live = (annotations: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', annotations },
});

/** What an object remembers after kubectl applied this to it. */
function remembered(
  config: JsonObject,
  before: Record<string, string> = { [LAST_APPLIED]: '{}' },
): string | undefined {
  return applyConfiguration(BY, live(before), config).metadata.annotations?.[LAST_APPLIED];
}

describe('what client-side apply remembers, after a server-side one of kubectl', () => {
  test('is the text kubectl writes: keys in order, the annotations that were given', () => {
    const config = {
      metadata: { name: 'x', annotations: {} },
      kind: 'ConfigMap',
      data: { b: '1', a: '2', '10': '3', '9': '4' },
      apiVersion: 'v1',
    };
    assert.equal(
      remembered(config),
      '{"apiVersion":"v1","data":{"10":"3","9":"4","a":"2","b":"1"},"kind":"ConfigMap",' +
        '"metadata":{"annotations":{},"name":"x"}}\n',
    );
  });

  test('has no annotations when none were given', () => {
    const config = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x' } };
    assert.equal(
      remembered(config),
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}\n',
    );
  });

  test('never has itself in it', () => {
    const annotations = { b: '1', [LAST_APPLIED]: 'old', a: '2' };
    const config = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x', annotations } };
    const text =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"a":"2","b":"1"},"name":"x"}}\n';
    assert.equal(remembered(config), text);
    assert.equal(remembered(config, {}), text, 'of an object that had none before');
  });

  test('has what HTML takes for its own escaped', () => {
    const config = {
      apiVersion: 'v1',
      data: { a: '<b> & \u2028 é' },
      kind: 'ConfigMap',
      metadata: { name: 'x' },
    };
    assert.match(remembered(config) ?? '', /"a":"\\u003cb\\u003e \\u0026 \\u2028 é"/);
  });

  test('is not begun for objects without it, and goes when it would be too large', () => {
    const config = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x' } };
    assert.equal(remembered(config, { a: 'b' }), undefined);
    const large = { ...config, data: { a: 'x'.repeat(MAX_ANNOTATIONS_BYTES) } };
    assert.equal(remembered(large), undefined);
  });
});
