/**
 * Hosts for the guides: containers with systemd as their first program, each with a name, an address, a `/usr` and a `/var/lib` of its
 * own. A restart of the container is the host's reboot, its removal the end of it. Needs root and Docker; nothing is privileged.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Docker, useDocker } from '../../packages/etcd/src/testing/chaos/docker.ts';
import { importMachineImage } from './machine-image.ts';
import { eventually, must, needProgram, type Result, repo, run } from './shell.ts';

// A machine that is busy takes minutes for what takes seconds else.
const BOOT_MS = 240_000;
const DOCKER_MS = 300_000;
const COMMAND_MS = 600_000;

/** Before systemd: a writable copy of the machine's programs, and what Docker mounts read only. */
const BOOT = `set -e
mount -o remount,bind,rw /proc/sys
for m in $(cut -d ' ' -f 5 /proc/self/mountinfo | grep '^/sys/fs/cgroup'); do mount -o remount,bind,rw $m; done
mount --make-rshared /
mkdir -p /persist/usr /persist/work
mount -t overlay overlay -o lowerdir=/machine/usr,upperdir=/persist/usr,workdir=/persist/work /usr
exec /usr/lib/systemd/systemd
`;

const FILES = {
  'etc/kubets-host-boot': BOOT,
  'etc/group': 'root:x:0:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nsystemd-journal:x:101:\ndocker:x:102:\n',
  'etc/machine-id': '',
  // Nothing of the machine's is started but what a guide starts.
  'etc/systemd/system-preset/00-none.preset': 'disable *\n',
  // What a container may not: more open files than it has been given, and to be spared when memory is short.
  'etc/systemd/system/service.d/50-container.conf':
    '[Service]\nOOMScoreAdjust=0\nLimitNOFILE=infinity\nLimitNPROC=infinity\n',
  // Firewall rules of the machine are none of a host's.
  'etc/docker/daemon.json': '{"userland-proxy": false}\n',
};

export interface HostOptions {
  /** Last number of its address. */
  readonly number: number;
  /** Further names it is found by. */
  readonly aliases?: readonly string[];
}

export class ContainerHosts {
  readonly dir = mkdtempSync(join(tmpdir(), 'kubets-guide-'));
  readonly #docker: Docker;
  readonly #name = `kubetshosts${process.pid}`;
  readonly #net = `10.${100 + (process.pid % 100)}.9`;
  readonly #names = new Set<string>();
  readonly #aliases = new Map<string, readonly string[]>();
  #lost = 0;

  private constructor(docker: Docker) {
    this.#docker = docker;
  }

