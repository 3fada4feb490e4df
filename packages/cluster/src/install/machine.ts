/** Looks at this machine and installs what real containers need. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { ConfigError, errorCode, errorMessage, type Random, systemRandom } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { makePrivateDir, readIfThere } from '../files.ts';
import { limits } from '../limits.ts';
import type { MachineFacts } from './runtime-choice.ts';

const PROGRAMS = ['containerd', 'ctr', 'runc', 'iptables', 'iptables-restore'];
const CNI_DIRS = ['/usr/lib/cni', '/opt/cni/bin'];
const SYSTEM_DIRS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];

/** Full path of a program, also where root's PATH lacks the sbin folders. */
export function findProgram(name: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRS];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}

/** The folder of the CNI plugins, or undefined. */
export const findCniDir = (): string | undefined =>
  CNI_DIRS.find((dir) => existsSync(join(dir, 'bridge')));

export function machineFacts(): MachineFacts {
  const release = readIfThere('/etc/os-release') ?? '';
  const missing = PROGRAMS.filter((name) => findProgram(name) === undefined);
  if (findCniDir() === undefined) missing.push('CNI plugins');
  return {
    isRoot: process.getuid?.() === 0,
    isDebianLike: /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release),
    missing,
  };
}

function runApt(args: readonly string[], onLine: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = spawn('apt-get', args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [apt.stdout, apt.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => onLine(text.trim().split('\n').at(-1) ?? ''));
    }
    apt.once('error', reject);
    apt.once('exit', (code) => resolve(code ?? 1));
  });
}

/**
 * Installs Debian packages. Nothing is started by it: services of the packages are left as the system has them.
 * @throws StartError with the last line apt printed
 */
export async function installPackages(
  packages: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  let last = '';
  const keep = (line: string): void => {
    last = line;
  };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    say(`apt-get ${args.join(' ')}`);
    const code = await runApt(args, keep);
    if (code !== 0) {
      throw new StartError(
        `apt-get ${args[0]} failed: ${last}; install ${packages.join(' ')} yourself, or start with --runtime simulated`,
      );
    }
  }
}

/**
 * The address other machines and pods reach this one by: the source address of the default route, else the first that is not
 * loopback, else loopback. No packet is sent: connecting a UDP socket only asks the routing table.
 */
export function hostAddress(): Promise<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const first = all.find((one) => one.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (address: string): void => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => done(first));
    // 192.0.2.0/24 is reserved for documentation (RFC 5737): always beyond the default route.
    // Without a way there it is told so, too, and has no address then.
    socket.connect(9, '192.0.2.1', (error?: Error) => {
      done(error === undefined ? socket.address().address : first);
    });
  });
}

/** This host's address with the length of its network's prefix, `172.18.0.5/16`; '' when the network is not known. */
export async function hostNetwork(): Promise<string> {
  const address = await hostAddress();
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((one) => one.address === address)?.cidr ?? '';
}

/** Whether a loopback port could be taken now. */
export function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * Listening ports come from here: below the range the kernel takes source ports of outgoing connections from (32768 and up by
 * default), where a port that is free now may be somebody's source port a moment later, and below the node ports.
 */
const PORTS = { first: 10_000, count: 20_000 } as const;

/** As many free loopback ports as asked for, different from each other. */
export async function freePorts(wanted: number, random: Random = systemRandom): Promise<number[]> {
  const found: number[] = [];
  const start = random.int(PORTS.count);
  for (let i = 0; i < PORTS.count && found.length < wanted; i++) {
    const port = PORTS.first + ((start + i) % PORTS.count);
    if (await isPortFree(port)) found.push(port);
  }
  if (found.length < wanted) {
    const last = PORTS.first + PORTS.count - 1;
    throw new StartError(`no ${wanted} free ports from ${PORTS.first} to ${last} on 127.0.0.1`);
  }
  return found;
}

/**
 * Makes the directory if need be.
 * @throws ConfigError when it cannot be used or its disk is nearly full
 */
export function openDataDir(dataDir: string): void {
  try {
    makePrivateDir(dataDir);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = errorCode(error) ?? errorMessage(error);
    throw new ConfigError(
      `cannot use --data-dir ${dataDir} (${why}); name a directory this user may write, or run as its owner`,
    );
  }
  const { bavail, bsize } = statfsSync(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes < limits.minFreeBytes) {
    const mib = (bytes: number) => Math.floor(bytes / 1024 / 1024);
    throw new ConfigError(
      `${dataDir} has ${mib(freeBytes)} MiB free, ${mib(limits.minFreeBytes)} MiB are needed; make space or use another --data-dir`,
    );
  }
}
