import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '@kubets/api';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { encodeProtobuf } from '../protobuf/encode.ts';
import { wireFields } from '../protobuf/wire.ts';
import { configMap, make, podObject, type TestRegistry, testRegistry } from '../testing/index.ts';
import { bodyOf, type Door, openDoor } from './testing.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAPS = '/api/v1/namespaces/default/configmaps';
const PARTIAL = `${PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`;

let t: TestRegistry;
let door: Door;
beforeEach(async () => {
  t = testRegistry();
  door = await openDoor(t);
});
afterEach(() => {
  door.close();
  t.caches.close();
});

const headers = { accept: `${PROTOBUF},application/json`, 'content-type': PROTOBUF };
const ask = (method: string, path: string, body?: object) =>
  door.open(method, path, { headers, ...(body && { body: encodeProtobuf(body) }) });

async function objectOf(response: IncomingMessage): Promise<JsonObject> {
  assert.equal(response.headers['content-type'], PROTOBUF);
  return decodeProtobuf(await bodyOf(response));
}

const nameOf = (object: JsonObject): unknown => (object.metadata as JsonObject).name;

describe('clients that speak protobuf', () => {
  it('create, read, list and delete in it', async () => {
    const created = await ask('POST', MAPS, configMap('a', { n: 1 }));
    assert.equal(created.statusCode, 201);
    assert.equal(nameOf(await objectOf(created)), 'a');
    const read = await objectOf(await ask('GET', `${MAPS}/a`));
    assert.deepEqual([read.kind, read.apiVersion, read.data], ['ConfigMap', 'v1', { n: '1' }]);
    await make(t, configMap('b'));
    const list = await objectOf(await ask('GET', MAPS));
    assert.equal(list.kind, 'ConfigMapList');
    assert.deepEqual((list.items as JsonObject[]).map(nameOf), ['a', 'b']);
    assert.match(String((list.metadata as JsonObject).resourceVersion), /^\d+$/);
    const gone = await objectOf(await ask('DELETE', `${MAPS}/a`));
    assert.deepEqual([gone.kind, gone.status], ['Status', 'Success']);
  });

  it('get what JSON gives', async () => {
    await make(t, podObject('p', { nodeName: 'n', labels: { a: 'b' } }));
    const path = '/api/v1/namespaces/default/pods/p';
    const plain = await door.open('GET', path, { headers: { accept: 'application/json' } });
    const json = JSON.parse((await bodyOf(plain)).toString()) as KubeObject;
    const { metadata, spec } = await objectOf(await ask('GET', path));
    const { creationTimestamp, uid, resourceVersion, labels } = json.metadata;
    assert.deepEqual(
      { creationTimestamp, uid, resourceVersion, labels },
      Object.fromEntries(
        ['creationTimestamp', 'uid', 'resourceVersion', 'labels'].map((key) => [
          key,
          (metadata as JsonObject)[key],
        ]),
      ),
    );
    assert.deepEqual(spec, (json as { spec?: unknown }).spec);
  });

  it('are refused in it', async () => {
    const response = await ask('GET', `${MAPS}/nope`);
    assert.equal(response.statusCode, 404);
    const status = await objectOf(response);
    assert.deepEqual([status.reason, status.code], ['NotFound', 404]);
  });

  it('see only metadata when they ask for that', async () => {
    await make(t, configMap('a'));
    const response = await door.open('GET', `${MAPS}/a`, { headers: { accept: PARTIAL } });
    const [, raw] = [...wireFields((await bodyOf(response)).subarray(4))];
    assert.ok(raw);
    assert.deepEqual(
      [...wireFields(raw.bytes)].map(({ number }) => number),
      [1],
    );
  });

  it('get no tables', async () => {
    const accept = `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io`;
    const response = await door.open('GET', MAPS, { headers: { accept } });
    assert.equal(response.statusCode, 406);
  });
});

interface Frame {
  readonly type: string;
  readonly object: JsonObject;
}

/** Frames of a watch until `count` are there or it ends. */
async function frames(response: IncomingMessage, count: number): Promise<Frame[]> {
  const out: Frame[] = [];
  let rest = Buffer.alloc(0);
  for await (const chunk of response) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      out.push(frameOf(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
    if (out.length >= count) break;
  }
  return out;
}

function frameOf(event: Buffer): Frame {
  const [type, object] = [...wireFields(event)];
  const [raw] = [...wireFields(object?.bytes ?? Buffer.alloc(0))];
  return { type: String(type?.bytes), object: decodeProtobuf(raw?.bytes ?? Buffer.alloc(0)) };
}

describe('a watch in protobuf', () => {
  it('is frames with their length before them', async () => {
    await make(t, configMap('a'));
    const response = await ask('GET', `${MAPS}?watch=true`);
    assert.equal(response.headers['content-type'], `${PROTOBUF};stream=watch`);
    const seen = frames(response, 2);
    await make(t, configMap('b'));
    const lines = (await seen).map(({ type, object }) => `${type} ${nameOf(object)}`);
    assert.deepEqual(lines, ['ADDED a', 'ADDED b']);
  });

  it('ends with an error as a frame', async () => {
    await make(t, configMap('a'));
    await make(t, configMap('b'));
    await bodyOf(await ask('GET', MAPS));
    const [frame] = await frames(await ask('GET', `${MAPS}?watch=true&resourceVersion=1`), 1);
    assert.deepEqual([frame?.type, frame?.object.code], ['ERROR', 410]);
  });

  it('sends bookmarks after the first state', async () => {
    await make(t, configMap('a'));
    const query =
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    const seen = await frames(await ask('GET', `${MAPS}?${query}`), 2);
    assert.deepEqual(
      seen.map(({ type, object }) => `${type} ${object.kind}`),
      ['ADDED ConfigMap', 'BOOKMARK ConfigMap'],
    );
  });
});
