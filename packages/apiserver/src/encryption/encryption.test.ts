import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import type { KubeObject, Secret } from '@kubets/api';
import { ConfigError, ManualClock, Metrics, silentLogger } from '@kubets/platform';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { LIMITS } from '../edge-limits.ts';
import { type EmbeddedApiServer, startApiServer } from '../embedded/start.ts';
import { GVR } from '../resources.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import type { StoreEvent } from '../storage/store.ts';
import { parseEncryption } from './config.ts';
import { EncryptedStore } from './encrypted-store.ts';
import { encryptionOf } from './from-config.ts';
import { placeOf } from './places.ts';

const KEY = '/registry/secrets/default/s';
const OLD = Buffer.alloc(32, 1).toString('base64');
const NEW = Buffer.alloc(32, 2).toString('base64');
const folder = mkdtempSync(join(tmpdir(), 'encryption-'));
after(() => rmSync(folder, { recursive: true }));

const configText = (resources: string, ...providers: string[]): string =>
  `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [${resources}]
    providers: [${providers.join(', ')}]
`;
const provider = (kind: string, ...keys: [name: string, secret: string][]): string =>
  `{ ${kind}: { keys: [${keys.map(([name, secret]) => `{ name: ${name}, secret: ${secret} }`).join(', ')}] } }`;
/** Where no service is to be asked. */
const read = (text: string) => parseEncryption(text, 'config.yaml', () => assert.fail('a service'));
const rulesOf = (...providers: string[]) => read(configText('secrets', ...providers));
const IDENTITY = '{ identity: {} }';

let raw: MemoryStore;
beforeEach(() => {
  raw = new MemoryStore();
});
const lying = async (key = KEY): Promise<Buffer> => {
  const { value } = await raw.get(key);
  assert.ok(value);
  return value.value;
};

const PLAIN = Buffer.from('{"kind":"Secret","data":{"password":"c3VwZXI="}}');

