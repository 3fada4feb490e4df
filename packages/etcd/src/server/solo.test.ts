/** A store inside a process. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EtcdClient } from '../client/index.ts';
import { mustRun } from '../commands/testing/run.ts';
import { type EtcdOptions, startEtcd } from './solo.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-solo-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

describe('an embedded store', () => {
  const kinds: Record<string, () => EtcdOptions> = {
    'in memory': () => ({ memory: true }),
    'in a directory': () => ({ dataDir: join(dir, 'new', 'deep') }),
  };
  for (const [kind, options] of Object.entries(kinds)) {
    it(`${kind} takes writes as soon as it has started`, async () => {
      const etcd = await startEtcd(options());
      const client = new EtcdClient({ endpoints: [etcd.endpoint] });
      const { leader, memberId } = await client.status(etcd.endpoint);
      assert.equal(leader, memberId);
      await client.put(Buffer.from('a'), Buffer.from('b'));
      client.close();
      await etcd.stop();
    });
  }

  it('finds what it had, and keeps its directory to itself', async () => {
    const dataDir = join(dir, 'new', 'deep');
    const etcd = await startEtcd({ dataDir });
    const client = new EtcdClient({ endpoints: [etcd.endpoint] });
    assert.equal((await client.get(Buffer.from('a'))).kv?.value.toString(), 'b');
    await assert.rejects(startEtcd({ dataDir }), /in use by another process/);
    await mustRun('snapshot', 'save', join(dir, 's.db'), '--endpoints', etcd.endpoint);
    client.close();
    await etcd.stop();
  });

  it('does not wait for ever for members that nobody starts', async () => {
    const dataDir = join(dir, 'of-three');
    const cluster = 'a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3';
    const peers = ['--initial-cluster', cluster, '--initial-advertise-peer-urls'];
    const args = ['snapshot', 'restore', join(dir, 's.db'), '--data-dir', dataDir, '--name', 'a'];
    await mustRun(...args, ...peers, 'http://127.0.0.1:1');
    await assert.rejects(startEtcd({ dataDir }), /is of one of 3 members/);
  });
});
