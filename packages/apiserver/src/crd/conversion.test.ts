import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { CustomResourceDefinition, JsonObject, KindDef, KubeObject } from '@kubets/api';
import { objectOf } from '../cache/entry.ts';
import { EmbeddedAuthority } from '../embedded/certificates.ts';
import { plainBytes } from '../rest/encode.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { RecordingSink } from '../testing/index.ts';
import { DEFINITIONS } from './controller.ts';
import { CrdServer, GROUP } from './testing.ts';

type Reply = (request: { uid: string; desiredAPIVersion: string; objects: KubeObject[] }) => object;

/** v1 says `hostPort: "a:1"`, v2 `host: a, port: "1"`. */
function convert(object: KubeObject, apiVersion: string): object {
  const { host, port, hostPort = '' } = object.spec as Record<string, string | undefined>;
  if (apiVersion.endsWith('v1'))
    return { ...object, apiVersion, spec: { hostPort: `${host}:${port}` } };
  const [h, p] = hostPort.split(':');
  return { ...object, apiVersion, spec: { host: h, port: p } };
}

const good: Reply = ({ uid, desiredAPIVersion, objects }) => ({
  uid,
  result: { status: 'Success' },
  convertedObjects: objects.map((object) => convert(object, desiredAPIVersion)),
});

/** A webhook that says in a label which version an object was turned into. */
const relabelled: Reply = (request) => {
  const { desiredAPIVersion } = request;
  const label = (object: KubeObject): KubeObject => ({
    ...object,
    metadata: { ...object.metadata, labels: { as: desiredAPIVersion.split('/')[1] ?? '' } },
  });
  return good({ ...request, objects: request.objects.map(label) });
};

let server: Server;
let caBundle: string;
let reply: Reply = good;
let asked: number[] = [];

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const review = (await json(request)) as { apiVersion: string; request: Parameters<Reply>[0] };
  asked.push(review.request.objects.length);
  const { apiVersion } = review;
  response.end(
    JSON.stringify({ kind: 'ConversionReview', apiVersion, response: reply(review.request) }),
  );
}

