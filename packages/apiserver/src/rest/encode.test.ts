import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind, type KindDef, type KubeObject } from '@kubets/api';
import { type CacheEntry, entryOf } from '../cache/entry.ts';
import type { WatchItem } from '../cache/watcher.ts';
import type { ListResult } from '../registry/read.ts';
import { encodeStored } from '../storage/codec.ts';
import { configMap } from '../testing/index.ts';
import { refusal } from '../testing/scene.ts';
import { type EncodeContext, encodeFrame, encodeList, encodeObject, plainBytes } from './encode.ts';
import type { Representation } from './negotiate.ts';

const def = builtinKind('v1', 'ConfigMap');
const coreEvents = builtinKind('v1', 'Event');
const newEvents = builtinKind('events.k8s.io/v1', 'Event');

function entry(name: string, revision = 5n): CacheEntry {
  const object = configMap(name);
  const metadata = {
    ...object.metadata,
    namespace: 'default',
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  const value = encodeStored({ ...object, metadata });
  return entryOf(def, { key: `/registry/configmaps/default/${name}`, value, revision });
}

const context = (o: Partial<Representation> = {}, includeObject = ''): EncodeContext => ({
  representation: { as: 'object', metaVersion: 'v1', format: 'json', pretty: false, ...o },
  includeObject,
  nowMs: Date.parse('2026-01-01T00:01:30Z'),
});

type Json = Record<string, unknown>;
const parse = (bytes: Buffer): Json => JSON.parse(bytes.toString()) as Json;
const list = (o: Partial<ListResult> = {}): ListResult => ({
  def,
  entries: [entry('a'), entry('b')],
  resourceVersion: '9',
  continueToken: undefined,
  remainingItemCount: undefined,
  ...o,
});
const listJson = (c: EncodeContext, o: Partial<ListResult> = {}): Json =>
  parse(Buffer.concat([...encodeList(list(o), c)]));

it('what is no list, or one, is told of by its type', () => {
  const about = (kind: KindDef) => ({
    one: () => encodeObject(kind, entry('a'), context({ as: 'partial-list' })),
    all: () => [...encodeList(list({ def: kind }), context({ as: 'partial' }))],
  });
  const deployments = about(builtinKind('apps/v1', 'Deployment'));
  assert.throws(deployments.one, refusal(406, 'NotAcceptable', /\(\*apps\.Deployment\)$/));
  assert.throws(deployments.all, refusal(406, 'NotAcceptable', /\(\*apps\.DeploymentList\)$/));
  assert.throws(about(newEvents).one, refusal(406, 'NotAcceptable', /\(\*core\.Event\)$/));
  const custom = about({ ...def, rules: { unstructured: true } });
  assert.throws(custom.one, refusal(406, 'NotAcceptable', /\(\*unstructured\.Unstructured\)$/));
  const lists = /\(\*unstructured\.UnstructuredList\)$/;
  assert.throws(custom.all, refusal(406, 'NotAcceptable', lists));
});

describe('one object', () => {
  it('is its stored bytes, untouched', () => {
    const one = entry('a');
    assert.equal(encodeObject(def, one, context()), one.bytes);
  });

  it('that is a scale has the columns of scales, whosever scale it is', () => {
    const deployment = builtinKind('apps/v1', 'Deployment');
    const metadata = { name: 'd', creationTimestamp: '2026-01-01T00:00:00Z' };
    const scale = { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata };
    const object = { ...scale, spec: { replicas: 3 }, status: { replicas: 2 } } as KubeObject;
    const table = parse(encodeObject(deployment, object, context({ as: 'table' })));
    const columns = table.columnDefinitions as { name: string; format: string }[];
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['Name', 'Desired', 'Available', 'Age'],
    );
    assert.equal(columns[0]?.format, '');
    assert.deepEqual((table.rows as { cells: unknown }[])[0]?.cells, ['d', 3, 2, '90s']);
    const partial = parse(encodeObject(deployment, object, context({ as: 'partial' })));
    assert.deepEqual(Object.keys(partial), ['kind', 'apiVersion', 'metadata']);
  });

  it('as metadata only', () => {
    const json = parse(
      encodeObject(def, entry('a'), context({ as: 'partial', metaVersion: 'v1beta1' })),
    );
    assert.deepEqual(Object.keys(json), ['kind', 'apiVersion', 'metadata']);
    assert.equal(json.apiVersion, 'meta.k8s.io/v1beta1');
  });

  it('are of the version asked for down to the rows of a table', () => {
    const table = JSON.parse(
      encodeObject(def, entry('a'), context({ as: 'table', metaVersion: 'v1beta1' })).toString(),
    );
    assert.equal(table.apiVersion, 'meta.k8s.io/v1beta1');
    assert.equal(table.rows[0].object.apiVersion, 'meta.k8s.io/v1beta1');
    assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  });

  it('as a table of one row', () => {
    const json = parse(encodeObject(def, entry('a'), context({ as: 'table' })));
    const [row] = json.rows as { cells: unknown[]; object: Json }[];
    assert.deepEqual(row?.cells, ['a', 1, '90s']);
    assert.equal(row?.object.kind, 'PartialObjectMetadata');
    assert.deepEqual(json.metadata, { resourceVersion: '5' });
  });

  it('as YAML, and indented', () => {
    assert.match(
      encodeObject(def, entry('a'), context({ format: 'yaml' })).toString(),
      /^kind: ConfigMap\n/,
    );
    assert.match(
      encodeObject(def, entry('a'), context({ pretty: true })).toString(),
      /^\{\n {2}"kind"/,
    );
  });

  it('is no list', () => {
    assert.throws(
      () => encodeObject(def, entry('a'), context({ as: 'partial-list' })),
      refusal(406, 'NotAcceptable'),
    );
  });

  it('a Status stays a Status however it was asked for', () => {
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
    } as KubeObject;
    for (const as of ['object', 'partial', 'table'] as const) {
      assert.equal(parse(encodeObject(def, status, context({ as }))).kind, 'Status');
    }
  });

  it('is converted when it is stored in another version', () => {
    const value = encodeStored({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      ...{ message: 'm', involvedObject: { kind: 'Pod' } },
    });
    const event = entryOf(coreEvents, { key: '/registry/events/default/e', value, revision: 3n });
    const json = parse(plainBytes(newEvents, event));
    assert.deepEqual(
      [json.apiVersion, json.note, json.message],
      ['events.k8s.io/v1', 'm', undefined],
    );
    assert.equal(parse(plainBytes(coreEvents, event)).message, 'm');
  });
});

