/** Three members as processes on loopback, ours or stock ones. They speak etcd's flags, so only the program differs. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allocatorOf } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { range, STATUS } from '../etcd/requests.ts';
import { bytesIn, numberIn } from '../wire.ts';
import { Client } from './client.ts';
import { endWithUs } from './end-with-us.ts';

export type Side = 'ours' | 'stock';

const MEMBERS = 3;
/** What Linux tells programs, whatever it uses itself. */
const TICKS_PER_SECOND = 100;
const READY_MS = 60_000;
const STOP_MS = 20_000;
const OURS = join(import.meta.dirname, '..', '..', '..', 'etcd', 'src', 'main.ts');

interface Member {
  readonly name: string;
  readonly endpoint: string;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
}

/** @throws BenchError when a program the bench needs is not installed, with the command that installs it */
export function needProgram(program: string, debianPackage: string): void {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if (error === undefined) return;
  throw new BenchError(
    `${program} is not installed; on Debian: apt-get update && apt-get install -y ${debianPackage}`,
  );
}

/** A port of loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The id of a member and of its leader. */
async function identities(endpoint: string): Promise<{ id: number; leader: number }> {
  const client = new Client(endpoint);
  try {
    const answer = await client.call(STATUS, 2_000);
    return { id: numberIn(bytesIn(answer, 1), 2), leader: numberIn(answer, 4) };
  } finally {
    client.close();
  }
}

/** Resolves once a member answers reads that need a leader. */
export async function whenServing(endpoint: string): Promise<void> {
  const untilMs = performance.now() + READY_MS;
  for (;;) {
    const client = new Client(endpoint);
    try {
      await client.call(range(), 1_000);
      return;
    } catch (error) {
      if (performance.now() > untilMs) {
        throw new BenchError(`the member at ${endpoint} does not serve`, { cause: error });
      }
      await sleep(5);
    } finally {
      client.close();
    }
  }
}

export class Cluster {
  readonly side: Side;
  readonly #dir: string;
  readonly #profileDir: string | undefined;
  readonly #members: Member[];

  private constructor(side: Side, dir: string, members: Member[], profileDir: string | undefined) {
    this.side = side;
    this.#dir = dir;
    this.#members = members;
    this.#profileDir = profileDir;
  }

  /** Starts three members; resolves once all of them serve. */
  static async start(side: Side, profileDir?: string): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), `kubets-bench-${side}-`));
    const ports = await Promise.all(
      Array.from({ length: MEMBERS }, async () => [await freePort(), await freePort()] as const),
    );
    const initial = ports.map(([, peer], i) => `m${i}=http://127.0.0.1:${peer}`).join(',');
    const members = ports.map(([port, peer], i): Member => {
      const [client, peers] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
      const args = [
        ...['--name', `m${i}`, '--data-dir', join(dir, `m${i}`)],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
        ...['--initial-cluster', initial, '--log-level', 'error'],
      ];
      return { name: `m${i}`, endpoint: `127.0.0.1:${port}`, args, child: undefined };
    });
    const cluster = new Cluster(side, dir, members, profileDir);
    for (const member of members) cluster.#spawn(member);
    try {
      await Promise.all(members.map(({ endpoint }) => whenServing(endpoint)));
    } catch (error) {
      const log = readFileSync(join(dir, 'm0.log'), 'utf8').slice(-2_000);
      await cluster.stop();
      throw new BenchError(`the ${side} members did not start: ${log}`, { cause: error });
    }
    return cluster;
  }

  #spawn(member: Member): void {
    const log = openSync(join(this.#dir, `${member.name}.log`), 'a');
    const stdio = ['ignore', log, log] as const;
    if (this.side === 'stock') {
      member.child = endWithUs(spawn('etcd', member.args, { stdio: [...stdio] }));
      return;
    }
    const profiled = this.#profileDir === undefined ? [] : this.#profileFlags(member.name);
    const own = ['--health-address', ''];
    const args = [...profiled, OURS, ...member.args, ...own];
    const env = { ...process.env, ...allocatorOf('etcd') };
    member.child = endWithUs(spawn(process.execPath, args, { stdio: [...stdio], env }));
  }

  #profileFlags(name: string): string[] {
    const dir = join(this.#profileDir ?? '', name);
    mkdirSync(dir, { recursive: true });
    return ['--cpu-prof', '--cpu-prof-dir', dir];
  }

  /** Where members serve clients. */
  get endpoints(): string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  /** The leader's address. */
  async leader(): Promise<string> {
    const untilMs = performance.now() + READY_MS;
    while (performance.now() < untilMs) {
      for (const { endpoint } of this.#members) {
        const { id, leader } = await identities(endpoint).catch(() => ({ id: 0, leader: 1 }));
        if (id === leader) return endpoint;
      }
      await sleep(20);
    }
    throw new BenchError(`the ${this.side} members have no leader`);
  }

  async #end(member: Member, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = member;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  #memberAt(endpoint: string): Member {
    const member = this.#members.find((one) => one.endpoint === endpoint);
    if (member === undefined) throw new BenchError(`no member at ${endpoint}`);
    return member;
  }

  /** Ends one member; resolves when its process is gone. */
  end(endpoint: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    return this.#end(this.#memberAt(endpoint), signal);
  }

  /** Starts a member again; resolves once it serves. */
  async restart(endpoint: string): Promise<void> {
    this.#spawn(this.#memberAt(endpoint));
    await whenServing(endpoint);
  }

  /** Processor time all members have used, in seconds. */
  cpuSeconds(): number {
    const ticks = this.#members.map(({ child }) => {
      const stat = readFileSync(`/proc/${child?.pid ?? 0}/stat`, 'utf8');
      // After the name, which may hold anything: utime and stime are fields 14 and 15.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND;
  }

  /** Resident memory of each member, in MiB. */
  memoryMib(): number[] {
    return this.#statusMib('VmRSS');
  }

  /** The most resident memory each member ever had, in MiB. */
  peakMib(): number[] {
    return this.#statusMib('VmHWM');
  }

  #statusMib(field: 'VmRSS' | 'VmHWM'): number[] {
    return this.#members.map(({ child }) => {
      const status = readFileSync(`/proc/${child?.pid ?? 0}/status`, 'utf8');
      return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#end(member, 'SIGTERM')));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
