import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { startEtcd } from '../server/solo.ts';
import { dataDirsOf, ownCluster } from './own-cluster.ts';
import { runIn } from './testing/run.ts';

const root = mkdtempSync(join(tmpdir(), 'kubets-own-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A data directory as `kubets init` leaves it. */
function dataDir(endpoints: string, files = ''): string {
  const dir = mkdtempSync(join(root, 'dir-'));
  const text = `export ETCDCTL_API=3\nexport ETCDCTL_ENDPOINTS=${endpoints}\n${files}`;
  writeFileSync(join(dir, 'etcdctl.env'), text);
  return dir;
}

describe('the cluster of this machine', () => {
  it('is read out of the first data directory that holds one', () => {
    const files =
      "export ETCDCTL_CACERT='/a b/ca.crt'\nexport ETCDCTL_CERT='/c'\nexport ETCDCTL_KEY='/k'\n";
    const dirs = [join(root, 'none'), dataDir('https://127.0.0.1:2379', files), dataDir('other:1')];
    assert.deepEqual(ownCluster(dirs), {
      ...{ endpoints: 'https://127.0.0.1:2379', cacert: '/a b/ca.crt', cert: '/c', key: '/k' },
    });
    assert.equal(ownCluster([root]), undefined);
  });

  it('is where the kubets command has it', () => {
    assert.deepEqual(dataDirsOf({ KUBETS_DATA_DIR: '/d' }), ['/d']);
    assert.deepEqual(dataDirsOf({}), ['.kubets', '/var/lib/kubets']);
  });

  it('is what commands talk to that are not told where to go', async () => {
    const etcd = await startEtcd({ memory: true });
    try {
      const dirs = [dataDir(`http://127.0.0.1:1,${etcd.endpoint}`)];
      const listed = await runIn(dirs, 'member', 'list');
      assert.equal(listed.code, 0, listed.err);
      const file = join(root, 'snapshot');
      const saved = await runIn(dirs, 'snapshot', 'save', file);
      assert.equal(saved.code, 0, saved.err);
      assert.ok(existsSync(file));
      const elsewhere = await runIn(dirs, 'member', 'list', '--endpoints', '127.0.0.1:1');
      assert.match(elsewhere.err, /127\.0\.0\.1:1/);
      const two = ['--endpoints', 'a:1,b:1'];
      const several = await runIn(dirs, 'snapshot', 'save', file, ...two);
      assert.match(several.err, /give one of the --endpoints/);
    } finally {
      await etcd.stop();
    }
  });
});
