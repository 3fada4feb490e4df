import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { apiResourceList, builtinKinds, unauthorized } from '@kubets/api';
import {
  GrpcHost,
  loadProto,
  ManualClock,
  Metrics,
  serviceOf,
  silentLogger,
  systemClock,
} from '@kubets/platform';
import type { Gate } from '../gate.ts';
import { Heartbeats } from '../heartbeats.ts';
import { Inflight } from '../inflight.ts';
import { HEARTBEAT_ROUND_MS, LIST_CHUNK_BYTES, MANY_ITEMS, WATCH_BATCH_EVENTS } from '../limits.ts';
import type { VirtualResource } from '../ports.ts';
import { FULL } from '../testing/full-gate.ts';
import {
  configMap,
  make,
  podObject,
  type TestRegistry,
  testMetrics,
  testRegistry,
} from '../testing/index.ts';
import { ResourcesService } from './resources-service.ts';

const Resources = serviceOf(
  loadProto('apiserver/resources.proto'),
  'kubets.apiserver.v1.Resources',
);
type Client = InstanceType<typeof Resources>;
type Reply = { object: Buffer };
type Unary = (request: object, done: (error: ServiceError | null, reply: Reply) => void) => void;
type Stream = AsyncIterable<Record<string, unknown>> & {
  cancel(): void;
  on(event: string, fn: (x: never) => void): void;
};

const token: VirtualResource = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  subresource: 'token',
  verbs: ['create'],
  bodyKind: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
  handle: ({ info, object }) =>
    Promise.resolve({
      code: 201,
      object: { kind: 'TokenRequest', for: info.name, spec: object?.spec },
    }),
};

let t: TestRegistry;
let figures: Metrics;
let host: GrpcHost;
let client: Client;
let stop: AbortController;
let user: string;
let heart: ManualClock;

async function open(gate: Gate = new Inflight({ reads: 0, writes: 0 })): Promise<void> {
  t = testRegistry();
  stop = new AbortController();
  user = 'admin';
  heart = new ManualClock();
  figures = new Metrics();
  const metrics = testMetrics(figures);
  const service = new ResourcesService({
    authenticator: {
      authenticate: () => {
        if (user === '') throw unauthorized();
        return Promise.resolve({ name: user, uid: '', groups: [], extra: {} });
      },
    },
    authorizer: {
      authorize: ({ user: asked, verb }) =>
        Promise.resolve({ allowed: asked.name === 'admin' || verb === 'update', reason: '' }),
    },
    kinds: builtinKinds,
    registry: t.registry,
    virtuals: [token],
    resourceList: (group, version) => apiResourceList(builtinKinds, { group, version }),
    ...{ metrics, gate, heartbeats: new Heartbeats(heart) },
    newId: () => 'id',
    clock: systemClock,
    log: silentLogger,
    signal: stop.signal,
  });
  host = new GrpcHost({ log: silentLogger });
  host.addService(Resources.service, service.handlers as Parameters<GrpcHost['addService']>[1]);
  const port = await host.listen('127.0.0.1:0');
  client = new Resources(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.primary_user_agent': 'tester',
  });
}

async function close(): Promise<void> {
  client.close();
  t.caches.close();
  await host.drain(0);
}

beforeEach(() => open());
afterEach(close);

const REF = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  namespace: 'default',
  name: '',
  subresource: '',
};
const ref = (o: Partial<typeof REF> = {}) => ({ ...REF, ...o });
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

function call(method: string, request: object): Promise<Record<string, unknown>> {
  const unary = (client as unknown as Record<string, Unary>)[method];
  return new Promise((resolve, reject) => {
    unary?.call(client, request, (error, reply) => {
      if (error) reject(error);
      else resolve(JSON.parse(reply.object.toString()) as Record<string, unknown>);
    });
  });
}

function stream(method: string, request: object): Stream {
  const open = (client as unknown as Record<string, (request: object) => Stream>)[method];
  return open?.call(client, request) ?? assert.fail();
}

const refused = (code: number) => (error: unknown) => {
  const [bytes] = (error as ServiceError).metadata.get('kubets-status-bin');
  const status = JSON.parse(String(bytes)) as { code: number };
  assert.equal(status.code, code);
  return true;
};

interface Event {
  readonly type: string;
  readonly object: Buffer;
}

