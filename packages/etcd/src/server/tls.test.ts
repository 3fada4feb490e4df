/** Who is let in with TLS, and what a store on disk keeps. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TlsMaterial } from '@kubets/platform';
import { EtcdClient, EtcdError } from '../client/index.ts';
import { type Etcd, startEtcd } from './solo.ts';
import { member, stranger } from './testing/certificates.ts';

const KEY = Buffer.from('k');

describe('with client certificates', () => {
  let etcd: Etcd;
  before(async () => {
    etcd = await startEtcd({ memory: true, tls: { ...member, requireClientCert: true } });
  });
  after(() => etcd.stop());

  function clientWith(tls: TlsMaterial, requestTimeoutMs: number): EtcdClient {
    return new EtcdClient({ endpoints: [etcd.endpoint], tls, requestTimeoutMs });
  }

  it('a client the authority knows is let in', async () => {
    // A greeting with certificates takes long on a busy machine.
    const client = clientWith(member, 30_000);
    await client.put(KEY, Buffer.from('1'));
    assert.equal((await client.get(KEY)).kv?.value.toString(), '1');
    client.close();
  });

  it('a stranger is not', async () => {
    const client = clientWith(stranger, 400);
    await assert.rejects(client.get(KEY), EtcdError);
    client.close();
  });

  it('health is answered over HTTP/1.1 too, to those let in', async () => {
    const ask = (tls: Partial<TlsMaterial>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = request(`${etcd.endpoint}/health`, { ...tls, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.on('error', reject);
        asked.end();
      });
    assert.equal(await ask(member), 200);
    await assert.rejects(ask({ ca: member.ca }));
  });
});

describe('a store on disk', () => {
  it('is there again when started on the same directory', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kubets-solo-'));
    try {
      for (const expected of [0n, 1n, 2n]) {
        const etcd = await startEtcd({ dataDir });
        const client = new EtcdClient({ endpoints: [etcd.endpoint] });
        assert.equal((await client.get(KEY)).kv?.version ?? 0n, expected);
        await client.put(KEY, Buffer.from('x'));
        client.close();
        await etcd.stop();
      }
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });

  it('cannot be started twice', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kubets-solo-'));
    const etcd = await startEtcd({ dataDir });
    await assert.rejects(startEtcd({ dataDir }), /in use by another process/);
    await etcd.stop();
    rmSync(dataDir, { recursive: true });
  });
});
