/** Members as processes of their own, for tests that kill them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay, systemRandom, type TlsMaterial } from '@kubets/platform';
import { EtcdClient } from '../../client/index.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'main.ts');
const HEALTHY_WITHIN_MS = 90_000;

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;

/** Below the ports that connections take as their own end: one of those may be in use by the time the member listens. */
const PORTS = { from: 12_000, count: 20_000 } as const;

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + systemRandom.int(PORTS.count);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Where members run, when it is not simply here. */
export interface Surroundings {
  /** The address of each member, loopback by default. */
  readonly host: (name: string) => string;
  /** Its data directory's place; by default in the cluster's own directory. */
  readonly dataRoot: (name: string) => string;
  /** A program that runs the member's, with its arguments. */
  readonly wrapper: (name: string) => readonly string[];
  readonly onSpawn: (name: string, pid: number) => void;
}

export interface ProcessOptions {
  /** Given to every member beside those of its place. */
  readonly flags?: readonly string[];
  readonly surroundings?: Surroundings;
  /** What all members show to clients and to each other, and ask of both; absent: all speak plainly. */
  readonly tls?: TlsMaterial;
}

/** Files with certificates, as commands and members take them. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A member's addresses. */
export interface Place {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

function writeTls(dir: string, tls: TlsMaterial): TlsFiles {
  const files = { ca: join(dir, 'ca.crt'), cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key') };
  for (const name of ['ca', 'cert', 'key'] as const) {
    writeFileSync(files[name], tls[name], { mode: 0o600 });
  }
  return files;
}

function tlsFlags({ ca, cert, key }: TlsFiles): string[] {
  return ['', 'peer-'].flatMap((of) => [
    ...[`--${of}cert-file`, cert, `--${of}key-file`, key, `--${of}trusted-ca-file`, ca],
    `--${of}client-cert-auth`,
  ]);
}

/** @returns the answer's body, and whether it was a good one; undefined when there was none */
function ask(url: string, tls: TlsMaterial | undefined) {
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; body: string } | undefined>();
  const get = tls === undefined ? httpGet : httpsGet;
  const asked = get(url, { agent: false, ...tls }, (answer) => {
    let body = '';
    answer.on('data', (text: Buffer) => {
      body += text.toString();
    });
    answer.on('end', () => resolve({ ok: answer.statusCode === 200, body }));
  });
  asked.on('error', () => resolve(undefined));
  return promise;
}

/** A cluster of member processes on loopback, in a directory that goes away with it. */
export class ProcessCluster implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'kubets-etcd-'));
  private readonly places: Place[];
  private readonly flags: readonly string[];
  private readonly running = new Map<string, ChildProcess>();
  private readonly outputs = new Map<string, string>();

  private readonly surroundings: Surroundings | undefined;
  private readonly tls: TlsMaterial | undefined;
  /** Where {@link ProcessOptions.tls} was written. */
  readonly tlsFiles: TlsFiles | undefined;

  private constructor(places: Place[], { flags = [], surroundings, tls }: ProcessOptions) {
    this.places = places;
    this.surroundings = surroundings;
    this.tls = tls;
    this.tlsFiles = tls && writeTls(this.dir, tls);
    this.flags = [...flags, ...(this.tlsFiles ? tlsFlags(this.tlsFiles) : [])];
  }

  static async start(size: number, options: ProcessOptions = {}): Promise<ProcessCluster> {
    const { surroundings, tls } = options;
    const scheme = tls ? 'https' : 'http';
    const places: Place[] = [];
    for (let i = 0; i < size; i++) {
      const name = `m${i}`;
      const host = surroundings?.host(name) ?? '127.0.0.1';
      const [client, peer] = surroundings
        ? [CLIENT_PORT, PEER_PORT]
        : [await freePort(), await freePort()];
      const [clientUrl, peerUrl] = [`${scheme}://${host}:${client}`, `${scheme}://${host}:${peer}`];
      places.push({ name, clientUrl, peerUrl });
    }
    const cluster = new ProcessCluster(places, options);
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      // Nobody else could end what has started.
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoints(): string[] {
    return this.places.map((p) => p.clientUrl);
  }

  get names(): string[] {
    return this.places.map((p) => p.name);
  }

  dataDir(name: string): string {
    return join(this.surroundings?.dataRoot(name) ?? this.dir, name);
  }

  /** What a member has written to its log. */
  output(name: string): string {
    return this.outputs.get(name) ?? '';
  }

  async startAll(): Promise<void> {
    for (const { name } of this.places) this.spawn(name);
    for (const { name } of this.places) await this.healthy(name);
  }

  /** Starts a process that is not kept track of, with a running member's flags. */
  spawnBeside(name: string): ChildProcess {
    const member = this.running.get(name);
    const second = this.spawn(name);
    if (member !== undefined) this.running.set(name, member);
    return second;
  }

  place(name: string): Place {
    const place = this.places.find((p) => p.name === name);
    if (place === undefined) throw new Error(`no member ${name}`);
    return place;
  }

  /** Addresses for a member that joins later; start it with {@link spawn}. */
  async addPlace(name: string): Promise<Place> {
    const host = `${this.tls ? 'https' : 'http'}://127.0.0.1`;
    const clientUrl = `${host}:${await freePort()}`;
    const place = { name, clientUrl, peerUrl: `${host}:${await freePort()}` };
    this.places.push(place);
    return place;
  }

  /** @param join the members it joins, as `--initial-cluster` names them; absent: it is of the first ones */
  spawn(name: string, join?: string): ChildProcess {
    const place = this.place(name);
    const initial = join ?? this.places.map((p) => `${p.name}=${p.peerUrl}`).join(',');
    const args = [
      ...[MAIN, '--name', name, '--data-dir', this.dataDir(name)],
      ...['--listen-client-urls', place.clientUrl, '--advertise-client-urls', place.clientUrl],
      ...['--listen-peer-urls', place.peerUrl, '--initial-advertise-peer-urls', place.peerUrl],
      ...['--initial-cluster', initial, '--initial-cluster-token', this.dir],
      ...(join === undefined ? [] : ['--initial-cluster-state', 'existing']),
    ];
    const wrapper = this.surroundings?.wrapper(name) ?? [];
    const [program = '', ...rest] = [...wrapper, process.execPath, ...args, ...this.flags];
    const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (child.pid !== undefined) this.surroundings?.onSpawn(name, child.pid);
    child.stderr?.on('data', (text: Buffer) => {
      this.outputs.set(name, this.output(name) + text.toString());
    });
    this.running.set(name, child);
    return child;
  }

  /** Resolves when the member answers that it is healthy. */
  async healthy(name: string): Promise<void> {
    const url = this.place(name).clientUrl;
    const giveUpMs = performance.now() + HEALTHY_WITHIN_MS;
    for (;;) {
      const answer = await ask(`${url}/health`, this.tls);
      if (answer?.ok) return;
      if (performance.now() > giveUpMs) {
        throw new Error(`${name} is not healthy: ${answer?.body}\n${this.output(name)}`);
      }
      await delay(20);
    }
  }

  /** SIGKILL, as a power loss would: no member gets to write anything more. */
  async kill(...names: string[]): Promise<void> {
    const gone = names.map(async (name) => {
      const child = this.running.get(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await Promise.all(gone);
    for (const name of names) this.running.delete(name);
  }

  /** Its process is there. */
  runs(name: string): boolean {
    const child = this.running.get(name);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Sends a signal to a member, such as SIGSTOP. */
  signal(name: string, signal: NodeJS.Signals): void {
    this.running.get(name)?.kill(signal);
  }

  /** Asks a member to stop. @returns its exit code */
  async stop(name: string): Promise<number | null> {
    const child = this.running.get(name);
    if (child === undefined) return null;
    child.kill('SIGTERM');
    await once(child, 'exit');
    this.running.delete(name);
    return child.exitCode;
  }

  client(): EtcdClient {
    return new EtcdClient({ endpoints: this.endpoints, ...(this.tls && { tls: this.tls }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill(...this.running.keys());
    rmSync(this.dir, { recursive: true, force: true });
  }
}
