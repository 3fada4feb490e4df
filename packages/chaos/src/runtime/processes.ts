/** A cluster of member processes which the tool starts itself: ours, a copy of ours, or the stock etcd of this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type {
  Ability,
  Member,
  MemberCertificates,
  MemberDisk,
  StartChange,
  Target,
} from '../ports.ts';
import { makeCertificates } from './certificates.ts';
import { Ground } from './ground.ts';
import { findProgram, isRoot } from './shell.ts';

export const OUR_MAIN = join(import.meta.dirname, '..', '..', '..', 'etcd', 'src', 'main.ts');
const CLOCK_HOOK = join(import.meta.dirname, 'clock-hook.js');
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;

export interface ProcessesOptions {
  readonly kind: 'kubets' | 'stock-etcd';
  readonly members?: number;
  readonly disks?: boolean;
  /** Members' clocks can be set, each its own. */
  readonly clocks?: boolean;
  /** Peers speak TLS, so that certificates can expire. */
  readonly peerTls?: boolean;
  /** The main file of another build of ours. */
  readonly main?: string;
  /** Besides those that make the cluster. */
  readonly flags?: readonly string[];
}

interface Place extends Member {
  readonly host: string;
  readonly clientPort: number;
  readonly peerUrl: string;
}

export class ProcessTarget implements Target {
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly ground: Ground;
  readonly #options: ProcessesOptions;
  readonly #places: readonly Place[];
  readonly #certificates: ReadonlyMap<string, MemberCertificates>;
  readonly #running = new Map<string, ChildProcess>();
  readonly #outputs = new Map<string, string>();

  private constructor(
    options: ProcessesOptions,
    ground: Ground,
    places: readonly Place[],
    certificates: ReadonlyMap<string, MemberCertificates>,
  ) {
    this.#options = options;
    this.ground = ground;
    this.#places = places;
    this.#certificates = certificates;
    this.title = options.kind === 'kubets' ? 'kubets' : `stock etcd ${stockVersion()}`;
    const abilities: Ability[] = ['processes', 'membership'];
    if (ground.hasNetwork) abilities.push('network');
    if (options.disks === true) abilities.push('disks');
    // A Go program takes its time from the kernel directly: nothing can be put in between.
    if (options.clocks === true && options.kind === 'kubets') abilities.push('clocks');
    if (certificates.size > 0) abilities.push('certificates');
    this.abilities = new Set(abilities);
  }

  static async start(options: ProcessesOptions): Promise<ProcessTarget> {
    const { members: count = 3, disks = false } = options;
    const members = Array.from({ length: count }, (_, n) => `m${n + 1}`);
    if (options.kind === 'stock-etcd') stockVersion();
    const ground = await Ground.make({ members, network: canHaveNetworks(), disks });
    try {
      const places: Place[] = [];
      for (const name of members) places.push(await placeOf(name, ground, options));
      const certificates = options.peerTls
        ? await makeCertificates(ground.dir, places)
        : new Map<string, MemberCertificates>();
      const target = new ProcessTarget(options, ground, places, certificates);
      for (const name of members) await target.start(name);
      return target;
    } catch (error) {
      await ground[Symbol.asyncDispose]();
      throw error;
    }
  }

  get members(): readonly Member[] {
    return this.#places;
  }

  pid(member: string): number | undefined {
    return this.#running.get(member)?.pid;
  }

  inNetwork(member: string): string {
    return this.ground.inNetwork(member);
  }

  disk(member: string): MemberDisk | undefined {
    return this.ground.disk(member);
  }

  dataDir(member: string): string {
    return this.ground.dataDir(member);
  }

  output(member: string): string {
    return this.#outputs.get(member) ?? '';
  }

  clockFile(member: string): string | undefined {
    if (!this.abilities.has('clocks')) return undefined;
    return join(this.ground.dir, member, 'clock-offset-ms');
  }

  certificates(member: string): MemberCertificates | undefined {
    return this.#certificates.get(member);
  }

  peerUrl(member: string): string {
    return this.#place(member).peerUrl;
  }