describe('a list', () => {
  it('has the kind once, and items in order', () => {
    const json = listJson(context());
    assert.deepEqual([json.kind, json.apiVersion], ['ConfigMapList', 'v1']);
    const items = json.items as { metadata: { name: string }; kind?: string }[];
    assert.deepEqual(
      items.map((each) => [each.metadata.name, each.kind]),
      [
        ['a', undefined],
        ['b', undefined],
      ],
    );
  });

  it('of nothing is an empty list', () => {
    for (const as of ['object', 'partial-list'] as const) {
      assert.deepEqual(listJson(context({ as }), { entries: [] }).items, []);
    }
    assert.deepEqual(listJson(context({ as: 'table' }), { entries: [] }).rows, []);
  });

  it('says where it goes on', () => {
    const more = { continueToken: 't', remainingItemCount: 3 };
    for (const as of ['object', 'partial-list', 'table'] as const) {
      const { metadata } = listJson(context({ as }), more);
      assert.deepEqual(metadata, { resourceVersion: '9', continue: 't', remainingItemCount: 3 });
    }
  });

  const included: readonly [string, string | undefined][] = [
    ['', 'PartialObjectMetadata'],
    ['Metadata', 'PartialObjectMetadata'],
    ['Object', 'ConfigMap'],
    ['None', undefined],
  ];
  for (const [includeObject, kind] of included) {
    it(`as a table with ${includeObject || 'the default'} in its rows`, () => {
      const json = listJson(context({ as: 'table' }, includeObject));
      const rows = json.rows as { object?: Json }[];
      assert.deepEqual(
        rows.map((row) => row.object?.kind),
        [kind, kind],
      );
    });
  }

  it('refuses a table of something else', () => {
    assert.throws(
      () => listJson(context({ as: 'table' }, 'Nope')),
      refusal(400, 'BadRequest', /includeObject/),
    );
  });

  it('is no object', () => {
    assert.throws(() => listJson(context({ as: 'partial' })), refusal(406, 'NotAcceptable'));
  });

  it('reads the same in YAML', () => {
    const yaml = Buffer.concat([...encodeList(list(), context({ format: 'yaml' }))]).toString();
    assert.match(yaml, /^kind: ConfigMapList\n/);
    assert.equal(yaml.match(/name: [ab]\n/g)?.length, 2);
  });
});

describe('frames of a watch', () => {
  const added = (e: CacheEntry): WatchItem => ({
    type: 'ADDED',
    revision: e.revision,
    entry: e,
    event: undefined,
  });
  const mark = (end = false): WatchItem => ({
    type: 'BOOKMARK',
    revision: 77n,
    entry: undefined,
    event: undefined,
    ...(end && { initialEventsEnd: true }),
  });

  it('are one line each', () => {
    const frame = encodeFrame(def, added(entry('a')), context(), true).toString();
    assert.equal(frame.indexOf('\n'), frame.length - 1);
    const json = JSON.parse(frame) as { type: string; object: Json };
    assert.deepEqual([json.type, json.object.kind], ['ADDED', 'ConfigMap']);
  });

  it('of tables carry the columns once', () => {
    const c = context({ as: 'table' });
    const columns = (first: boolean): unknown =>
      (parse(encodeFrame(def, added(entry('a')), c, first)) as { object: Json }).object
        .columnDefinitions;
    assert.ok(Array.isArray(columns(true)));
    assert.equal(columns(false), null);
  });

  it('of bookmarks carry only a version, and the end of the initial events', () => {
    const json = parse(encodeFrame(def, mark(), context(), true)) as { object: Json };
    assert.deepEqual(json.object, {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { resourceVersion: '77' },
    });
    const end = parse(encodeFrame(def, mark(true), context({ as: 'partial' }), true)) as {
      object: Json;
    };
    assert.deepEqual(end.object.metadata, {
      resourceVersion: '77',
      annotations: { 'k8s.io/initial-events-end': 'true' },
    });
    const table = parse(encodeFrame(def, mark(), context({ as: 'table' }), true)) as {
      object: Json;
    };
    assert.equal(table.object.kind, 'Table');
  });
});
