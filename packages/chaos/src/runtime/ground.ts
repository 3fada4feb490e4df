/**
 * The ground a cluster stands on: a directory, a network namespace a member around a switch of their own, and, where a scenario
 * wants to break disks, a disk a member. Everything goes away with the run, even when the tool is killed.
 */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { MemberDisk } from '../ports.ts';
import { Janitor } from './guard.ts';
import { isRoot, needPrograms, quoted, shell } from './shell.ts';

export interface GroundOptions {
  readonly members: readonly string[];
  readonly network: boolean;
  readonly disks: boolean;
}

/** 198.18.0.0/15 is set aside for tests of networks (RFC 2544): no host is reached there. */
const NETWORKS = Array.from({ length: 512 }, (_, n) => `198.${18 + (n >> 8)}.${n & 255}`);

/** The first three numbers of a network that no route of this machine leads to. */
export function freeNetwork(): string {
  const routes = readFileSync('/proc/net/route', 'utf8');
  const isUsed = (network: string): boolean => {
    const [a = 0, b = 0, c = 0] = network.split('.').map(Number);
    const hex = [0, c, b, a].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return routes.includes(hex.toUpperCase());
  };
  // Runs beside each other start at different places.
  const start = process.pid % NETWORKS.length;
  const found = [...NETWORKS.slice(start), ...NETWORKS.slice(0, start)].find((n) => !isUsed(n));
  if (found === undefined) throw new ChaosError('every network of 198.18.0.0/15 is in use here');
  return found;
}

export class Ground implements AsyncDisposable {
  readonly dir: string;
  readonly #janitor: Janitor;
  readonly #members: readonly string[];
  /** Such as `198.18.7`; empty when all members share the machine's network. */
  readonly #network: string;
  readonly #id: string;
  readonly #disks = new Map<string, MemberDisk>();

  private constructor({ members, network, disks }: GroundOptions) {
    this.dir = mkdtempSync(join(tmpdir(), 'kubets-chaos-'));
    this.#members = members;
    this.#id = `kc${process.pid.toString(36)}${Math.floor(performance.now()) % 1296}`;
    this.#network = network ? freeNetwork() : '';
    for (const name of ['pids', ...members]) mkdirSync(join(this.dir, name));
    this.#janitor = new Janitor(this.#cleanUp(disks));
  }