/** Takes events until there are enough; then hangs up. */
async function events(watch: Stream, count: number): Promise<Event[]> {
  const seen: Event[] = [];
  try {
    for await (const batch of watch) {
      seen.push(...(batch.events as Event[]));
      if (seen.length >= count) break;
    }
  } finally {
    watch.cancel();
  }
  return seen;
}

describe('unary calls', () => {
  it('renew leases of nodes in rounds', async () => {
    const place = {
      group: 'coordination.k8s.io',
      resource: 'leases',
      namespace: 'kube-node-lease',
    };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'n' } };
    const made = await call('Create', { ref: ref(place), object: json(lease) });
    const renew = (object: object) =>
      call('Update', { ref: ref({ ...place, name: 'n' }), object: json(object) });
    const renewed = await renew(made);
    let isRenewed = false;
    const second = renew(renewed).finally(() => {
      isRenewed = true;
    });
    assert.equal((await call('Get', { ref: ref({ ...place, name: 'n' }) })).kind, made.kind);
    assert.equal(isRenewed, false);
    heart.advance(HEARTBEAT_ROUND_MS);
    await second;
  });

  it('create, read, replace, patch and delete', async () => {
    const made = await call('Create', { ref: ref(), object: json(configMap('a')) });
    assert.deepEqual(await call('Get', { ref: ref({ name: 'a' }) }), made);
    const next = { ...made, data: { n: '1' } };
    const updated = await call('Update', { ref: ref({ name: 'a' }), object: json(next) });
    assert.deepEqual(updated.data, { n: '1' });
    const patch = json({ data: { x: 'y' } });
    for (const type of ['MERGE', 'STRATEGIC_MERGE']) {
      const patched = await call('Patch', { ref: ref({ name: 'a' }), type, patch });
      assert.deepEqual(patched.data, { n: '1', x: 'y' });
    }
    const operations = json([{ op: 'remove', path: '/data/x' }]);
    const cut = await call('Patch', { ref: ref({ name: 'a' }), type: 'JSON', patch: operations });
    assert.deepEqual(cut.data, { n: '1' });
    const gone = await call('Delete', { ref: ref({ name: 'a' }) });
    assert.equal(gone.status, 'Success');
  });

  it('are owned by who is named, or else by the component that calls', async () => {
    const managers = (made: Record<string, unknown>): unknown =>
      (made.metadata as { managedFields: { manager: string }[] }).managedFields.map(
        ({ manager }) => manager,
      );
    const made = await call('Create', { ref: ref(), object: json(configMap('a')) });
    assert.deepEqual(managers(made), ['tester']);
    const named = { ref: ref(), object: json(configMap('b')), field_manager: 'named' };
    assert.deepEqual(managers(await call('Create', named)), ['named']);
  });

  it('change nothing in a dry run', async () => {
    await call('Create', { ref: ref(), object: json(configMap('a')), dry_run: true });
    await assert.rejects(call('Get', { ref: ref({ name: 'a' }) }), refused(404));
    await call('Create', { ref: ref(), object: json(configMap('a')) });
    const options = json({ dryRun: ['All'] });
    await call('Delete', { ref: ref({ name: 'a' }), options });
    await call('Get', { ref: ref({ name: 'a' }) });
  });

  it('reach subresources, stored and computed', async () => {
    await make(t, podObject('p'));
    const pods = ref({ resource: 'pods', name: 'p' });
    const target = json({ metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } });
    await call('Create', { ref: { ...pods, subresource: 'binding' }, object: target });
    const status = json({ status: { phase: 'Running' } });
    const running = await call('Patch', {
      ref: { ...pods, subresource: 'status' },
      type: 'MERGE',
      patch: status,
    });
    assert.equal((running.spec as { nodeName: string }).nodeName, 'n1');
    assert.equal((running.status as { phase: string }).phase, 'Running');
    const sa = ref({ resource: 'serviceaccounts', name: 'sa', subresource: 'token' });
    const issued = await call('Create', {
      ref: sa,
      object: json({ spec: { expirationSeconds: 600 } }),
    });
    assert.equal(issued.for, 'sa');
    const { expirationSeconds } = issued.spec as { expirationSeconds: number };
    assert.equal(expirationSeconds, 600);
  });

  it('delete pods with options', async () => {
    await make(t, podObject('p', { nodeName: 'n' }));
    const pods = ref({ resource: 'pods', name: 'p' });
    const marked = await call('Delete', { ref: pods });
    assert.equal(
      (marked.metadata as { deletionGracePeriodSeconds: number }).deletionGracePeriodSeconds,
      30,
    );
    await call('Delete', { ref: pods, options: json({ gracePeriodSeconds: 0 }) });
    await assert.rejects(call('Get', { ref: pods }), refused(404));
  });
});

