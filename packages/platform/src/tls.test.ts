import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError } from './errors.ts';
import { loadTlsFlags } from './tls.ts';

const NONE = { tlsCertFile: undefined, tlsPrivateKeyFile: undefined, caFile: undefined };

test('the three files of an identity are all given, or none', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kubets-tls-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const pem = join(dir, 'some.pem');
  writeFileSync(pem, '-----BEGIN CERTIFICATE-----\n');
  const all = { tlsCertFile: pem, tlsPrivateKeyFile: pem, caFile: pem };
  assert.equal(loadTlsFlags(NONE), undefined);
  assert.equal(String(loadTlsFlags(all)?.ca).startsWith('-----BEGIN'), true);
  for (const name of ['tlsCertFile', 'tlsPrivateKeyFile', 'caFile'] as const) {
    assert.throws(() => loadTlsFlags({ ...all, [name]: '' }), /go together/);
    assert.throws(() => loadTlsFlags({ ...NONE, [name]: pem }), /go together/);
    assert.throws(() => loadTlsFlags({ ...all, [name]: join(dir, 'absent') }), ConfigError);
  }
});
