/** Encryption at rest: what is on disk says nothing, keys can be changed, and nothing goes without the right one. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError, type createLogger, silentLogger } from '@kubets/platform';
import { ClassicLevel } from 'classic-level';
import fc from 'fast-check';
import { EtcdClient } from '../client/index.ts';
import { StorageError } from '../errors.ts';
import { startEtcd } from '../server/solo.ts';
import { stateDirOf } from '../storage/data-dir.ts';
import { loadVault } from './key-file.ts';
import { isSealed, MissingKeyError, Vault } from './vault.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-vault-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const place = Buffer.from('here');
const newKey = (): Buffer => randomBytes(32);

function keyFile(name: string, keys: readonly Buffer[], mode = 0o600): string {
  const file = join(dir, name);
  const lines = keys.map((key) => key.toString('base64'));
  writeFileSync(file, `# keys\n\n${lines.join('\n')}\n`, { mode });
  return file;
}

describe('a vault', () => {
  it('opens what it has sealed, in its place only', () => {
    const vault = new Vault([newKey()]);
    const bytes = fc.uint8Array({ maxLength: 500 });
    fc.assert(
      fc.property(bytes, fc.nat(), (plain, damageAt) => {
        const sealed = vault.seal(plain, place);
        assert.ok(vault.isCurrent(sealed));
        assert.deepEqual(vault.open(sealed, place), Buffer.from(plain));
        assert.throws(() => vault.open(sealed, Buffer.from('there')), StorageError);
        const at = damageAt % sealed.length;
        sealed[at] = (sealed[at] ?? 0) ^ 1;
        if (isSealed(sealed)) assert.throws(() => vault.open(sealed, place));
      }),
    );
  });

  it('never seals alike twice, nor in another process', () => {
    const key = newKey();
    const [one, other] = [new Vault([key]), new Vault([key])];
    const plain = Buffer.alloc(40);
    const all = [one, one, other].map((vault) => vault.seal(plain, place).toString('hex'));
    assert.equal(new Set(all).size, 3);
    for (const sealed of all) {
      assert.deepEqual(other.open(Buffer.from(sealed, 'hex'), place), plain);
    }
  });

  it('opens with any of its keys, and says which one is missing', () => {
    const [a, b] = [newKey(), newKey()];
    const old = new Vault([a]);
    const sealed = old.seal(Buffer.from('x'), place);
    const turned = new Vault([b, a]);
    assert.equal(turned.open(sealed, place).toString(), 'x');
    assert.equal(turned.isCurrent(sealed), false);
    const missing = (error: Error): boolean =>
      error instanceof MissingKeyError && error.message.includes(old.primaryId);
    assert.throws(() => new Vault([b]).open(sealed, place), missing);
  });
});

describe('a key file', () => {
  it('gives its keys in order', () => {
    const keys = [newKey(), newKey()];
    assert.equal(loadVault(keyFile('good', keys)).primaryId, new Vault(keys).primaryId);
  });

  it('is refused when others may read it, or when there is something else in it', () => {
    const open = keyFile('open', [newKey()], 0o640);
    assert.throws(() => loadVault(open), /others may read it \(mode 640\): chmod 600/);
    for (const [name, keys] of [
      ['short', [randomBytes(16)]],
      ['none', []],
    ] as const) {
      assert.throws(() => loadVault(keyFile(name, keys)), ConfigError);
    }
    assert.throws(() => loadVault(join(dir, 'nowhere')), /nowhere: ENOENT/);
  });
});

const SECRET = 'a value nobody else shall read';
const NAME = 'a-name-nobody-shall-read';

/** Every byte below a directory. */
function bytesBelow(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const paths = files.map((file) => join(folder, file)).filter((path) => statSync(path).isFile());
  return Buffer.concat(paths.map((path) => readFileSync(path)));
}

function tells(folder: string): boolean {
  const bytes = bytesBelow(folder);
  return bytes.includes(SECRET) || bytes.includes(NAME);
}

type Keys = { readonly encryptionKeyFile?: string };

/** Starts a store, writes and reads, stops it. @returns what was there before */
async function visit(dataDir: string, keys: Keys): Promise<string | undefined> {
  const etcd = await startEtcd({ dataDir, ...keys });
  const client = new EtcdClient({ endpoints: [etcd.endpoint] });
  const found = await client.get(Buffer.from(NAME));
  for (let i = 0; i < 20; i++) await client.put(Buffer.from(NAME), Buffer.from(`${SECRET} ${i}`));
  client.close();
  await etcd.stop();
  return found.kv?.value.toString();
}

/** Resolves when a store with these keys has encrypted everything anew; it is stopped then. */
async function refreshed(dataDir: string, keys: Keys): Promise<void> {
  const done = Promise.withResolvers<void>();
  const log = Object.create(silentLogger, {
    info: {
      value: (_facts: unknown, text: string) => {
        if (/others may leave the key file/.test(text)) done.resolve();
      },
    },
  }) as ReturnType<typeof createLogger>;
  const etcd = await startEtcd({ dataDir, ...keys, log });
  await done.promise;
  await etcd.stop();
}

/** Records of the stored state that are encrypted. */
async function sealedShare(dataDir: string): Promise<number> {
  const encoding = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const db = new ClassicLevel<Buffer, Buffer>(stateDirOf(dataDir), encoding);
  await db.open();
  const values = await db.values().all();
  await db.close();
  return values.filter((value) => isSealed(value)).length / values.length;
}

describe('a store with a key file', { timeout: 120_000 }, () => {
  it('leaves nothing readable on disk, and reads it again', async () => {
    const dataDir = join(dir, 'sealed');
    const keys = { encryptionKeyFile: keyFile('a', [newKey()]) };
    assert.equal(await visit(dataDir, keys), undefined);
    assert.equal(tells(dataDir), false);
    assert.equal(await sealedShare(dataDir), 1);
    assert.equal(await visit(dataDir, keys), `${SECRET} 19`);
  });

  it('does not start without the key, or with another one', async () => {
    const dataDir = join(dir, 'sealed');
    const without = startEtcd({ dataDir });
    await assert.rejects(without, /encrypted with key [0-9a-f]{16}: give --encryption-key-file/);
    const other = startEtcd({ dataDir, encryptionKeyFile: keyFile('b', [newKey()]) });
    await assert.rejects(other, /which is not in --encryption-key-file/);
  });

  it('encrypts what was there before, and lets go of old keys', async () => {
    const dataDir = join(dir, 'turned');
    assert.equal(await visit(dataDir, {}), undefined);
    assert.equal(tells(dataDir), true);
    const [a, b] = [newKey(), newKey()];
    await refreshed(dataDir, { encryptionKeyFile: keyFile('first', [a]) });
    assert.equal(tells(dataDir), false);
    await refreshed(dataDir, { encryptionKeyFile: keyFile('both', [b, a]) });
    const found = await visit(dataDir, { encryptionKeyFile: keyFile('second', [b]) });
    assert.equal(found, `${SECRET} 19`);
  });
});