describe('several creations in one call', () => {
  type Many = (
    request: object,
    done: (error: ServiceError | null, reply: { results: { status: Buffer }[] }) => void,
  ) => void;

  /** What became of each: 0 for done, or the Status' code. */
  function createMany(items: readonly object[]): Promise<number[]> {
    const many = (client as unknown as { CreateMany: Many }).CreateMany;
    const codeOf = ({ status }: { status: Buffer }): number =>
      status.length === 0 ? 0 : (JSON.parse(status.toString()) as { code: number }).code;
    return new Promise((resolve, reject) => {
      many.call(client, { items }, (error, reply) => {
        if (error) reject(error);
        else resolve(reply.results.map(codeOf));
      });
    });
  }

  it('are each carried out, and refused, by themselves', async () => {
    const item = (name: string) => ({ ref: ref(), object: json(configMap(name)) });
    await make(t, configMap('there'));
    const nowhere = { object: json(configMap('x')) };
    const items = [item('a'), item('there'), item('Bad_Name'), nowhere, item('b')];
    assert.deepEqual(await createMany(items), [0, 409, 422, 400, 0]);
    for (const name of ['a', 'b']) await call('Get', { ref: ref({ name }) });
    assert.deepEqual(await createMany([]), []);
  });

  it('put pods on nodes, each once', async () => {
    for (const name of ['p', 'q']) await make(t, podObject(name));
    const bind = (name: string, node: string, uid?: string) => ({
      ref: ref({ resource: 'pods', name, subresource: 'binding' }),
      object: json({ metadata: { name, uid }, target: { kind: 'Node', name: node } }),
    });
    const items = [bind('p', 'n1'), bind('q', 'n2', 'of another'), bind('gone', 'n1')];
    assert.deepEqual(await createMany(items), [0, 409, 404]);
    assert.deepEqual(await createMany([bind('p', 'n2'), bind('q', 'n2')]), [409, 0]);
    const { spec } = await call('Get', { ref: ref({ resource: 'pods', name: 'p' }) });
    assert.equal((spec as { nodeName: string }).nodeName, 'n1');
  });

  it('need the right to each', async () => {
    user = 'joe';
    assert.deepEqual(await createMany([{ ref: ref(), object: json(configMap('a')) }]), [403]);
  });

  it('are refused when there are too many of them', async () => {
    const items = Array.from({ length: MANY_ITEMS + 1 }, () => ({ ref: ref() }));
    await assert.rejects(createMany(items), refused(400));
  });
});

describe('refusals', () => {
  const cases: readonly [string, string, object, number][] = [
    ['no reference', 'Get', {}, 400],
    ['an unknown resource', 'Get', { ref: ref({ resource: 'nopes', name: 'x' }) }, 404],
    ['an unknown version', 'Get', { ref: ref({ version: 'v9', name: 'x' }) }, 404],
    ['an unknown subresource', 'Get', { ref: ref({ name: 'x', subresource: 'nope' }) }, 404],
    ['an unknown object', 'Get', { ref: ref({ name: 'x' }) }, 404],
    ['a broken body', 'Create', { ref: ref(), object: Buffer.from('{') }, 400],
    ['an invalid object', 'Create', { ref: ref(), object: json(configMap('Bad_Name')) }, 422],
    [
      'a broken patch',
      'Patch',
      { ref: ref({ name: 'x' }), type: 'MERGE', patch: Buffer.from('[]') },
      400,
    ],
  ];
  for (const [what, method, request, code] of cases) {
    it(`${what} → ${code}`, async () => {
      await assert.rejects(call(method, request), refused(code));
    });
  }

  it('of those who may not, and those nobody knows', async () => {
    user = 'joe';
    await assert.rejects(call('Get', { ref: ref({ name: 'x' }) }), refused(403));
    user = '';
    await assert.rejects(call('Get', { ref: ref({ name: 'x' }) }), refused(401));
    await assert.rejects(async () => {
      for await (const _chunk of stream('List', { ref: ref() }));
    }, refused(401));
  });

  it('of creating by an update without the right to create', async () => {
    user = 'joe';
    const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' } };
    const place = ref({ resource: 'endpoints', name: 'e' });
    await assert.rejects(call('Update', { ref: place, object: json(endpoints) }), refused(403));
    user = 'admin';
    await call('Update', { ref: place, object: json(endpoints) });
  });
});

