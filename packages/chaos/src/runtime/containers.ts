/**
 * A cluster whose members are containers of the local Docker engine. Their image is empty and made here: the machine's own `/usr` and
 * these sources are mounted into it, read only, so that no registry is needed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Ability, Member, StartChange, Target } from '../ports.ts';
import { freeNetwork } from './ground.ts';
import { Janitor } from './guard.ts';
import { OUR_MAIN, stockVersion } from './processes.ts';
import { findProgram, isRoot, needPrograms, quoted, shell } from './shell.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..', '..');
const IMAGE = 'kubets-chaos-empty';
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
const LOOK_MS = 10;

export interface ContainersOptions {
  readonly kind: 'kubets' | 'stock-etcd';
  readonly members: number;
}

interface Place extends Member {
  readonly address: string;
  readonly container: string;
}

export class ContainerTarget implements Target {
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly members: readonly Place[];
  readonly #kind: ContainersOptions['kind'];
  readonly #dir = mkdtempSync(join(tmpdir(), 'kubets-chaos-'));
  readonly #id: string;
  readonly #network = freeNetwork();
  readonly #pids = new Map<string, number>();
  readonly #janitor: Janitor;

  private constructor({ kind, members }: ContainersOptions) {
    this.#kind = kind;
    this.#id = `kubets-chaos-${process.pid}-${kind}`;
    const what = kind === 'kubets' ? 'kubets' : `stock etcd ${stockVersion()}`;
    this.title = `${what} in containers`;
    const abilities: Ability[] = ['processes', 'membership'];
    if (isRoot()) abilities.push('network');
    this.abilities = new Set(abilities);
    this.members = Array.from({ length: members }, (_, n) => {
      const address = `${this.#network}.${10 + n}`;
      const name = `m${n + 1}`;
      const container = `${this.#id}-${name}`;
      return { name, address, container, clientUrl: `http://${address}:${CLIENT_PORT}` };
    });
    const containers = this.members.map((one) => one.container).join(' ');
    const host = process.env.DOCKER_HOST;
    this.#janitor = new Janitor(
      [
        ...(host === undefined ? [] : [`export DOCKER_HOST=${quoted(host)}`]),
        `docker rm -f ${containers}`,
        `docker network rm ${this.#id}`,
        `rm -rf ${quoted(this.#dir)}`,
      ].join('\n'),
    );
  }

  static async start(options: ContainersOptions): Promise<ContainerTarget> {
    needPrograms({ docker: 'docker.io' }, 'members in containers');
    await shell('docker version >/dev/null', 'reach the Docker engine (is dockerd running?)');
    const target = new ContainerTarget(options);
    try {
      const image = `docker image inspect ${IMAGE} >/dev/null 2>&1 || tar -c -T /dev/null | docker import - ${IMAGE}`;
      await shell(image, 'make the image');
      const network = `docker network create --subnet ${target.#network}.0/24 ${target.#id}`;
      await shell(network, 'make the network');
      for (const { name } of target.members) {
        mkdirSync(target.dataDir(name), { recursive: true, mode: 0o700 });
        await target.start(name);
      }
      return target;
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
  }

  #place(member: string): Place {
    const place = this.members.find(({ name }) => name === member);
    if (place === undefined) throw new ChaosError(`there is no member ${member}`);
    return place;
  }

  pid(member: string): number | undefined {
    const pid = this.#pids.get(member);
    return pid !== undefined && existsSync(`/proc/${pid}`) ? pid : undefined;
  }

  inNetwork(member: string): string {
    return `nsenter --net=/proc/${this.pid(member)}/ns/net --`;
  }

  dataDir(member: string): string {
    return join(this.#dir, member, 'data');
  }

  peerUrl(member: string): string {
    return `http://${this.#place(member).address}:${PEER_PORT}`;
  }

  output(member: string): string {
    const { container } = this.#place(member);
    const { stdout, stderr } = spawnSync('docker', ['logs', '--tail', '20', container]);
    return `${stdout}${stderr}`;
  }

  disk(): undefined {
    return undefined;
  }

  clockFile(): undefined {
    return undefined;
  }

  certificates(): undefined {
    return undefined;
  }

  wipe(member: string): void {
    rmSync(this.dataDir(member), { recursive: true, force: true });
    mkdirSync(this.dataDir(member), { mode: 0o700 });
  }

  async remount(): Promise<void> {
    throw new ChaosError('containers have no disks of their own');
  }

  #command(place: Place, change: StartChange): string {
    const { name, clientUrl } = place;
    const flags: Record<string, string> = {
      ...{ name, 'data-dir': this.dataDir(name) },
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': this.peerUrl(name),
      'initial-advertise-peer-urls': this.peerUrl(name),
      'initial-cluster': this.members.map((one) => `${one.name}=${this.peerUrl(one.name)}`).join(),
      'initial-cluster-token': this.#id,
      'snapshot-count': String(LIMITS.logEntries),
      ...change.flags,
    };
    const program =
      this.#kind === 'kubets'
        ? [process.execPath, OUR_MAIN]
        : [findProgram('etcd') ?? '/usr/bin/etcd'];
    const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    return [...program, ...words].map(quoted).join(' ');
  }

  async start(member: string, change: StartChange = {}): Promise<void> {
    const place = this.#place(member);
    const mounts = ['/usr', '/lib', '/lib64', '/bin', ROOT].filter((path) => existsSync(path));
    const options = [
      `--name ${place.container} --hostname ${member}`,
      `--network ${this.#id} --ip ${place.address}`,
      ...mounts.map((path) => `-v ${quoted(path)}:${quoted(path)}:ro`),
      `-v ${quoted(join(this.#dir, member))}:${quoted(join(this.#dir, member))}`,
      `-e NODE_COMPILE_CACHE=${quoted(join(this.#dir, member, 'compiled'))}`,
    ];
    const script = [
      `docker rm -f ${place.container} >/dev/null 2>&1 || :`,
      `docker run -d ${options.join(' ')} ${IMAGE} ${this.#command(place, change)} >/dev/null`,
      `docker inspect -f '{{.State.Pid}}' ${place.container}`,
    ].join('\n');
    const pid = Number((await shell(script, `start the container of ${member}`)).trim());
    // A container that has ended at once has the number 0.
    if (pid > 0) this.#pids.set(member, pid);
    else this.#pids.delete(member);
  }

  kill(member: string): Promise<void> {
    return this.#end(member, 'KILL');
  }

  stop(member: string): Promise<void> {
    return this.#end(member, 'TERM');
  }

  async #end(member: string, signal: string): Promise<void> {
    if (this.pid(member) === undefined) return;
    const { container } = this.#place(member);
    await shell(`docker kill -s ${signal} ${container} >/dev/null`, `end ${container}`);
    const giveUpMs = performance.now() + LIMITS.commandMs;
    while (this.pid(member) !== undefined) {
      if (performance.now() > giveUpMs) throw new ChaosError(`${container} does not end`);
      await delay(LOOK_MS);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#janitor.dismiss();
  }
}
