import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Secret } from '@kubets/api';
import {
  GrpcHost,
  loadProto,
  ManualClock,
  serviceOf,
  silentLogger,
  systemClock,
} from '@kubets/platform';
import { startApiServer } from '../../embedded/start.ts';
import { GVR } from '../../resources.ts';
import { WatchedFile } from '../../settings/watched-file.ts';
import { MemoryStore } from '../../storage/memory-store.ts';
import { EncryptedStore } from '../encrypted-store.ts';
import { encryptionOf } from '../from-config.ts';
import { KmsPlugin } from './plugin.ts';
import { decodeSealed } from './sealed-object.ts';
import { FakeKms } from './testing.ts';

const KEY = '/registry/secrets/default/s';
const PLAIN = Buffer.from('{"kind":"Secret","data":{"password":"c3VwZXI="}}');
const HEAD = 'k8s:enc:kms:v2:vault:';

let raw: MemoryStore;
let clock: ManualClock;
let kms: FakeKms;
beforeEach(() => {
  raw = new MemoryStore();
  clock = new ManualClock();
  kms = new FakeKms();
});

/** A server of its own, with the keys it has asked for. */
function server(): { store: EncryptedStore; plugin: KmsPlugin } {
  const plugin = new KmsPlugin({ name: 'vault', service: kms, clock, log: silentLogger });
  const rule = { matches: () => true, providers: [plugin] };
  return { store: new EncryptedStore(raw, [rule]), plugin };
}

async function lying(key = KEY): Promise<Buffer> {
  const { value } = await raw.get(key);
  assert.ok(value);
  return value.value;
}

const count = (call: string): number => kms.calls.filter((one) => one === call).length;