describe('too many at once', () => {
  it('are told to come back', async () => {
    await close();
    await open(FULL);
    await assert.rejects(call('Get', { ref: ref({ name: 'x' }) }), refused(429));
  });
});

describe('lists', () => {
  it('come in chunks, the first with the version', async () => {
    const value = 'x'.repeat(LIST_CHUNK_BYTES / 4);
    for (let i = 0; i < 6; i += 1) await make(t, { ...configMap(`c${i}`), ...{ data: { value } } });
    const chunks: Record<string, unknown>[] = [];
    for await (const chunk of stream('List', { ref: ref() })) chunks.push(chunk);
    assert.ok(chunks.length > 1);
    const versions = chunks.map((chunk) => chunk.resource_version);
    assert.match(String(versions[0]), /^\d+$/);
    assert.ok(versions.slice(1).every((version) => version === ''));
    const names = chunks
      .flatMap((chunk) => chunk.items as Buffer[])
      .map(
        (bytes) => (JSON.parse(bytes.toString()) as { metadata: { name: string } }).metadata.name,
      );
    assert.deepEqual(names, ['c0', 'c1', 'c2', 'c3', 'c4', 'c5']);
  });

  it('are cut by a limit and go on with the token', async () => {
    for (const name of ['a', 'b', 'c']) await make(t, configMap(name));
    const page = async (token: string): Promise<{ count: number; next: string }> => {
      let count = 0;
      let next = '';
      for await (const chunk of stream('List', { ref: ref(), limit: 2, continue_token: token })) {
        count += (chunk.items as Buffer[]).length;
        next = String(chunk.continue_token);
      }
      return { count, next };
    };
    const first = await page('');
    assert.equal(first.count, 2);
    assert.deepEqual(await page(first.next), { count: 1, next: '' });
  });
});

describe('watches', () => {
  it('tell what is there, then what happens', async () => {
    await make(t, configMap('a'));
    const watch = stream('Watch', { ref: ref() });
    const seen = events(watch, 2);
    await new Promise<void>((resolve) => watch.on('metadata', () => resolve()));
    await make(t, configMap('b'));
    assert.deepEqual(
      (await seen).map((event) => event.type),
      ['ADDED', 'ADDED'],
    );
  });

  it('put what comes together into one message, within bounds', async () => {
    for (let i = 0; i < WATCH_BATCH_EVENTS + 10; i += 1) await make(t, configMap(`c${i}`));
    const watch = stream('Watch', { ref: ref() });
    const sizes: number[] = [];
    for await (const batch of watch) {
      sizes.push((batch.events as Event[]).length);
      if (sizes.length === 2) break;
    }
    watch.cancel();
    assert.deepEqual(sizes, [WATCH_BATCH_EVENTS, 10]);
  });

  it('end with Expired when the version is gone', async () => {
    await make(t, configMap('a'));
    await call('Get', { ref: ref({ name: 'a' }) });
    await make(t, configMap('b'));
    for await (const _chunk of stream('List', { ref: ref() }));
    await assert.rejects(
      events(stream('Watch', { ref: ref(), resource_version: '1' }), 1),
      refused(410),
    );
  });

  it('end when the server drains', async () => {
    await make(t, configMap('a'));
    const watch = stream('Watch', { ref: ref() });
    const ended = assert.rejects(events(watch, 99), refused(503));
    await new Promise<void>((resolve) => watch.on('data', () => resolve()));
    stop.abort();
    await ended;
  });

  it('are forgotten when their client leaves', async () => {
    await make(t, configMap('a'));
    await events(stream('Watch', { ref: ref() }), 1);
    const def = builtinKinds.forResource(REF) ?? assert.fail();
    const cache = t.caches.of(def);
    while (cache.watcherCount > 0) await turn();
    assert.equal(cache.watcherCount, 0);
    const all = await figures.metrics();
    assert.match(all, /^apiserver_longrunning_requests\{verb="WATCH",.*\} 0$/m);
    assert.match(all, /^apiserver_watch_events_total\{.*version="v1",kind="ConfigMap"\} 1$/m);
  });
});
