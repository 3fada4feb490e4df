/** What administrators do to a cluster whose members ask for certificates, and whose users for passwords. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Etcd3, type IOptions } from 'etcd3';
import { EtcdClient } from '../client/index.ts';
import { member as certificate } from '../server/testing/certificates.ts';
import { ProcessCluster } from '../server/testing/processes.ts';
import { mustRun, runForTest } from './testing/run.ts';

const PASSWORD = 'long enough';
const ROOT = ['--user', `root:${PASSWORD}`];
const KEY = Buffer.from('kept');

/** How a command reaches the cluster as nobody but its certificate. */
function reach({ endpoints, tlsFiles }: ProcessCluster, at = endpoints): string[] {
  const { ca = '', cert = '', key = '' } = tlsFiles ?? {};
  return ['--endpoints', at.join(','), '--cacert', ca, '--cert', cert, '--key', key];
}

async function requirePasswords({ endpoints }: ProcessCluster): Promise<void> {
  const { ca: rootCertificate, cert: certChain, key: privateKey } = certificate;
  const credentials = { rootCertificate, certChain, privateKey };
  const options: IOptions = { hosts: endpoints, credentials };
  const admin = new Etcd3(options);
  try {
    await admin.put(KEY.toString()).value('before');
    await admin.role('root').create();
    await (await admin.user('root').create(PASSWORD)).addRole('root');
    await admin.auth.authEnable();
  } finally {
    admin.close();
  }
}

async function valueAs(cluster: ProcessCluster, name: string, password: string) {
  const { ca: rootCertificate, cert: certChain, key: privateKey } = certificate;
  const client = new Etcd3({
    ...{ hosts: cluster.endpoints, auth: { username: name, password } },
    credentials: { rootCertificate, certChain, privateKey },
  });
  try {
    return await client.get(KEY.toString()).string();
  } finally {
    client.close();
  }
}

describe('a cluster with TLS and users', { timeout: 300_000 }, () => {
  it('is checked, has a member replaced at its own address, and is recovered', async () => {
    await using cluster = await ProcessCluster.start(3, { tls: certificate });
    await requirePasswords(cluster);

    const strangers = await runForTest('member', 'list', '--endpoints', cluster.endpoints.join());
    assert.equal(strangers.code, 2, strangers.err);
    const wrong = await runForTest('check', ...reach(cluster), '--user', 'root:wrong');
    assert.match(wrong.err, /invalid user ID or password/);
    const checked = await runForTest('check', ...reach(cluster), ...ROOT);
    assert.equal(checked.code, 0, checked.out + checked.err);

    await cluster.kill('m2');
    rmSync(cluster.dataDir('m2'), { recursive: true });
    const { peerUrl } = cluster.place('m2');
    const flags = ['--peer-urls', peerUrl, '--timeout', '60s', ...reach(cluster), ...ROOT];
    const refused = await runForTest('member', 'replace', 'm2', ...flags.slice(0, -2));
    assert.match(refused.err, /permission denied/);
    const replaced = mustRun('member', 'replace', 'm2', ...flags);
    cluster.spawn(
      'm2',
      cluster.names.map((name) => `${name}=${cluster.place(name).peerUrl}`).join(),
    );
    assert.match(await replaced, /m2 has taken the place of m2\n$/);
    await cluster.healthy('m2');
    const again = await runForTest('check', ...reach(cluster), ...ROOT);
    assert.equal(again.code, 0, again.out + again.err);

    await cluster.kill(...cluster.names);
    for (const name of ['m0', 'm1']) rmSync(cluster.dataDir(name), { recursive: true });
    await mustRun('recover', '--data-dir', cluster.dataDir('m2'));
    cluster.spawn('m2');
    await cluster.healthy('m2');
    assert.equal(await valueAs(cluster, 'root', PASSWORD), 'before');
    await assert.rejects(valueAs(cluster, 'root', 'wrong'), /password/);
    const anybody = new EtcdClient({ endpoints: cluster.endpoints, tls: certificate });
    await assert.rejects(anybody.get(KEY), /permission denied|user name is empty/);
    anybody.close();
  });
});