describe('values in the store', () => {
  it('come from members that can confirm their progress, or cannot', () => {
    const over = (inner: MemoryStore) => new EncryptedStore(inner, rulesOf(IDENTITY));
    assert.equal(over(raw).confirmsProgress(), true);
    const old = Object.assign(new MemoryStore(), { confirmsProgress: () => false });
    assert.equal(over(old).confirmsProgress(), false);
  });

  for (const kind of ['aesgcm', 'aescbc', 'secretbox']) {
    it(`are sealed by ${kind}, marked as upstream marks them, and come back`, async () => {
      const store = new EncryptedStore(raw, rulesOf(provider(kind, ['k1', OLD])));
      await store.swap(KEY, PLAIN, 0n);
      const bytes = await lying();
      const head = `k8s:enc:${kind}:v1:k1:`;
      assert.equal(bytes.toString('latin1', 0, head.length), head);
      assert.ok(!bytes.includes('c3VwZXI=') && !bytes.includes('Secret'));
      assert.deepEqual((await store.get(KEY)).value?.value, PLAIN);
      const page = await store.page('/registry/secrets/', { limit: 0 });
      assert.deepEqual(page.values[0]?.value, PLAIN);
    });
  }

  it('can be opened with nothing but the key: the formats are those of upstream', async () => {
    const secret = Buffer.from(OLD, 'base64');
    const sealed = async (kind: string) => {
      const store = new EncryptedStore(raw, rulesOf(provider(kind, ['k1', OLD])));
      const key = `${KEY}-${kind}`;
      await store.swap(key, PLAIN, 0n);
      return { key, body: (await lying(key)).subarray(`k8s:enc:${kind}:v1:k1:`.length) };
    };
    const gcm = await sealed('aesgcm');
    const decipher = createDecipheriv('aes-256-gcm', secret, gcm.body.subarray(0, 12));
    decipher.setAAD(Buffer.from(gcm.key));
    decipher.setAuthTag(gcm.body.subarray(-16));
    assert.deepEqual(decipher.update(gcm.body.subarray(12, -16)), PLAIN);
    const cbc = await sealed('aescbc');
    const plain = createDecipheriv('aes-256-cbc', secret, cbc.body.subarray(0, 16));
    const both = [plain.update(cbc.body.subarray(16)), plain.final()];
    assert.deepEqual(Buffer.concat(both), PLAIN);
    const box = (await sealed('secretbox')).body;
    const opened = xsalsa20poly1305(secret, box.subarray(0, 24)).decrypt(box.subarray(24));
    assert.deepEqual(Buffer.from(opened), PLAIN);
  });

  it('are never sealed alike twice, and open in no other place', async () => {
    const store = new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k1', OLD])));
    await store.swap(KEY, PLAIN, 0n);
    await store.swap(`${KEY}2`, PLAIN, 0n);
    assert.notDeepEqual(await lying(), await lying(`${KEY}2`));
    await raw.swap('/registry/secrets/default/moved', await lying(), 0n);
    const moved = store.get('/registry/secrets/default/moved');
    await assert.rejects(moved, /unable to transform key "\/registry\/secrets\/default\/moved"/);
  });

  it('of other resources stay as they are', async () => {
    const store = new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k1', OLD])));
    for (const key of [
      '/registry/configmaps/default/c',
      '/registry/ranges/x',
      '/registry/secretsx/a',
    ]) {
      await store.swap(key, PLAIN, 0n);
      assert.deepEqual(await lying(key), PLAIN);
    }
  });

  it('reach watches opened, and lost races too', async () => {
    const store = new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k1', OLD])));
    const { promise, resolve, reject } = Promise.withResolvers<readonly StoreEvent[]>();
    const none = (): void => undefined;
    store.watch('/registry/secrets/', 1n, {
      ...{ onEvents: resolve, onError: reject, onProgress: none, onCompacted: none },
    });
    await store.swap(KEY, PLAIN, 0n);
    assert.deepEqual((await promise)[0]?.value, PLAIN);
    const lost = await store.swap(KEY, PLAIN, 0n);
    assert.ok(!lost.ok);
    assert.deepEqual(lost.current?.value, PLAIN);
  });

  it('that cannot be opened end a watch with an error, and are an internal error', async () => {
    await new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k1', OLD]))).swap(KEY, PLAIN, 0n);
    const other = new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k1', NEW])));
    await assert.rejects(other.get(KEY), { code: 500 });
    const unknown = new EncryptedStore(raw, rulesOf(provider('aesgcm', ['k9', OLD])));
    await assert.rejects(unknown.get(KEY), /key .* is not configured/);
    const plain = new EncryptedStore(raw, rulesOf(IDENTITY));
    await assert.rejects(plain.get(KEY), /no provider that reads it is configured/);
    const { promise, resolve } = Promise.withResolvers<Error>();
    const none = (): void => undefined;
    other.watch('/registry/secrets/', 1n, {
      ...{ onEvents: none, onError: resolve, onProgress: none, onCompacted: none },
    });
    assert.match((await promise).message, /unable to transform/);
  });
});

