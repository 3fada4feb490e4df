import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isMountPoint, shareNetnsDir, unshareNetnsDir } from './netns-dir.ts';

const mount = (...args: string[]): void => {
  execFileSync('mount', args, { stdio: 'ignore' });
};
const umount = (...args: string[]): void => {
  execFileSync('umount', args, { stdio: 'ignore' });
};
const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

describe('shareNetnsDir', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-netns-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('makes the folder a shared mount of its own, once', () => {
    shareNetnsDir(dir);
    shareNetnsDir(dir);
    const points = mounts()
      .split('\n')
      .filter((line) => line.split(' ')[4] === dir);
    umount(dir);
    assert.equal(points.length, 1);
    assert.match(points[0] ?? '', / shared:\d+ /);
    assert.ok(!isMountPoint(dir, mounts()));
  });

  it('is taken back when no namespace is named there any more', () => {
    shareNetnsDir(dir);
    const file = join(dir, 'one');
    writeFileSync(file, '');
    unshareNetnsDir(dir);
    assert.ok(isMountPoint(dir, mounts()), 'somebody’s namespace');
    rmSync(file);
    unshareNetnsDir(dir);
    unshareNetnsDir(dir);
    assert.ok(!isMountPoint(dir, mounts()));
  });

  it('lets a namespace go that was named before others shared the folder again', () => {
    shareNetnsDir(dir);
    try {
      const file = join(dir, 'one');
      writeFileSync(file, '');
      mount('--bind', '/proc/self/ns/net', file);
      mount('--make-rshared', dir); // What `ip netns add` does to a mount point.
      umount(file);
      rmSync(file); // Busy, were there a second mount below.
    } finally {
      umount('-l', dir);
    }
  });
});