  static async create(): Promise<ContainerHosts> {
    await needProgram('systemctl', 'systemd');
    const hosts = new ContainerHosts(await useDocker());
    const image = { dir: hosts.dir, name: hosts.#name, dockerHost: hosts.#docker.url };
    await importMachineImage({ ...image, files: FILES });
    await hosts.docker(['network', 'create', '--subnet', `${hosts.#net}.0/24`, hosts.#name]);
    await hosts.#snapshot();
    return hosts;
  }

  /** A repository with one commit, the sources as they are now, committed or not; hosts find it at /source.git. */
  async #snapshot(): Promise<void> {
    const bare = join(this.dir, 'source.git');
    await must('git', ['init', '-q', '--bare', '-b', 'main', bare]);
    const env = { GIT_INDEX_FILE: join(this.dir, 'index') };
    const git = (...words: string[]) => must('git', ['-C', repo, ...words], { env });
    await git('add', '-A');
    const tree = (await git('write-tree')).trim();
    const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    const commit = (await git(...who, 'commit-tree', tree, '-m', 'as it is')).trim();
    await git('push', '-q', bare, `${commit}:refs/heads/main`);
  }

  docker(args: readonly string[], o: { timeoutMs?: number; input?: string } = {}): Promise<string> {
    return must('docker', args, {
      timeoutMs: DOCKER_MS,
      ...o,
      env: { DOCKER_HOST: this.#docker.url },
    });
  }

  /** Its name in Docker. */
  container(name: string): string {
    return `${this.#name}-${name}`;
  }

  address(number: number): string {
    return `${this.#net}.${number}`;
  }

  /** A fresh host that has started. */
  async add(name: string, { number, aliases = [] }: HostOptions): Promise<void> {
    this.#names.add(name);
    this.#aliases.set(name, [name, ...aliases]);
    const rights = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE'].flatMap((one) => ['--cap-add', one]);
    const open = ['seccomp=unconfined', 'apparmor=unconfined'].flatMap((o) => [
      '--security-opt',
      o,
    ]);
    await this.docker([
      ...['run', '-d', '--name', this.container(name), '--hostname', name, ...rights, ...open],
      ...['--network', this.#name, '--ip', this.address(number)],
      ...[name, ...aliases].flatMap((one) => ['--network-alias', one]),
      ...['--tmpfs', '/run:exec,mode=0755', '--tmpfs', '/tmp:exec', '-e', 'container=docker'],
      ...this.#mounts().flatMap((one) => ['-v', one]),
      ...['--stop-signal', 'RTMIN+3', this.#name, 'bash', '/etc/kubets-host-boot'],
    ]);
    await this.#untilUp(name);
  }

  #mounts(): string[] {
    const home = homedir();
    const npm = ['.npm', '.npmrc'].filter((name) => existsSync(join(home, name)));
    return [
      // Programs in use come from the machine, too, until the writable copy is there.
      ...['/usr:/usr:ro', '/usr:/machine/usr:ro', '/etc/alternatives:/etc/alternatives:ro'],
      ...[`${join(repo, 'node_modules')}:/node_modules:ro`, '/etc/ssl/certs:/etc/ssl/certs:ro'],
      ...[`${join(this.dir, 'source.git')}:/source.git:ro`],
      // On a file system that can bear an overlay.
      ...['/persist', '/var/lib/docker', '/var/lib/containerd', '/var/lib/kubets'],
      ...npm.map((name) => `${join(home, name)}:/root/${name}`),
    ];
  }

  #untilUp(name: string): Promise<void> {
    return eventually(`${name} has started`, BOOT_MS, async () => {
      const { out } = await this.run(name, 'systemctl is-system-running');
      if (!/^(running|degraded)/.test(out)) throw new Error(out);
    });
  }

  /** Runs lines of a shell as root, as somebody who types them. */
  run(name: string, script: string, o: { env?: Record<string, string> } = {}): Promise<Result> {
    const all = { HOME: '/root', npm_config_prefer_offline: 'true', ...o.env };
    const env = Object.entries(all).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const words = ['exec', ...env, '-w', '/root', this.container(name), 'bash', '-ec', script];
    return run('docker', words, { env: { DOCKER_HOST: this.#docker.url }, timeoutMs: COMMAND_MS });
  }

  /** The same, of lines that have to succeed. @returns their standard output */
  async must(name: string, script: string): Promise<string> {
    const { code, out, err } = await this.run(name, script);
    if (code === 0) return out;
    const log = await this.run(name, 'tail -n 5 /var/lib/kubets/logs/*.log 2>/dev/null || true');
    throw new Error(`on ${name}: ${script}\nended with ${code}: ${err || out}\n${log.out}`);
  }

  /** Puts a file of the machine onto a host. */
  async copy(file: string, name: string, path: string): Promise<void> {
    await this.docker(['cp', file, `${this.container(name)}:${path}`]);
  }

  /** Gives a host this machine's dependencies, in the place of an `npm install` of its own. */
  async copyTree(name: string, path: string): Promise<void> {
    await this.must(name, `cp -r /node_modules ${path}`);
  }

  /** Its plug is pulled and put back. @param number it comes back with this address */
  async reboot(name: string, number?: number): Promise<void> {
    const container = this.container(name);
    await this.docker(['kill', container]);
    if (number !== undefined) {
      await this.docker(['network', 'disconnect', this.#name, container]);
      const names = this.#aliases.get(name)?.flatMap((one) => ['--alias', one]) ?? [];
      const where = [...names, '--ip', this.address(number), this.#name, container];
      await this.docker(['network', 'connect', ...where]);
    }
    await this.docker(['start', container]);
    await this.#untilUp(name);
  }

  /** It is gone for good, and nobody looks at its disk again; that is removed at the end, because it takes minutes. */
  async lose(name: string): Promise<void> {
    this.#lost += 1;
    const lost = `${name}-lost-${this.#lost}`;
    await this.docker(['kill', this.container(name)]);
    await this.docker(['network', 'disconnect', this.#name, this.container(name)]);
    await this.docker(['rename', this.container(name), this.container(lost)]);
    this.#names.delete(name);
    this.#names.add(lost);
  }

  /** Writes something to be copied onto hosts. */
  file(name: string, content: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  async destroy(): Promise<void> {
    const env = { DOCKER_HOST: this.#docker.url };
    const all = [...this.#names].map((name) => this.container(name));
    await run('docker', ['rm', '-f', '-v', ...all], { env, timeoutMs: COMMAND_MS });
    await run('docker', ['network', 'rm', this.#name], { env });
    await run('docker', ['rmi', '-f', this.#name], { env });
    await this.#docker[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
