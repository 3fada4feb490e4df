// Plain JavaScript for any Node.js from 20 on: the stock programs that tests run against, installed once and before any of them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program or file, and the Debian package it comes in. */
const PARTS = [
  ['etcd', 'etcd-server'],
  ['etcdctl', 'etcd-client'],
  ['containerd', 'containerd'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
  ['/bin/busybox', 'busybox-static'],
  ['dockerd', 'docker.io'],
  ['ip', 'iproute2'],
  ['iptables', 'iptables'],
  ['nft', 'nftables'],
  ['conntrack', 'conntrack'],
  ['dig', 'dnsutils'],
  ['h2load', 'nghttp2-client'],
  ['/usr/lib/python3/dist-packages/kubernetes', 'python3-kubernetes'],
];

const SYSTEM_DIRS = ['/usr/sbin', '/sbin'];

function isThere(program) {
  if (program.startsWith('/')) return existsSync(program);
  const dirs = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRS];
  return dirs.some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const done = spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 2, 2],
    env,
  });
  return done.status === 0;
}

/**
 * On CI, as root on Debian or Ubuntu, installs what is missing; tests may not be left out there, and two of them must not
 * install at the same time. Elsewhere says what the tests will do without.
 */
export function setUpParts() {
  const missing = PARTS.filter(([program]) => !isThere(program)).map(([, name]) => name);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (process.env.CI !== 'true' || process.getuid() !== 0 || !isThere('apt-get')) {
    process.stderr.write(`kubets: tests that need ${list} will be skipped or fail; install them\n`);
    return;
  }
  process.stderr.write(`kubets: installing ${list} …\n`);
  aptGet('update');
  if (!aptGet('install', '-y', '--no-install-recommends', ...missing)) {
    process.stderr.write(`kubets: apt-get could not install all of ${list} (see above)\n`);
  }
}
