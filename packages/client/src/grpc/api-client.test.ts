import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { type ConfigMap, isAlreadyExists, isConflict, isExpired, isNotFound } from '@kubets/api';
import { Metrics, type Random, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { Informer } from '../cache/informer.ts';
import { TransportError } from '../errors.ts';
import type { WatchEvent } from '../ports.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { FakeDoor } from '../testing/fake-door.ts';
import { ApiClient } from './api-client.ts';
import { ClientFigures } from './client-figures.ts';

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

/** Always prefers the first endpoint. */
const first: Random = { next: () => 0, int: () => 0 };

const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers) await close();
});

async function door(api = new FakeApi()): Promise<{ api: FakeApi; door: FakeDoor; at: string }> {
  const made = new FakeDoor(api, silentLogger);
  const at = await made.listen();
  closers.push(() => made.kill());
  return { api, door: made, at };
}

function client(...endpoints: string[]): ApiClient {
  const made = new ApiClient({ endpoints, userAgent: 'test/1', log: silentLogger, random: first });
  closers.push(() => made.close());
  return made;
}

const maps = (api: ApiClient) => api.resource<ConfigMap>('v1', 'configmaps');

/** Waits until a condition holds; the test runner's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A listener that takes connections and says nothing: a stopped process. */
async function mute(): Promise<{ server: Server; at: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, at: `127.0.0.1:${address.port}` };
}

