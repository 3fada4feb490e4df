/** Programs of the machine that make faults: run at once, to the end. */
import { spawnSync } from 'node:child_process';

/** @throws Error with what the program said, when it fails */
export function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${stderr || stdout}`);
}

/** Undoes something that may have been undone already. */
export function tryRun(program: string, ...args: readonly string[]): void {
  spawnSync(program, args, { stdio: 'ignore' });
}

const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  iptables: 'iptables',
  'mkfs.ext4': 'e2fsprogs',
  losetup: 'mount',
};

function missing(): string[] {
  return Object.entries(PROGRAMS).flatMap(([program, of]) =>
    spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? [] : [of],
  );
}

/**
 * Sees to it that the machine can break networks and disks.
 * @returns why it cannot, undefined when it can
 */
export function whyNoMachineFaults(): string | undefined {
  if (process.platform !== 'linux') return 'networks and disks are broken with the means of Linux';
  if (process.getuid?.() !== 0) return 'networks and disks are broken by root';
  const packages = missing();
  if (packages.length === 0) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
  spawnSync('apt-get', ['install', '-qy', ...packages], { stdio: 'ignore', env });
  const left = missing();
  return left.length === 0 ? undefined : `not installed: ${left.join(', ')}`;
}
