import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@kubets/api';
import { extensionPart, mergedOpenApi } from './merge-open-api.ts';

const KINDS = 'x-kubernetes-group-version-kind';
const get = (name: string): object => ({
  get: { responses: { 200: { schema: { $ref: `#/definitions/${name}` } } } },
});
const own: JsonObject = {
  swagger: '2.0',
  info: { title: 'own' },
  paths: { '/apis/': get('Groups'), '/apis/apps/v1/x': get('X') },
  definitions: {
    Groups: { type: 'object' },
    X: { properties: { meta: { $ref: '#/definitions/Meta' } } },
    Meta: { type: 'object', description: 'ours', [KINDS]: [{ kind: 'A' }] },
  },
};

describe('documents of several servers', () => {
  it('have the paths of all, each from the first who has it', () => {
    const metrics = {
      info: { title: 'metrics' },
      paths: { '/apis/': get('Unused'), '/apis/metrics/v1/y': get('Y'), '/healthz': get('Z') },
      definitions: { Unused: {}, Y: { items: { $ref: '#/definitions/Deep' } }, Deep: {}, Z: {} },
    };
    const merged = mergedOpenApi(own, [extensionPart(metrics)]);
    assert.deepEqual(merged.info, { title: 'own' });
    assert.deepEqual(Object.keys(merged.paths as object), [
      ...Object.keys(own.paths as object),
      '/apis/metrics/v1/y',
    ]);
    const names = Object.keys(merged.definitions as object);
    assert.deepEqual(names, ['Groups', 'X', 'Meta', 'Y', 'Deep']);
  });

  it('share definitions that are the same, with the kinds of both', () => {
    const Meta = { type: 'object', description: 'ours', [KINDS]: [{ kind: 'B' }, { kind: 'A' }] };
    const other = { paths: { '/apis/m/v1/y': get('Meta') }, definitions: { Meta } };
    const { definitions } = mergedOpenApi(own, [other]) as { definitions: JsonObject };
    const kinds = [{ kind: 'A' }, { kind: 'B' }];
    assert.deepEqual(definitions.Meta, { type: 'object', description: 'ours', [KINDS]: kinds });
    assert.equal(Object.keys(definitions).length, 3);
  });

  it('keep definitions apart that only have the name in common', () => {
    const of = (description: string, gv: string): JsonObject => ({
      paths: { [`/apis/${gv}/y`]: get('Y') },
      definitions: { Y: { $ref: '#/definitions/Meta' }, Meta: { type: 'object', description } },
    });
    const parts = [of('theirs', 'm/v1'), of('another', 'n/v1'), of('theirs', 'o/v1')];
    const merged = mergedOpenApi(own, parts) as { definitions: JsonObject; paths: JsonObject };
    assert.deepEqual(merged.definitions.Meta_v2, { type: 'object', description: 'theirs' });
    assert.deepEqual(merged.definitions.Y, { $ref: '#/definitions/Meta_v2' });
    assert.deepEqual(merged.definitions.Meta_v3, { type: 'object', description: 'another' });
    assert.deepEqual(merged.definitions.Y_v2, { $ref: '#/definitions/Meta_v3' });
    assert.deepEqual(merged.paths['/apis/n/v1/y'], get('Y_v2'));
  });

  it('need no definitions at all', () => {
    assert.deepEqual(mergedOpenApi({ paths: {} }, [extensionPart({})]), { paths: {} });
  });
});