describe('ApiClient', () => {
  it('does every verb over the wire', async () => {
    const one = await door();
    const api = maps(client(one.at));
    const made = await api.create(configMap('a', { n: '1' }));
    assert.equal((await api.get('default', 'a')).metadata.uid, made.metadata.uid);
    await api.update({ ...made, data: { n: '2' } });
    const patched = await api.patch('default', 'a', 'merge', { data: { m: '3' } });
    assert.deepEqual(patched.data, { n: '2', m: '3' });
    for (const name of ['b', 'c']) await api.create(configMap(name));
    const page = await api.list('default', { limit: 2 });
    assert.deepEqual(
      page.items.map(({ metadata }) => metadata.name),
      ['a', 'b'],
    );
    const rest = await api.list('default', { limit: 2, continue: page.continue ?? '' });
    assert.deepEqual(
      rest.items.map(({ metadata }) => metadata.name),
      ['c'],
    );
    assert.equal(rest.continue, undefined);
    assert.ok(Number(rest.resourceVersion) > 0);
    await api.delete('default', 'a', { propagationPolicy: 'Background' });
    assert.equal((await api.list('')).items.length, 2);
  });

  it('counts requests where it is told to', async () => {
    const one = await door();
    const registry = new Metrics();
    const figures = new ClientFigures(registry);
    const common = { userAgent: 'test/1', log: silentLogger, random: first };
    const made = new ApiClient({ ...common, endpoints: [one.at], figures });
    closers.push(() => made.close());
    const api = maps(made);
    await api.create(configMap('a', { n: '1' }));
    await api.list('default');
    await assert.rejects(api.get('default', 'none'));
    const text = await registry.metrics();
    const count = (code: string, method: string): string =>
      `rest_client_requests_total{code="${code}",host="${one.at}",method="${method}"} 1\n`;
    for (const line of [count('201', 'POST'), count('200', 'GET'), count('404', 'GET')]) {
      assert.ok(text.includes(line), line);
    }
  });

  it('carries subresources', async () => {
    const one = await door();
    const pods = client(one.at).resource('v1', 'pods');
    await pods.create({ metadata: { name: 'p', namespace: 'default' }, spec: { containers: [] } });
    await pods.createSubresource('default', 'p', 'binding', { target: { name: 'node-1' } });
    const bound = await pods.get('default', 'p');
    assert.deepEqual(bound.spec, { containers: [], nodeName: 'node-1' });
    await pods.updateStatus({ ...bound, status: { phase: 'Running' } });
    assert.deepEqual((await pods.get('default', 'p')).status, { phase: 'Running' });
  });

  it('gives errors as the server sent them', async () => {
    const one = await door();
    const api = maps(client(one.at));
    await assert.rejects(api.get('default', 'none'), (error) => isNotFound(error));
    const made = await api.create(configMap('a'));
    await api.update({ ...made, data: { x: '1' } });
    await assert.rejects(api.update({ ...made, data: { x: '2' } }), (error) => isConflict(error));
    one.api.compact();
    const watch = api.watch('', { resourceVersion: '1' }, () => undefined);
    assert.ok(isExpired(await watch.done));
  });

  it('sends the bearer token of the moment', async () => {
    const one = await door();
    let token = 'first';
    const api = new ApiClient({
      endpoints: [one.at],
      userAgent: 'test/1',
      log: silentLogger,
      bearerToken: () => token,
    });
    closers.push(() => api.close());
    await maps(api).list('');
    assert.equal(one.door.authorization, 'Bearer first');
    token = 'second';
    await maps(api).list('');
    assert.equal(one.door.authorization, 'Bearer second');
  });

  it('passes over an endpoint that refuses, for writes too, and then stays away from it', async () => {
    const one = await door();
    const dead = await door();
    await dead.door.kill();
    const api = maps(client(dead.at, one.at));
    await api.create(configMap('a'));
    assert.equal((await api.get('default', 'a')).metadata.name, 'a');
    assert.deepEqual(one.door.calls, ['Create configmaps', 'Get configmaps']);
  });

  it('passes over an endpoint that takes connections and never answers', async () => {
    const silent = await mute();
    const one = await door();
    const api = maps(client(silent.at, one.at));
    await api.create(configMap('a'));
    assert.deepEqual(one.door.calls, ['Create configmaps']);
  });

  it('goes over to another apiserver when the one in use dies', async () => {
    const world = new FakeApi();
    const [one, two] = [await door(world), await door(world)];
    const api = maps(client(one.at, two.at));
    await api.create(configMap('a'));
    await one.door.kill();
    assert.equal((await api.get('default', 'a')).metadata.name, 'a');
    await api.create(configMap('b'));
    assert.deepEqual(two.door.calls.at(-1), 'Create configmaps');
  });

  it('reports a write whose answer was lost, and does not repeat it', async () => {
    const world = new FakeApi();
    const [one, two] = [await door(world), await door(world)];
    const api = maps(client(one.at, two.at));
    await api.list('');
    one.door.loseAnswers = true;
    const refused = assert.rejects(api.create(configMap('a')), (error) => {
      assert.ok(error instanceof TransportError);
      return error.ambiguous;
    });
    await until(() => world.objects('v1', 'configmaps').length === 1);
    await one.door.kill();
    await refused;
    assert.ok(!two.door.calls.includes('Create configmaps'));
    // It was carried out all the same: that is what looking again is for.
    assert.equal((await api.get('default', 'a')).metadata.name, 'a');
  });

  it('sends what is submitted in one turn in one call, each with its own outcome', async () => {
    const world = new FakeApi();
    const one = await door(world);
    const api = maps(client(one.at));
    await api.create(configMap('there'));
    const names = ['a', 'there', 'b'];
    const place = { namespace: 'default' };
    const done = await Promise.allSettled(names.map((name) => api.submit(configMap(name), place)));
    assert.deepEqual(
      done.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.ok(done[1]?.status === 'rejected' && isAlreadyExists(done[1].reason));
    assert.equal(world.objects('v1', 'configmaps').length, 3);
    assert.deepEqual(
      one.door.calls.slice(1),
      names.map(() => 'CreateMany configmaps'),
    );
  });

  it('submits one by one to an apiserver that knows no other way', async () => {
    const world = new FakeApi();
    const one = await door(world);
    one.door.isOld = true;
    const api = maps(client(one.at));
    const submit = (name: string) => api.submit(configMap(name), { namespace: 'default' });
    await Promise.all(['a', 'b'].map(submit));
    await Promise.all(['c', 'd'].map(submit));
    assert.deepEqual(one.door.calls, new Array(4).fill('Create configmaps'));
    assert.equal(world.objects('v1', 'configmaps').length, 4);
  });

  it('does not know what became of a batch whose answer was lost', async () => {
    const world = new FakeApi();
    const one = await door(world);
    const api = maps(client(one.at));
    await api.list('');
    one.door.loseAnswers = true;
    const submitted = ['a', 'b'].map((name) =>
      assert.rejects(api.submit(configMap(name), { namespace: 'default' }), (error) => {
        assert.ok(error instanceof TransportError);
        return error.ambiguous;
      }),
    );
    await until(() => world.objects('v1', 'configmaps').length === 2);
    await one.door.kill();
    await Promise.all(submitted);
  });

  it('asks another apiserver when the answer to a read was lost', async () => {
    const world = new FakeApi();
    const [one, two] = [await door(world), await door(world)];
    const api = maps(client(one.at, two.at));
    await api.create(configMap('a'));
    one.door.loseAnswers = true;
    const asked = api.get('default', 'a');
    await until(() => one.door.calls.includes('Get configmaps'));
    await one.door.kill();
    assert.equal((await asked).metadata.name, 'a');
    assert.deepEqual(two.door.calls, ['Get configmaps']);
  });

  it('says so when nobody answers', async () => {
    const dead = await door();
    await dead.door.kill();
    const api = new ApiClient({ endpoints: [dead.at], userAgent: 'test/1', log: silentLogger });
    const asked = maps(api).get('default', 'a');
    const revived = new FakeDoor(new FakeApi(), silentLogger);
    const port = Number(dead.at.split(':')[1]);
    await revived.listen(port);
    closers.push(() => revived.kill());
    // The request outlives the outage: it is asked again once someone listens.
    await assert.rejects(asked, (error) => isNotFound(error));
    api.close();
  });

  it('ends a watch whose apiserver dies with a TransportError', async () => {
    const one = await door();
    const api = maps(client(one.at));
    const seen: WatchEvent<ConfigMap>[] = [];
    const watch = api.watch('', {}, (events) => seen.push(...events));
    await api.create(configMap('a'));
    await until(() => seen.length === 1);
    assert.equal(seen[0]?.type, 'ADDED');
    const other = api.watch('', {}, () => undefined);
    other.stop();
    assert.equal(await other.done, undefined);
    const killed = one.door.kill();
    const error = await watch.done;
    assert.ok(error === undefined || error instanceof TransportError);
    await killed;
  });

  it('keeps an informer going through the death of its apiserver', async () => {
    const world = new FakeApi();
    const [one, two] = [await door(world), await door(world)];
    const informer = new Informer<ConfigMap>({
      api: client(one.at, two.at),
      gv: 'v1',
      resource: 'configmaps',
      clock: systemClock,
      random: seededRandom(1),
      log: silentLogger,
    });
    informer.start();
    await informer.whenSynced();
    const direct = world.resource<ConfigMap>('v1', 'configmaps');
    await direct.create(configMap('a'));
    await until(() => informer.size === 1);
    await one.door.kill();
    await direct.create(configMap('b'));
    await until(() => informer.size === 2);
    assert.ok(two.door.calls.includes('Watch configmaps'));
    assert.ok(!two.door.calls.includes('List configmaps'));
    informer.stop();
  });
});