  #place(member: string): Place {
    const place = this.#places.find(({ name }) => name === member);
    if (place === undefined) throw new ChaosError(`there is no member ${member}`);
    return place;
  }

  #flags(place: Place, change: StartChange): string[] {
    const { name, host, clientPort, clientUrl, peerUrl } = place;
    const flags: Record<string, string> = {
      name,
      'data-dir': this.dataDir(name),
      'listen-client-urls': `http://${host}:${clientPort}`,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': this.#places.map((p) => `${p.name}=${p.peerUrl}`).join(','),
      'initial-cluster-token': this.ground.dir,
      'snapshot-count': String(LIMITS.logEntries),
      ...certificateFlags(this.#certificates.get(name)),
      ...change.flags,
    };
    const out = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    if (this.#certificates.size > 0) out.push('--peer-client-cert-auth');
    return [...out, ...(this.#options.flags ?? [])];
  }

  #command(): { program: string; args: readonly string[]; env: NodeJS.ProcessEnv } {
    if (this.#options.kind === 'stock-etcd') {
      return { program: findProgram('etcd') ?? 'etcd', args: [], env: process.env };
    }
    const cache = process.env.NODE_COMPILE_CACHE ?? join(this.ground.dir, 'compiled');
    const env = { ...process.env, NODE_COMPILE_CACHE: cache };
    const main = this.#options.main ?? OUR_MAIN;
    const hook = this.abilities.has('clocks') ? ['--import', CLOCK_HOOK] : [];
    return { program: process.execPath, args: [...hook, main], env };
  }

  async start(member: string, change: StartChange = {}): Promise<void> {
    const place = this.#place(member);
    const { program, args, env } = this.#command();
    mkdirSync(this.dataDir(member), { recursive: true, mode: 0o700 });
    const words = [...args, ...this.#flags(place, change)];
    const prefix = this.inNetwork(member).split(' ').filter(Boolean);
    const [first = program, ...rest] = [...prefix, program, ...words];
    const child = spawn(first, rest, {
      // A terminal's Ctrl-C goes to the whole group of processes: members must not end by it.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...env, KUBETS_CHAOS_CLOCK: this.clockFile(member) ?? '' },
    });
    this.#running.set(member, child);
    const keep = (text: Buffer): void => {
      const all = this.output(member) + text.toString();
      this.#outputs.set(member, all.slice(-LIMITS.outputBytes));
    };
    child.stderr?.on('data', keep);
    child.on('exit', () => {
      if (this.#running.get(member) === child) this.#running.delete(member);
    });
    await once(child, 'spawn');
    writeFileSync(this.ground.pidFile(member), `${child.pid}\n`);
  }

  async kill(member: string): Promise<void> {
    await this.#end(member, 'SIGKILL');
  }

  async stop(member: string): Promise<void> {
    await this.#end(member, 'SIGTERM');
  }

  async #end(member: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#running.get(member);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The member's data is gone for good: it must not run. */
  wipe(member: string): void {
    rmSync(this.dataDir(member), { recursive: true, force: true });
  }

  remount(member: string): Promise<void> {
    return this.ground.remount(member);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#places.map(({ name }) => this.kill(name)));
    await this.ground[Symbol.asyncDispose]();
  }
}

/** Without root, `ip` and `iptables` members share the machine's network. */
function canHaveNetworks(): boolean {
  return isRoot() && ['ip', 'iptables'].every((name) => findProgram(name) !== undefined);
}

async function placeOf(
  name: string,
  ground: Ground,
  { peerTls = false }: ProcessesOptions,
): Promise<Place> {
  const host = ground.address(name);
  const clientPort = ground.hasNetwork ? CLIENT_PORT : await freePort();
  const peerPort = ground.hasNetwork ? PEER_PORT : await freePort();
  return {
    ...{ name, host, clientPort },
    clientUrl: `http://${host}:${clientPort}`,
    peerUrl: `${peerTls ? 'https' : 'http'}://${host}:${peerPort}`,
    address: ground.hasNetwork ? host : undefined,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function certificateFlags(files: MemberCertificates | undefined): Record<string, string> {
  if (files === undefined || !existsSync(files.cert)) return {};
  return {
    'peer-cert-file': files.cert,
    'peer-key-file': files.key,
    'peer-trusted-ca-file': files.ca,
  };
}

/** @throws ChaosError when there is no stock etcd on this machine */
export function stockVersion(): string {
  const program = findProgram('etcd');
  if (program === undefined) {
    throw new ChaosError(
      'there is no stock etcd; on Debian: apt-get update && apt-get install -y etcd-server',
    );
  }
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
}
