import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  cgroupProcesses,
  removeCgroups,
  removeSharedCgroup,
  setCpuShares,
  weightOf,
} from '../host/cgroups.ts';
import { mountsBelow } from '../host/mounts.ts';
import { nodeLayout } from '../layout.ts';
import { nodeBridge } from './bridge.ts';
import { CNI_CONF_FILE, cniConf, writeCniConf } from './cni.ts';
import { containerdArgs, containerdConfig, containerdPaths } from './config.ts';
import { detectSnapshotter, hasSysResource } from './detect.ts';
import { importedNames } from './tools.ts';

const options = {
  rootDir: '/data/node "1"',
  runDir: '/run/k/1',
  cniConfDir: '/data/cni',
  cniBinDir: '/usr/lib/cni',
  snapshotter: 'native',
  restrictOomScoreAdj: true,
} as const;

describe('a private containerd', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-ctd-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('is configured away from the host', () => {
    const text = containerdConfig(options);
    for (const line of [
      'root = "/data/node \\"1\\"/containerd"',
      'state = "/run/k/1/state"',
      'address = "/run/k/1/containerd.sock"',
      'sandbox_image = "kubets.local/pause:1"',
      'restrict_oom_score_adj = true',
      'snapshotter = "native"',
      'conf_dir = "/data/cni"',
      'bin_dir = "/usr/lib/cni"',
    ]) {
      assert.ok(text.includes(line), line);
    }
    assert.ok(!text.includes('/etc/'));
    assert.deepEqual(containerdArgs(options).slice(0, 2), [
      '--config',
      containerdPaths(options).configFile,
    ]);
  });

  it('gets a network list with a bridge, host ports and a way through the firewall', () => {
    const base = { bridge: 'kb-1', podCidr: '10.1.0.0/24', dataDir: '/ipam' };
    const made = JSON.parse(cniConf({ ...base, firewall: true, mtu: 1_400 }));
    assert.deepEqual(
      made.plugins.map((one: { type: string }) => one.type),
      ['bridge', 'portmap', 'firewall'],
    );
    assert.equal(made.plugins[0].ipam.ranges[0][0].subnet, '10.1.0.0/24');
    assert.equal(made.plugins[0].mtu, 1_400);
    assert.equal(JSON.parse(cniConf(base)).plugins.length, 2);
  });

  it('has its network list replaced in one step, and only when it changed', () => {
    const conf = join(dir, 'cni');
    assert.equal(writeCniConf(conf, 'one'), true);
    assert.equal(writeCniConf(conf, 'one'), false);
    assert.equal(writeCniConf(conf, 'two'), true);
    assert.deepEqual(readdirSync(conf), [CNI_CONF_FILE]);
    assert.equal(readFileSync(join(conf, CNI_CONF_FILE), 'utf8'), 'two');
  });

  it('reads what ctr says it imported', () => {
    const old = 'unpacking docker.io/library/busybox:latest (sha256:abc123)...done\n';
    const fresh = 'docker.io/library/a:1 saved\napplication/x (sha256:00ff)\n';
    assert.deepEqual(importedNames(old), ['docker.io/library/busybox:latest']);
    assert.ok(importedNames(fresh).includes('docker.io/library/a:1'));
    assert.deepEqual(importedNames(''), []);
  });

  it('knows the mounts below a folder, deepest first', () => {
    const line = (point: string): string => `1 2 0:3 / ${point} rw - tmpfs tmpfs rw`;
    const info = ['/a', '/a/b', '/a/b/c\\040d', '/ab/x'].map(line).join('\n');
    assert.deepEqual(mountsBelow('/a', info), ['/a/b/c d', '/a/b']);
  });

  it('removes cgroup folders in every hierarchy', () => {
    const root = join(dir, 'cgroup');
    for (const path of ['cpu/kubets/n/pod1/c', 'memory/kubets/n/pod1', 'kubets/n']) {
      mkdirSync(join(root, path), { recursive: true });
    }
    removeCgroups('/kubets/n', root);
    assert.ok(existsSync(join(root, 'cpu/kubets')));
    for (const path of ['cpu/kubets/n', 'memory/kubets/n', 'kubets/n']) {
      assert.ok(!existsSync(join(root, path)), path);
    }
    assert.doesNotThrow(() => removeCgroups('/kubets/none', root));
  });

  it('removes what nodes have in common only with the last of them', () => {
    const root = join(dir, 'shared');
    for (const path of ['cpu/kubets/n', 'memory/kubets', 'cpu/alone']) {
      mkdirSync(join(root, path), { recursive: true });
    }
    removeSharedCgroup('/kubets/other', root);
    assert.ok(existsSync(join(root, 'cpu/kubets/n')) && !existsSync(join(root, 'memory/kubets')));
    removeSharedCgroup('/alone', root);
    assert.ok(existsSync(join(root, 'cpu/alone')), 'the root itself is never tried');
  });

  it('finds processes of a cgroup and below it, in every hierarchy, each once', () => {
    const root = join(dir, 'processes');
    const files = {
      'cpu/kubets/n/pod1': '7\n8\n',
      'memory/kubets/n/pod1/c': '8\n9\n',
      'cpu/n': '1\n',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'cgroup.procs'), text);
    }
    for (const path of ['cpu/kubets/n', 'memory/kubets/n']) {
      writeFileSync(join(root, path, 'cgroup.procs'), '');
    }
    writeFileSync(join(root, 'memory/kubets/n/pod1/cgroup.procs'), '');
    assert.deepEqual(cgroupProcesses('/kubets/n', root).sort(), [7, 8, 9]);
    assert.deepEqual(cgroupProcesses('/none', root), []);
  });

  it('weighs cgroups, in either version of the kernel interface', () => {
    const root = join(dir, 'weights');
    mkdirSync(join(root, 'cpu/one'), { recursive: true });
    mkdirSync(join(root, 'two'), { recursive: true });
    writeFileSync(join(root, 'cpu/one/cpu.shares'), '');
    writeFileSync(join(root, 'two/cpu.weight'), '');
    for (const cgroup of ['/one', '/two', '/none']) setCpuShares(cgroup, 1_024, root);
    assert.equal(readFileSync(join(root, 'cpu/one/cpu.shares'), 'utf8'), '1024');
    assert.equal(readFileSync(join(root, 'two/cpu.weight'), 'utf8'), '39');
    assert.deepEqual([2, 262_144].map(weightOf), [1, 10_000]);
  });

  it('tells whether OOM scores may be lowered', () => {
    const file = join(dir, 'status');
    writeFileSync(file, 'Name:\tx\nCapEff:\t000001ffffffffff\n');
    assert.equal(hasSysResource(file), true);
    writeFileSync(file, 'CapEff:\t000001fffeffffff\n');
    assert.equal(hasSysResource(file), false);
    assert.equal(hasSysResource(join(dir, 'none')), false);
  });

  it('probes for overlays without leaving anything', () => {
    const probe = join(dir, 'probe');
    assert.match(detectSnapshotter(probe), /^(overlayfs|native)$/);
    assert.deepEqual(readdirSync(probe), []);
  });

  it('gives each node names of its own that fit the kernel', () => {
    const [one, two] = [nodeLayout('/data/1'), nodeLayout('/data/2')];
    assert.notEqual(one.bridge, two.bridge);
    assert.notEqual(one.cgroupParent, two.cgroupParent);
    assert.ok(nodeBridge('/a/very/long/path'.repeat(10)).length <= 15);
  });
});