describe('rotation', () => {
  it('reads with every key and writes with the first; older values are stale', async () => {
    const store = new EncryptedStore(raw, rulesOf(IDENTITY));
    await store.swap(KEY, PLAIN, 0n);
    const steps: readonly [string[], string][] = [
      [[provider('aescbc', ['one', OLD]), IDENTITY], 'k8s:enc:aescbc:v1:one:'],
      [[provider('aescbc', ['two', NEW], ['one', OLD]), IDENTITY], 'k8s:enc:aescbc:v1:two:'],
      [
        [provider('secretbox', ['a', OLD]), provider('aescbc', ['two', NEW])],
        'k8s:enc:secretbox:v1:a:',
      ],
      [[IDENTITY, provider('secretbox', ['a', OLD])], '{"kind"'],
    ];
    for (const [providers, head] of steps) {
      store.configure(rulesOf(...providers));
      assert.equal(await store.isStale(KEY), true);
      const { value } = await store.get(KEY);
      assert.deepEqual(value?.value, PLAIN);
      await store.swap(KEY, PLAIN, value?.revision ?? 0n);
      assert.ok((await lying()).toString('latin1').startsWith(head), head);
      assert.equal(await store.isStale(KEY), false);
    }
  });

  it('takes over a changed file, and keeps the old one when the new cannot be used', async () => {
    const clock = new ManualClock();
    const metrics = new Metrics();
    const file = join(folder, 'reload.yaml');
    writeFileSync(file, configText('secrets', IDENTITY));
    const { store, tasks } = encryptionOf(
      { encryptionProviderConfig: file, encryptionProviderConfigAutomaticReload: true },
      raw,
      { metrics, serverId: 'me', clock, log: silentLogger },
    );
    for (const task of tasks) task.start();
    const written = async (name: string): Promise<string> => {
      clock.advance(LIMITS.configReloadMs);
      await store.swap(`${KEY}-${name}`, PLAIN, 0n);
      return (await lying(`${KEY}-${name}`)).toString('latin1').slice(0, 15);
    };
    assert.equal(await written('a'), '{"kind":"Secret');
    writeFileSync(file, configText('secrets', provider('aesgcm', ['k', OLD])));
    assert.equal(await written('b'), 'k8s:enc:aesgcm:');
    writeFileSync(file, configText('secrets', provider('aesgcm', ['k', 'c2hvcnQ='])));
    assert.equal(await written('c'), 'k8s:enc:aesgcm:');
    const text = await metrics.metrics();
    const total = 'apiserver_encryption_config_controller_automatic_reloads_total';
    for (const status of ['success', 'failure']) {
      assert.match(
        text,
        new RegExp(`${total}{status="${status}",apiserver_id_hash="sha256:\\w+"} 1`),
      );
    }
    for (const task of tasks) await task.stop();
  });
});

describe('the configuration', () => {
  it('names resources, groups, and everything', () => {
    const [rule] = read(configText('secrets, widgets.acme.com, "*.apps"', IDENTITY));
    const wanted: readonly [string, string, boolean][] = [
      ['', 'secrets', true],
      ['', 'configmaps', false],
      ['acme.com', 'widgets', true],
      ['acme.com', 'gadgets', false],
      ['apps', 'deployments', true],
    ];
    for (const [group, resource, is] of wanted) assert.equal(rule?.matches(group, resource), is);
    const [core] = read(configText('"*."', IDENTITY));
    assert.deepEqual([core?.matches('', 'pods'), core?.matches('apps', 'x')], [true, false]);
    const [all] = read(configText('"*.*"', IDENTITY));
    assert.deepEqual([all?.matches('', 'pods'), all?.matches('apps', 'x')], [true, true]);
  });

  it('knows where resources lie', () => {
    assert.deepEqual(placeOf('/registry/secrets/ns/a'), { group: '', resource: 'secrets' });
    assert.deepEqual(placeOf('/registry/services/specs/ns/a'), { group: '', resource: 'services' });
    assert.deepEqual(placeOf('/registry/deployments/ns/a'), {
      group: 'apps',
      resource: 'deployments',
    });
    assert.deepEqual(placeOf('/registry/acme.com/widgets/ns/a'), {
      group: 'acme.com',
      resource: 'widgets',
    });
    assert.equal(placeOf('/registry/ranges/serviceips'), undefined);
  });

  const wrong: readonly [string, string, RegExp][] = [
    ['of another kind', 'kind: Pod', /want kind EncryptionConfiguration/],
    ['that is no YAML', `secret: [${OLD}`, /this is no YAML/],
    ['with kms', configText('secrets', '{ kms: { name: x } }'), /KMSv1 is deprecated/],
    ...(
      [
        ['without a name', 'endpoint: "unix:///s"', /name is a mandatory field/],
        ['with a colon in its name', 'name: "a:b", endpoint: "unix:///s"', /has no colon/],
        ['without an endpoint', 'name: x', /endpoint is a mandatory field for a kms/],
        ['over TCP', 'name: x, endpoint: "tcp://a:1"', /unsupported scheme "tcp" .* only unix/],
        ['without a path', 'name: x, endpoint: "unix://"', /want unix:\/\/\/PATH/],
        ['with a cache', 'name: x, endpoint: "unix:///s", cachesize: 1', /cachesize is not/],
        ['with no time', 'name: x, endpoint: "unix:///s", timeout: 0s', /a positive value/],
        ['with a time that is none', 'name: x, endpoint: "unix:///s", timeout: x', /no duration/],
      ] as const
    ).map(([what, kms, message]): [string, string, RegExp] => {
      const text = configText('secrets', `{ kms: { apiVersion: v2, ${kms} } }`);
      return [`with a kms ${what}`, text, message];
    }),
    [
      'with kms v3',
      configText('secrets', '{ kms: { apiVersion: v3, name: x } }'),
      /unsupported apiVersion v3 for KMS provider, only v1 and v2 are supported$/,
    ],
    [
      'with a short key',
      configText('secrets', provider('secretbox', ['k', 'c2hvcnQ='])),
      /32 bytes/,
    ],
    ['without keys', configText('secrets', '{ aesgcm: {} }'), /aesgcm has no keys/],
    ['without providers', configText('secrets'), /providers must name/],
    [
      'with a name twice',
      configText('secrets', provider('aescbc', ['k', OLD], ['k', NEW])),
      /twice/,
    ],
    ['for every group', configText('"pods.*"', IDENTITY), /resource across groups is not supp/],
    [
      'for all at once',
      configText('"*"', IDENTITY),
      /resources\[0\].resources\[0\]: .*use '\*\.' to/,
    ],
    ['in capitals', configText('Secrets', IDENTITY), /should not contain capital letters/],
    ['for events elsewhere', configText('events.events.k8s.io', IDENTITY), /Use 'events' instead/],
    ['for what is gone', configText('ingresses.extensions', IDENTITY), /has been removed and/],
    ['for what is no object', configText('serviceipallocations', IDENTITY), /do not have REST API/],
    [
      'for one twice',
      configText('secrets, secrets', IDENTITY),
      /cannot be specified multiple times$/,
    ],
    [
      'for names that hide others',
      configText('secrets, "*."', IDENTITY),
      /resources\[0\].resources: Invalid value: \[\]string\{"secrets", "\*\."\}: using overlapping resources/,
    ],
    ['for all and one', configText('"*.*", deployments.apps', IDENTITY), /overlapping resources/],
  ];
  for (const [what, text, message] of wrong) {
    it(`is refused ${what}, without showing a key`, () => {
      assert.throws(
        () => read(text),
        (error) =>
          error instanceof ConfigError &&
          message.test(error.message) &&
          !error.message.includes(OLD),
      );
    });
  }
});

