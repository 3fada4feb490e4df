/** A cluster of this project, started for the run alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { BenchError } from '../errors.ts';
import type { CpuProfile } from '../report/profile.ts';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'cluster', 'src', 'main.ts');

export interface OwnProcess {
  readonly name: string;
  readonly role: string;
  readonly pid: number | undefined;
  /** Where its figures are read; undefined for the supervisor. */
  readonly health: string | undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function kubets(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(process.execPath, ['--disable-warning=DEP0123', MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C of the terminal is for the benchmark; it then stops the cluster in order.
    detached: true,
    env: { ...process.env, ...env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
  });
  // Not 'close': a detached cluster may hold the pipe open.
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new BenchError(`kubets ${args[0]} failed: ${said.trim()}`);
  return said;
}

export class OwnCluster {
  readonly dir: string;
  readonly #profileDir: string | undefined;

  private constructor(dir: string, profileDir: string | undefined) {
    this.dir = dir;
    this.#profileDir = profileDir;
  }

  /**
   * Starts a cluster in a directory, or the one that is there already.
   * @param options with `profileDir`, every process leaves a CPU profile there when it ends
   */
  static async start(
    dir: string,
    options: { masters: number; nodes: number; profileDir?: string | undefined },
  ): Promise<OwnCluster> {
    const { masters, nodes, profileDir } = options;
    const isNew = !existsSync(join(dir, 'state.json'));
    const port = isNew ? ['--port', String(await freePort())] : [];
    const words = [
      ...['up', '--data-dir', dir, '--detach', '--no-install', '--runtime', 'simulated'],
      ...['--masters', String(masters), '--nodes', '0', '--expected-nodes', String(nodes), ...port],
    ];
    const where = profileDir === undefined ? '' : resolve(profileDir);
    await kubets(words, where === '' ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${where}` });
    return new OwnCluster(dir, profileDir);
  }

  get kubeconfig(): string {
    return join(this.dir, 'kubeconfig');
  }

  processes(): readonly OwnProcess[] {
    const text = readFileSync(join(this.dir, 'cluster.json'), 'utf8');
    const { processes, supervisor } = JSON.parse(text) as {
      processes: readonly OwnProcess[];
      supervisor: number;
    };
    const own = { name: 'supervisor', role: 'supervisor', pid: supervisor, health: undefined };
    return [...processes.map((one) => ({ ...one, health: this.#healthOf(one.name) })), own];
  }

  #healthOf(name: string): string | undefined {
    const { ports } = JSON.parse(readFileSync(join(this.dir, 'state.json'), 'utf8')) as {
      ports: Readonly<Record<string, number>>;
    };
    const port = ports[`${name}.health`];
    return port === undefined ? undefined : `127.0.0.1:${port}`;
  }

  /** Bytes of the store, logs included; of the first member. */
  storeBytes(): number {
    return bytesUnder(join(this.dir, 'etcd', 'etcd-1'));
  }

  /** @returns the profiles of its processes by name, if any were asked for */
  async stop(): Promise<Map<string, CpuProfile>> {
    const names = new Map(this.processes().map(({ pid, name }) => [String(pid), name]));
    await kubets(['down', '--data-dir', this.dir]);
    const profiles = new Map<string, CpuProfile>();
    if (this.#profileDir === undefined) return profiles;
    for (const file of readdirSync(this.#profileDir)) {
      const name = names.get(/^CPU\.\d+\.\d+\.(\d+)\./.exec(file)?.[1] ?? '');
      if (name === undefined) continue;
      const text = readFileSync(join(this.#profileDir, file), 'utf8');
      profiles.set(name, JSON.parse(text) as CpuProfile);
    }
    return profiles;
  }
}

/** Ends a process without warning. */
export function endProcess(pid: number): void {
  process.kill(pid, 'SIGKILL');
}

/** Keeps a process from running. @returns lets it run again */
export function freezeProcess(pid: number): () => void {
  process.kill(pid, 'SIGSTOP');
  return () => process.kill(pid, 'SIGCONT');
}

/** The figures of a process. @throws when it does not answer */
export async function readMetrics(health: string): Promise<string> {
  const answer = await fetch(`http://${health}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return answer.text();
}

function bytesUnder(dir: string): number {
  let bytes = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // Files come and go while they are counted.
    const stat = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    bytes += stat?.size ?? 0;
  }
  return bytes;
}