before(async () => {
  const authority = await EmbeddedAuthority.create(Date.now());
  const tls = await authority.issue('CN=webhook');
  caBundle = tls.ca.toString('base64');
  server = createServer(tls, (request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  server.close();
  server.closeAllConnections();
});

let store: MemoryStore;
let scene: CrdServer;
const def = (version: string): KindDef => {
  const found = scene.kinds.forResource({ group: GROUP, version, resource: 'widgets' });
  return found ?? assert.fail(`no ${version}`);
};

function versioned(reviewVersion = 'v1'): CustomResourceDefinition {
  const text = { type: 'string' };
  const version = (name: string, storage: boolean, fields: string[]) => ({
    ...{ name, storage, served: true },
    selectableFields: fields.map((field) => ({ jsonPath: `.spec.${field}` })),
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            properties: Object.fromEntries(fields.map((field) => [field, text])),
          },
        },
      },
    },
  });
  const { port } = server.address() as AddressInfo;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${GROUP}` },
    spec: {
      group: GROUP,
      names: { plural: 'widgets', kind: 'Widget' },
      scope: 'Namespaced',
      versions: [version('v1', true, ['hostPort']), version('v2', false, ['host', 'port'])],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: [reviewVersion],
          clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle },
        },
      },
    },
  } as CustomResourceDefinition;
}

beforeEach(async () => {
  reply = good;
  asked = [];
  store = new MemoryStore();
  scene = new CrdServer(store);
  await scene.objects.create(DEFINITIONS, versioned());
  await scene.until((crd) => crd?.status?.conditions?.some(isEstablished) === true);
});
afterEach(() => scene.close());

const isEstablished = (c: { type: string; status: string }): boolean =>
  c.type === 'Established' && c.status === 'True';

const place = (version: string, name: string) => ({
  ...{ def: def(version), namespace: 'default', name, subresource: '' },
});

async function create(version: string, name: string, spec: object): Promise<KubeObject> {
  const apiVersion = `${GROUP}/${version}`;
  const object = { apiVersion, kind: 'Widget', metadata: { name }, spec };
  const body = { json: JSON.stringify(object), validation: 'Strict' } as const;
  const made = await scene.registry.create(place(version, ''), body, scene.ctx);
  return made.object;
}

/** An object as the version's clients see it. */
async function read(version: string, name: string): Promise<KubeObject> {
  const found = await scene.registry.get(place(version, name), '');
  return JSON.parse(plainBytes(def(version), found).toString()) as KubeObject;
}

describe('versions behind a conversion webhook', () => {
  it('are all served, whichever was written', async () => {
    await create('v1', 'a', { hostPort: 'x:1' });
    const made = await create('v2', 'b', { host: 'y', port: '2' });
    assert.deepEqual(made.spec, { host: 'y', port: '2' });
    assert.deepEqual((await read('v2', 'a')).spec, { host: 'x', port: '1' });
    assert.deepEqual((await read('v1', 'b')).spec, { hostPort: 'y:2' });
    assert.equal((await read('v1', 'b')).metadata.uid, made.metadata.uid);
  });

  it('are converted in one go for a list, and not again', async () => {
    for (const name of ['a', 'b', 'c']) await create('v1', name, { hostPort: `${name}:1` });
    const list = () => scene.registry.list(place('v2', ''), { resourceVersion: '0' });
    const { entries } = await list();
    await list();
    assert.deepEqual(asked, [3]);
    const hosts = entries.map((entry) => (objectOf(entry).spec as JsonObject).host);
    assert.deepEqual(hosts, ['a', 'b', 'c']);
  });

  it('are patched and replaced in their own terms', async () => {
    await create('v1', 'a', { hostPort: 'x:1' });
    const patch = { type: 'merge', patch: { spec: { port: '9' } }, validation: 'Strict' } as const;
    const patched = await scene.registry.patch(place('v2', 'a'), patch, scene.ctx);
    assert.deepEqual(patched.object.spec, { host: 'x', port: '9' });
    assert.deepEqual((await read('v1', 'a')).spec, { hostPort: 'x:9' });
  });

  it('are watched in order', async () => {
    const sink = new RecordingSink();
    const stop = await scene.registry.watch(place('v2', ''), {}, sink);
    await create('v1', 'a', { hostPort: 'x:1' });
    await create('v2', 'b', { host: 'y', port: '2' });
    await scene.registry.delete(place('v1', 'a'), {}, scene.ctx);
    await sink.count(3);
    stop();
    assert.deepEqual(sink.lines(), ['ADDED a', 'ADDED b', 'DELETED a']);
    const specs = sink.items.map(({ entry }) => entry && objectOf(entry).spec);
    assert.deepEqual(specs[0], { host: 'x', port: '1' });
  });

  it('are selected by the fields and labels of the version that is asked for', async () => {
    reply = relabelled;
    for (const host of ['x', 'y', 'x']) {
      await create('v1', `${host}${asked.length}`, { hostPort: `${host}:1` });
      asked.push(0);
    }
    const names = async (version: string, o: object): Promise<string[]> => {
      const list = await scene.registry.list(place(version, ''), o);
      const { continueToken } = list;
      const more = continueToken ? await names(version, { ...o, continueToken }) : [];
      return [...list.entries.map((entry) => entry.name), ...more];
    };
    assert.deepEqual(await names('v2', { fieldSelector: 'spec.host=x' }), ['x0', 'x2']);
    assert.deepEqual(await names('v2', { fieldSelector: 'spec.host=x', limit: 1 }), ['x0', 'x2']);
    assert.deepEqual(await names('v1', { fieldSelector: 'spec.hostPort=y:1' }), ['y1']);
    assert.deepEqual(await names('v2', { labelSelector: 'as=v2' }), ['x0', 'x2', 'y1']);
    assert.deepEqual(await names('v1', { labelSelector: 'as=v2' }), []);
    const byName = { fieldSelector: 'metadata.name=y1,spec.host=x' };
    assert.deepEqual(await names('v2', byName), []);
  });

  it('are deleted together by what the version that is asked for says', async () => {
    for (const host of ['x', 'y']) await create('v1', host, { hostPort: `${host}:1` });
    const list = { fieldSelector: 'spec.host=x' };
    await scene.registry.deleteCollection(place('v2', ''), { list, delete: {} }, scene.ctx);
    const { entries } = await scene.registry.list(place('v1', ''), {});
    assert.deepEqual(
      entries.map((entry) => entry.name),
      ['y'],
    );
  });

  it('enter and leave a watch as its version sees them', async () => {
    await create('v1', 'a', { hostPort: 'x:1' });
    await create('v1', 'b', { hostPort: 'y:1' });
    const sink = new RecordingSink();
    const options = { fieldSelector: 'spec.host=x' };
    const stop = await scene.registry.watch(place('v2', ''), options, sink);
    const patch = async (name: string, hostPort: string): Promise<void> => {
      const body = { type: 'merge', patch: { spec: { hostPort } }, validation: 'Strict' } as const;
      await scene.registry.patch(place('v1', name), body, scene.ctx);
    };
    await patch('b', 'x:2');
    await patch('a', 'x:3');
    await patch('b', 'y:4');
    await scene.registry.delete(place('v1', 'b'), {}, scene.ctx);
    await scene.registry.delete(place('v1', 'a'), {}, scene.ctx);
    await sink.count(5);
    stop();
    const lines = ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b', 'DELETED a'];
    assert.deepEqual(sink.lines(), lines);
    const left = sink.items[3];
    const shown = left?.entry && objectOf(left.entry);
    assert.deepEqual(shown?.spec, { host: 'x', port: '2' });
    assert.equal(shown?.metadata.resourceVersion, String(left?.revision));
  });

  it('migrate when another version is stored', async () => {
    await create('v1', 'a', { hostPort: 'x:1' });
    const crd = await scene.objects.get<CustomResourceDefinition>({
      ...DEFINITIONS,
      namespace: '',
      name: `widgets.${GROUP}`,
    });
    for (const version of crd.spec.versions) version.storage = version.name === 'v2';
    await scene.objects.update(DEFINITIONS, crd);
    await scene.until((one) => one?.status?.storedVersions?.includes('v2') === true);
    assert.deepEqual((await read('v2', 'a')).spec, { host: 'x', port: '1' });
    assert.deepEqual((await read('v1', 'a')).spec, { hostPort: 'x:1' });
    const touch = {
      type: 'merge',
      patch: { metadata: { labels: { a: 'b' } } },
      validation: 'Strict',
    } as const;
    await scene.registry.patch(place('v2', 'a'), touch, scene.ctx);
    const { value } = await store.get(`/registry/${GROUP}/widgets/default/a`);
    assert.match(String(value?.value), /"apiVersion":"example.com\/v2"/);
  });
});

/** A webhook that changes the metadata of what it converts. */
const changed =
  (metadata: object): Reply =>
  (request) => {
    const objects = request.objects.map((one) => ({
      ...one,
      metadata: { ...one.metadata, ...metadata },
    }));
    return good({ ...request, objects });
  };

describe('a conversion webhook that fails', () => {
  const WHO = `conversion webhook for ${GROUP}/v1, Kind=Widget`;
  const cases: readonly [string, Reply, RegExp][] = [
    [
      'says so',
      ({ uid }) => ({ uid, result: { status: 'Failed', message: 'no way' } }),
      /^conversion webhook for example.com\/v1, Kind=Widget failed: no way$/,
    ],
    [
      'says nothing',
      ({ uid }) => ({ uid }),
      /failed: response\.result\.status was '', not 'Success'$/,
    ],
    [
      'answers somebody else',
      () => ({ uid: 'other', result: { status: 'Success' } }),
      /failed: expected response\.uid=".+", got "other"$/,
    ],
    [
      'loses objects',
      ({ uid }) => ({ uid, result: { status: 'Success' }, convertedObjects: [] }),
      /returned 0 objects, expected 1$/,
    ],
    [
      'converts to something else',
      ({ uid, objects }) => ({
        uid,
        result: { status: 'Success' },
        convertedObjects: objects,
      }),
      /invalid groupVersion \(expected example.com\/v2, received example.com\/v1\)$/,
    ],
    [
      'renames objects',
      changed({ name: 'b' }),
      /returned invalid object: must have the same name: a != b$/,
    ],
    [
      'takes the labels for a text',
      changed({ labels: 'x' }),
      /returned invalid metadata: invalid metadata\.labels of type string in converted object$/,
    ],
    [
      'counts in an annotation',
      changed({ annotations: { n: 1 } }),
      /returned invalid metadata: metadata\.annotations\[n\] must be a string, but is int64 in converted object$/,
    ],
    [
      'makes up a label',
      changed({ labels: { a: 'b c' } }),
      /returned invalid metadata: metadata\.labels: Invalid value: "b c": a valid label must be/,
    ],
    [
      'makes up an annotation',
      changed({ annotations: { 'a b': '' } }),
      /returned invalid metadata: metadata\.annotation: Invalid value: "a b": name part must consist/,
    ],
  ];
  for (const [what, answered, text] of cases) {
    it(what, async () => {
      await create('v1', 'a', { hostPort: 'x:1' });
      reply = answered;
      await assert.rejects(read('v2', 'a'), (error: Error) => {
        assert.ok(error.message.startsWith(WHO), error.message);
        assert.match(error.message, text);
        return true;
      });
    });
  }

  it('of the first version is not asked whom and what it answers', async () => {
    const crd = await scene.objects.get<CustomResourceDefinition>({
      ...DEFINITIONS,
      ...{ namespace: '', name: `widgets.${GROUP}` },
    });
    await scene.objects.update(DEFINITIONS, { ...crd, spec: versioned('v1beta1').spec });
    await scene.until(
      (one) => one?.spec.conversion?.webhook?.conversionReviewVersions[0] === 'v1beta1',
    );
    await create('v1', 'a', { hostPort: 'x:1' });
    reply = (request) => ({ ...good(request), uid: undefined });
    assert.deepEqual((await read('v2', 'a')).spec, { host: 'x', port: '1' });
  });

  it('spoils a list, told with the place in it', async () => {
    for (const name of ['a', 'b']) await create('v1', name, { hostPort: 'x:1' });
    reply = changed({ annotations: [] });
    await assert.rejects(scene.registry.list(place('v2', ''), { resourceVersion: '0' }), {
      message:
        `conversion webhook for ${GROUP}/v1, Kind=WidgetList returned invalid metadata in object at index 1: ` +
        'invalid metadata.annotations of type []interface {} in converted object',
    });
  });
});