describe('values whose keys a service keeps', () => {
  it('are written as upstream writes them, and open with the seed alone', async () => {
    const { store } = server();
    await store.swap(KEY, PLAIN, 0n);
    const bytes = await lying();
    assert.equal(bytes.toString('latin1', 0, HEAD.length), HEAD);
    const { data, source } = decodeSealed(bytes.subarray(HEAD.length));
    assert.deepEqual([source.keyId, source.type], ['key-1', 1]);
    assert.equal(source.annotations['local.example.com']?.toString(), '1');
    const seed = source.sealed.subarray('key-1|'.length);
    const [info, nonce] = [data.subarray(0, 32), data.subarray(32, 44)];
    const key = createHmac('sha256', seed).update(info).update('\u0001').digest();
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAAD(Buffer.from(KEY));
    decipher.setAuthTag(data.subarray(-16));
    const plain = Buffer.concat([decipher.update(data.subarray(44, -16)), decipher.final()]);
    assert.deepEqual(plain, PLAIN);
  });

  it('cost one call for all of one seed, however many they are', async () => {
    const { store } = server();
    for (let i = 0; i < 20; i += 1) await store.swap(`${KEY}-${i}`, PLAIN, 0n);
    assert.deepEqual(kms.calls, ['status', 'encrypt']);
    const other = server();
    const { values } = await other.store.page('/registry/secrets/', { limit: 0 });
    assert.equal(values.length, 20);
    for (const { value } of values) assert.deepEqual(value, PLAIN);
    assert.deepEqual((await other.store.get(`${KEY}-7`)).value?.value, PLAIN);
    assert.equal(count('decrypt'), 1);
    const lost = await other.store.swap(`${KEY}-7`, PLAIN, 1_000n);
    assert.deepEqual(!lost.ok && lost.current?.value, PLAIN);
  });

  it('do not open at another place, nor changed, nor without what the service wants to see', async () => {
    const { store } = server();
    await store.swap(KEY, PLAIN, 0n);
    const bytes = await lying();
    await raw.swap(`${KEY}-2`, bytes, 0n);
    await assert.rejects(store.get(`${KEY}-2`), /unable to transform key "\/registry\/secrets/);
    const changed = Buffer.from(bytes);
    changed[changed.length - 1] = 9;
    await raw.swap(`${KEY}-3`, changed, 0n);
    await assert.rejects(store.get(`${KEY}-3`), /unable to transform key/);
    await raw.swap(`${KEY}-4`, Buffer.from(`${HEAD}\u0001`), 0n);
    await assert.rejects(store.get(`${KEY}-4`), /unable to transform key/);
    const { value } = await store.get(KEY);
    assert.deepEqual(value?.value, PLAIN);
  });

  it('come to watchers in order, though a key has to be asked for first', async () => {
    const first = server();
    await first.store.swap(KEY, PLAIN, 0n);
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    kms.hold = told;
    const seen: string[] = [];
    server()
      .store.watch('/registry/secrets/', 1n, {
        onEvents: (events) => seen.push(...events.map(({ key, value }) => `${key} ${value}`)),
        onProgress() {
          seen.push('progress');
          end();
        },
        onCompacted: () => assert.fail('compacted'),
        onError: (error) => assert.fail(error),
      })
      .requestProgress();
    await first.store.swap(`${KEY}-2`, PLAIN, 0n);
    assert.deepEqual(seen, []);
    tell();
    await over;
    const found = seen.filter((one) => one !== 'progress');
    assert.deepEqual(found, [`${KEY} ${PLAIN}`, `${KEY}-2 ${PLAIN}`]);
    assert.equal(count('decrypt'), 1);
  });

  it('end a watch whose key nobody tells', async () => {
    await server().store.swap(KEY, PLAIN, 0n);
    kms.isDown = true;
    const { promise, resolve } = Promise.withResolvers<Error>();
    server().store.watch('/registry/secrets/', 1n, {
      onEvents: () => assert.fail('events'),
      onProgress: () => undefined,
      onCompacted: () => undefined,
      onError: resolve,
    });
    assert.match((await promise).message, /failed to decrypt DEK, error: 14 UNAVAILABLE/);
  });
});

describe('the service', () => {
  it('has another key: new values get a new seed, old ones are stale', async () => {
    const { store, plugin } = server();
    await store.swap(KEY, PLAIN, 0n);
    assert.equal(await store.isStale(KEY), false);
    kms.keyId = 'key-2';
    await plugin.probe();
    assert.equal(await store.isStale(KEY), true);
    const { value } = await store.get(KEY);
    await store.swap(KEY, PLAIN, value?.revision ?? 0n);
    assert.equal(decodeSealed((await lying()).subarray(HEAD.length)).source.keyId, 'key-2');
    assert.equal(await store.isStale(KEY), false);
    assert.equal(count('encrypt'), 2);
  });

  it('is asked every minute, and a seed is kept as long as the key is the same', async () => {
    const { plugin } = server();
    plugin.start();
    await plugin.probe();
    for (let minute = 0; minute < 3; minute += 1) {
      clock.advance(60_000);
      await plugin.probe();
    }
    assert.equal(count('encrypt'), 1);
    assert.ok(count('status') >= 4);
    await plugin.stop();
    assert.equal(kms.calls.at(-1), 'close');
  });

  it('is away: what is known is read, and written for three minutes', async () => {
    const { store, plugin } = server();
    await store.swap(KEY, PLAIN, 0n);
    await plugin.check();
    kms.isDown = true;
    await assert.rejects(plugin.probe(), /kms provider vault: 14 UNAVAILABLE/);
    await assert.rejects(plugin.check(), /kms provider vault/);
    clock.advance(179_000);
    await store.swap(`${KEY}-2`, PLAIN, 0n);
    clock.advance(2_000);
    const refused = store.swap(`${KEY}-3`, PLAIN, 0n);
    await assert.rejects(refused, /unable to transform key ".*-3": kms provider vault: 14 UNAV/);
    assert.equal((await raw.get(`${KEY}-3`)).value, undefined);
    assert.deepEqual((await store.get(KEY)).value?.value, PLAIN);
    kms.isDown = false;
    clock.advance(3_000);
    await store.swap(`${KEY}-3`, PLAIN, 0n);
    await plugin.check();
    assert.equal(count('encrypt'), 1);
    await plugin.stop();
  });

  const unwell: readonly [string, (kms: FakeKms) => void, RegExp][] = [
    ['is not ok', (one) => Object.assign(one, { healthz: 'ill' }), /healthz status: ill/],
    ['speaks v1', (one) => Object.assign(one, { version: 'v1' }), /version v2, got v1/],
    ['names no key', (one) => Object.assign(one, { keyId: '' }), /keyID is empty/],
    ['names too long a key', (one) => Object.assign(one, { keyId: 'k'.repeat(1_025) }), /max size/],
    [
      'notes what is no domain',
      (one) => Object.assign(one, { annotations: { panda: Buffer.alloc(1) } }),
      /annotations: Invalid value: "panda": should be a domain with at least two segments/,
    ],
    [
      'encrypts with another key than it says',
      (one) => Object.assign(one, { encryptsWith: 'key-9' }),
      /by its status, but sha256:[0-9a-f]{64} encrypted/,
    ],
  ];
  for (const [what, change, message] of unwell) {
    it(`${what}: nothing is written`, async () => {
      change(kms);
      const { store, plugin } = server();
      await assert.rejects(store.swap(KEY, PLAIN, 0n), message);
      await assert.rejects(plugin.check(), message);
      assert.equal((await raw.get(KEY)).value, undefined);
      await plugin.stop();
    });
  }
});

describe('a server and a service on a socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kms-'));
  const socket = join(folder, 'kms.sock');
  const host = new GrpcHost({ log: silentLogger });
  before(async () => {
    const answer =
      <T>(work: (request: T) => Promise<object>): handleUnaryCall<T, object> =>
      ({ request }, done) => {
        work(request).then(
          (value) => done(null, value),
          (error: Error) => done(error),
        );
      };
    type Encrypt = { uid: string; plaintext: Buffer };
    type Decrypt = Parameters<FakeKms['decrypt']>[1];
    host.addService(serviceOf(loadProto('kms/v2.proto'), 'v2.KeyManagementService').service, {
      Status: answer(() => kms.status()),
      Encrypt: answer(({ uid, plaintext }: Encrypt) => kms.encrypt(uid, plaintext)),
      Decrypt: answer(async (sealed: Decrypt) => ({ plaintext: await kms.decrypt('', sealed) })),
    });
    await host.listen(`unix:${socket}`);
  });
  after(async () => {
    await host.drain(1_000);
    rmSync(folder, { recursive: true });
  });

  /** A configuration whose first provider is the service of a name, at a path. */
  function configured(name: string, path: string): string {
    const file = join(folder, 'config.yaml');
    const endpoint = `unix://${path}`;
    const provider = `{ kms: { apiVersion: v2, name: ${name}, endpoint: "${endpoint}" } }`;
    const text = [
      'apiVersion: apiserver.config.k8s.io/v1',
      'kind: EncryptionConfiguration',
      `resources: [{ resources: [secrets], providers: [${provider}, { identity: {} }] }]`,
    ];
    writeFileSync(file, text.join('\n'));
    return file;
  }

  it('keep secrets, and say that they are well', async () => {
    const flags = [`--encryption-provider-config=${configured('vault', socket)}`];
    const first = await startApiServer({ store: raw, flags });
    await first.objects.create(GVR.secrets, {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' } },
      data: { password: 'c3VwZXItc2VjcmV0' },
    });
    assert.equal((await lying()).toString('latin1', 0, HEAD.length), HEAD);
    await first.stop();
    const second = await startApiServer({ store: raw, flags });
    try {
      const ref = { ...GVR.secrets, namespace: 'default', name: 's' };
      const found = await second.objects.get<Secret>(ref);
      assert.equal(found.data?.password, 'c3VwZXItc2VjcmV0');
      assert.ok(count('decrypt') >= 1);
    } finally {
      await second.stop();
    }
  });

  it('are named in the checks; a new configuration holds once its service is well', async () => {
    const parts = { serverId: 'me', clock: systemClock, log: silentLogger };
    const flags = {
      encryptionProviderConfig: configured('vault', socket),
      encryptionProviderConfigAutomaticReload: true,
    };
    const { store, tasks, checks } = encryptionOf(flags, raw, parts);
    const watch = tasks.find((task) => task instanceof WatchedFile);
    assert.ok(watch);
    const head = async (name: string): Promise<string> => {
      await store.swap(`${KEY}-${name}`, PLAIN, 0n);
      return (await lying(`${KEY}-${name}`)).toString('latin1').split(':', 5).join(':');
    };
    assert.deepEqual([checks[0]?.name, checks[0]?.liveness], ['kms-providers', true]);
    await checks[0]?.check();
    assert.equal(await head('a'), 'k8s:enc:kms:v2:vault');
    configured('away', join(folder, 'nobody.sock'));
    await watch.look();
    assert.equal(await head('b'), 'k8s:enc:kms:v2:vault');
    configured('other', socket);
    await watch.look();
    assert.equal(await head('c'), 'k8s:enc:kms:v2:other');
    await checks[0]?.check();
    await assert.rejects(store.get(`${KEY}-a`), /no provider that reads it is configured/);
    for (const task of tasks) await task.stop();
  });
});
