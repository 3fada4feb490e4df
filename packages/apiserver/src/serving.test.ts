import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { servingTls } from './serving.ts';

const NOW = Date.parse('2026-11-01T00:00:00Z');
const NONE = { tlsCertFile: '', tlsPrivateKeyFile: '', clientCaFile: '', certDir: '' };

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'serving-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a server without certificates', () => {
  it('makes its own, and keeps them where it is told to', async () => {
    const certDir = join(folder, 'certs');
    const first = await servingTls({ ...NONE, certDir }, NOW);
    const again = await servingTls({ ...NONE, certDir }, NOW);
    assert.deepEqual(again, first);
    assert.equal(statSync(join(certDir, 'apiserver.key')).mode & 0o777, 0o600);
    const other = await servingTls(NONE, NOW);
    assert.notDeepEqual(other.cert, first.cert);
  });

  it('takes those it is given', async () => {
    const file = (name: string): string => {
      writeFileSync(join(folder, name), name);
      return join(folder, name);
    };
    const given = {
      ...NONE,
      tlsCertFile: file('c'),
      tlsPrivateKeyFile: file('k'),
      clientCaFile: file('a'),
    };
    const { cert, key, ca } = await servingTls(given, NOW);
    assert.deepEqual([cert, key, ca].map(String), ['c', 'k', 'a']);
    const own = await servingTls({ ...given, clientCaFile: '' }, NOW);
    assert.match(String(own.ca), /BEGIN CERTIFICATE/);
  });

  it('needs a key with a certificate', async () => {
    await assert.rejects(servingTls({ ...NONE, tlsCertFile: 'x' }, NOW), ConfigError);
  });
});