  static async make(options: GroundOptions): Promise<Ground> {
    const wants = options.network || options.disks;
    if (wants && !isRoot()) {
      throw new ChaosError('partitions and broken disks need root; scenario failover does not');
    }
    if (options.network) needPrograms({ ip: 'iproute2', iptables: 'iptables' }, 'partitions');
    if (options.disks) needPrograms({ 'mkfs.ext4': 'e2fsprogs', perl: 'perl' }, 'broken disks');
    const ground = new Ground(options);
    try {
      if (options.network) await shell(ground.#networkScript(), 'make the network');
      if (options.disks) for (const member of options.members) await ground.#makeDisk(member);
    } catch (error) {
      await ground[Symbol.asyncDispose]();
      throw error;
    }
    return ground;
  }

  get hasNetwork(): boolean {
    return this.#network !== '';
  }

  address(member: string): string {
    if (!this.hasNetwork) return '127.0.0.1';
    return `${this.#network}.${10 + this.#members.indexOf(member)}`;
  }

  inNetwork(member: string): string {
    return this.hasNetwork ? `nsenter --net=/run/netns/${this.#id}-${member} --` : '';
  }

  disk(member: string): MemberDisk | undefined {
    return this.#disks.get(member);
  }

  /** Where the member keeps its data: on its disk, if it has one. */
  dataDir(member: string): string {
    return join(this.#disks.get(member)?.mount ?? join(this.dir, member), 'data');
  }

  /** The janitor ends the process that is named here, if it still is one of ours. */
  pidFile(member: string): string {
    return join(this.dir, 'pids', member);
  }

  #networkScript(): string {
    const hub = `${this.#id}-hub`;
    const script = [
      `ip netns add ${hub}`,
      `ip -n ${hub} link set lo up`,
      `ip -n ${hub} link add br0 type bridge`,
      `ip -n ${hub} link set br0 up`,
      `ip link add ${this.#id} type veth peer name up0 netns ${hub}`,
      `ip addr add ${this.#network}.1/24 dev ${this.#id}`,
      `ip link set ${this.#id} up`,
      `ip -n ${hub} link set up0 master br0 up`,
    ];
    for (const member of this.#members) {
      const net = `${this.#id}-${member}`;
      script.push(
        `ip netns add ${net}`,
        `ip -n ${net} link set lo up`,
        `ip -n ${net} link add eth0 type veth peer name p-${member} netns ${hub}`,
        `ip -n ${net} addr add ${this.address(member)}/24 dev eth0`,
        `ip -n ${net} link set eth0 up`,
        `ip -n ${hub} link set p-${member} master br0 up`,
      );
    }
    return script.join('\n');
  }

  /** An ext4 in a file on a small tmpfs: full when the tmpfs is, whatever the file system believes. */
  async #makeDisk(member: string): Promise<void> {
    const mount = join(this.dir, member, 'disk');
    const backing = join(this.dir, member, 'backing');
    const image = join(backing, 'image');
    const script = [
      `mkdir ${quoted(mount)} ${quoted(backing)}`,
      `mount -t tmpfs -o size=${LIMITS.diskBackingBytes} kubets-chaos ${quoted(backing)}`,
      `truncate -s ${LIMITS.diskBytes} ${quoted(image)}`,
      `mkfs.ext4 -q -F -m 0 ${quoted(image)}`,
      `mount -o loop,noatime ${quoted(image)} ${quoted(mount)}`,
      `stat -c '%Hd:%Ld' ${quoted(mount)}`,
    ].join('\n');
    const out = await shell(script, `make a disk for ${member}`);
    this.#disks.set(member, { mount, image, backing, device: out.trim() });
  }

  /** Puts the disk back as after a loss of power: what was not synced is gone. The member must not run. */
  async remount(member: string): Promise<void> {
    const disk = this.#disks.get(member);
    if (disk === undefined) return;
    const [mount, image] = [quoted(disk.mount), quoted(disk.image)];
    // Any program that makes a mount namespace takes our mounts along and keeps them: the file system lives on there, and
    // would be mounted again as dead as it is. A copy of what lies on the disk is another file system.
    const script = [
      `umount ${mount}`,
      `if [ -n "$(losetup -j ${image})" ]; then`,
      `cp --sparse=always ${image} ${image}.copy`,
      `mv -f ${image}.copy ${image}`,
      'fi',
      `mount -o loop,noatime ${image} ${mount}`,
      `stat -c '%Hd:%Ld' ${mount}`,
    ].join('\n');
    const device = (await shell(script, `mount the disk of ${member} again`)).trim();
    this.#disks.set(member, { ...disk, device });
  }

  #cleanUp(disks: boolean): string {
    const dir = quoted(this.dir);
    const steps = [
      // Only processes that still carry our directory in their command: a number may have gone to another.
      `for f in ${dir}/pids/*; do p=$(cat "$f"); grep -qs ${dir} /proc/$p/cmdline && kill -KILL $p; done`,
      `for f in ${dir}/pids/*; do p=$(cat "$f"); while grep -qs ${dir} /proc/$p/cmdline; do sleep 0.05; done; done`,
    ];
    for (const member of this.#members) {
      if (disks) {
        steps.push(
          `umount ${quoted(join(this.dir, member, 'disk'))} || umount -l ${quoted(join(this.dir, member, 'disk'))}`,
          `umount ${quoted(join(this.dir, member, 'backing'))} || umount -l ${quoted(join(this.dir, member, 'backing'))}`,
        );
      }
      if (this.hasNetwork) steps.push(`ip netns del ${this.#id}-${member}`);
    }
    if (this.hasNetwork) steps.push(`ip link del ${this.#id}`, `ip netns del ${this.#id}-hub`);
    return [...steps, `rm -rf --one-file-system ${dir}`].join('\n');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#janitor.dismiss();
  }
}
