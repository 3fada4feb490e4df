/** Facts about this machine, from /proc, /sys and the operating system. */
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, networkInterfaces, release, totalmem } from 'node:os';
import type { MachineFacts, MachinePressure } from '../core/node-status.ts';

const KIB = 1_024;

/** A file's trimmed text; empty when it cannot be read, as on machines without it. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function osImage(): string {
  const found = /^PRETTY_NAME="?(.*?)"?$/m.exec(text('/etc/os-release'));
  return found?.[1] ?? 'Linux';
}

function goArch(): string {
  const name = arch();
  return name === 'x64' ? 'amd64' : name;
}

function disk(dir: string): { total: number; free: number } {
  try {
    const { bsize, blocks, bavail } = statfsSync(dir);
    return { total: bsize * blocks, free: bsize * bavail };
  } catch {
    return { total: 0, free: Number.MAX_SAFE_INTEGER };
  }
}

/** What does not change while the machine runs. @param dir on the file system pods write to */
export function readMachine(dir: string): MachineFacts {
  return {
    arch: goArch(),
    os: 'linux',
    kernelVersion: release(),
    osImage: osImage(),
    machineId: text('/etc/machine-id'),
    systemUuid: text('/sys/class/dmi/id/product_uuid') || text('/etc/machine-id'),
    bootId: text('/proc/sys/kernel/random/boot_id'),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    diskBytes: disk(dir).total,
  };
}

function countProcesses(): number {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}

/** What changes. */
export function readPressure(dir: string): MachinePressure {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(text('/proc/meminfo'))?.[1];
  const pidMax = Number(text('/proc/sys/kernel/pid_max')) || Number.MAX_SAFE_INTEGER;
  return {
    memoryAvailableBytes:
      available === undefined ? Number.MAX_SAFE_INTEGER : Number(available) * KIB,
    diskAvailableBytes: disk(dir).free,
    pidsAvailable: pidMax - countProcesses(),
  };
}

/** The first address of this machine that others could reach; loopback when there is none. */
export function defaultAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((one) => one.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';
}

/** The host's resolver configuration and host table. */
export function readHostFiles(): { resolvConf: string; hosts: string } {
  // systemd-resolved's stub on loopback is out of a pod's reach; the real servers are in its other file.
  const own = text('/etc/resolv.conf');
  const stub = /^nameserver\s+127\.0\.0\.53$/m.test(own);
  const behind = stub ? text('/run/systemd/resolve/resolv.conf') : '';
  return { resolvConf: behind === '' ? own : behind, hosts: `${text('/etc/hosts')}\n` };
}
