import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { EmbeddedAuthority } from '../embedded/certificates.ts';
import { storeTls } from './store-tls.ts';

it('the store may be known by its CA alone, and the files have to go together', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'store-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const made = await (await EmbeddedAuthority.create(Date.now())).issue('CN=a');
  const file = (name: 'ca' | 'cert' | 'key'): string => {
    const path = join(folder, name);
    writeFileSync(path, made[name]);
    return path;
  };
  const [ca, cert, key] = [file('ca'), file('cert'), file('key')];
  const read = (etcdCafile = '', etcdCertfile = '', etcdKeyfile = '') =>
    storeTls({ etcdCafile, etcdCertfile, etcdKeyfile });
  assert.equal(read(), undefined);
  assert.deepEqual(Object.keys(read(ca) ?? {}), ['ca']);
  assert.deepEqual(Object.keys(read(ca, cert, key) ?? {}).sort(), ['ca', 'cert', 'key']);
  assert.throws(() => read(ca, cert), /--etcd-certfile and --etcd-keyfile belong together$/);
  assert.throws(() => read('', cert, key), /--etcd-certfile needs --etcd-cafile/);
});
