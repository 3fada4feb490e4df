/** A stock etcdctl that is given the store's address as a whole URL, as its manual has it. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { etcdctl, needStock } from '../backup/testing/stock.ts';
import { startEtcd } from './solo.ts';
import { member } from './testing/certificates.ts';

describe('etcdctl with a URL', () => {
  let dir: string;
  before(() => {
    needStock();
    dir = mkdtempSync(join(tmpdir(), 'kubets-etcdctl-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  /** The commands that speak to one member, which etcdctl dials by what it was given. */
  async function askMember(endpoint: string, ...flags: readonly string[]): Promise<void> {
    const ask = (...args: string[]) => etcdctl('--endpoints', endpoint, ...flags, ...args);
    assert.match(await ask('endpoint', 'status'), new RegExp(`^${endpoint}, [0-9a-f]+, 3\\.6`));
    assert.match(await ask('endpoint', 'hashkv'), new RegExp(`^${endpoint}, \\d+`));
    assert.match(await ask('defrag'), /Finished/);
    await ask('put', 'a', 'b');
    assert.equal(await ask('get', 'a', '--print-value-only'), 'b\n');
  }

  it('in plain text', async () => {
    const etcd = await startEtcd({ memory: true });
    await askMember(etcd.endpoint);
    await etcd.stop();
  });

  it('with certificates', async () => {
    const files = { cacert: member.ca, cert: member.cert, key: member.key };
    const flags = Object.entries(files).flatMap(([name, text]) => {
      writeFileSync(join(dir, name), String(text), { mode: 0o600 });
      return [`--${name}`, join(dir, name)];
    });
    const etcd = await startEtcd({ memory: true, tls: { ...member, requireClientCert: true } });
    await askMember(etcd.endpoint, ...flags);
    await etcd.stop();
  });
});
