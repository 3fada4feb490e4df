import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { makeDir } from './make-dir.ts';

describe('makeDir', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'kubets-dir-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('makes every level, for the owner alone, and again without a word', () => {
    const dir = join(root, 'a/b/c');
    makeDir(dir);
    makeDir(dir);
    assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o700);
    assert.ok(statSync(dir).isDirectory());
  });

  it('refuses what is no directory, also through a link to nothing', () => {
    writeFileSync(join(root, 'file'), '');
    assert.throws(() => makeDir(join(root, 'file')), { code: 'EEXIST' });
    assert.throws(() => makeDir(join(root, 'file/below')), { code: 'ENOTDIR' });
    symlinkSync(join(root, 'nowhere/at/all'), join(root, 'link'));
    assert.throws(() => makeDir(join(root, 'link')), { code: 'ENOENT' });
    assert.throws(() => makeDir('/proc/kubets/member'), { code: 'ENOENT' });
  });

  it('serves several members that start at the same moment', async () => {
    const url = new URL('./make-dir.ts', import.meta.url).href;
    const code = `import { workerData } from 'node:worker_threads';
      import { makeDir } from '${url}';
      const turn = new Int32Array(workerData.turn);
      Atomics.add(turn, 0, 1);
      while (Atomics.load(turn, 0) < workerData.members);
      for (let i = 0; i < 200; i++) makeDir(workerData.root + '/shared-' + i + '/etcd/' + workerData.name);`;
    const members = 3;
    const turn = new SharedArrayBuffer(4);
    const run = (name: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const source = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
        const worker = new Worker(source, { workerData: { turn, members, root, name } });
        worker.once('error', reject);
        worker.once('exit', () => resolve());
      });
    await Promise.all(['m1', 'm2', 'm3'].map(run));
    for (const name of ['m1', 'm2', 'm3']) {
      assert.ok(existsSync(join(root, 'shared-199/etcd', name)), name);
    }
  });
});