describe('a server that encrypts', () => {
  const secret = (): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'default' },
    data: { password: 'c3VwZXItc2VjcmV0' },
  });
  const start = (...providers: string[]): Promise<EmbeddedApiServer> => {
    const file = join(folder, 'server.yaml');
    writeFileSync(file, configText('secrets', ...providers));
    return startApiServer({ store: raw, flags: [`--encryption-provider-config=${file}`] });
  };

  it('keeps no secret in the clear, and a no-op update encrypts with the new key', async () => {
    const first = await start(provider('aesgcm', ['one', OLD]));
    await first.objects.create(GVR.secrets, secret());
    assert.ok((await lying()).toString('latin1').startsWith('k8s:enc:aesgcm:v1:one:'));
    assert.ok(!(await lying()).includes('c3VwZXItc2VjcmV0'));
    const ref = { ...GVR.secrets, namespace: 'default', name: 's' };
    const before = await first.objects.get<Secret>(ref);
    assert.equal(before.data?.password, 'c3VwZXItc2VjcmV0');
    const same = await first.objects.update<KubeObject>(GVR.secrets, before);
    assert.equal(same.metadata.resourceVersion, before.metadata.resourceVersion);
    await first.stop();

    const second = await start(provider('aesgcm', ['two', NEW], ['one', OLD]));
    const found = await second.objects.get<Secret>(ref);
    assert.equal(found.data?.password, 'c3VwZXItc2VjcmV0');
    const cached = second.objects.cache<Secret>(GVR.secrets);
    await cached.whenSynced();
    assert.equal(cached.get('default', 's')?.data?.password, 'c3VwZXItc2VjcmV0');
    const rewritten = await second.objects.update<KubeObject>(GVR.secrets, found);
    assert.notEqual(rewritten.metadata.resourceVersion, found.metadata.resourceVersion);
    assert.ok((await lying()).toString('latin1').startsWith('k8s:enc:aesgcm:v1:two:'));
    await second.stop();
  });
});
