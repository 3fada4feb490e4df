/** A cluster started as a user starts it, for end-to-end tests. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../packages/cluster/src/install/machine.ts';
import { eventually, must, type Result, type RunOptions, repo, run } from './shell.ts';

export interface ProcessEntry {
  readonly name: string;
  readonly role: string;
  readonly pid: number;
}

/** A command under way. */
export interface Background {
  /** What it has printed so far, on either of its outputs. */
  printed(): string;
  stop(): void;
}

const START_TIMEOUT_MS = 240_000;

/** A port nobody has now, and that no outgoing connection will take as its own meanwhile. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  assert.ok(port !== undefined);
  return port;
}

const kubetsCommand = join(repo, 'node_modules', '.bin', 'kubets');

/** `kubets ARGS`, as `npx kubets` runs it. */
export const kubets = (args: readonly string[], o: RunOptions = {}): Promise<Result> =>
  run(kubetsCommand, args, { timeoutMs: START_TIMEOUT_MS, ...o });

export class TestCluster {
  readonly dir: string;
  readonly port: number;
  readonly #flags: readonly string[];
  readonly #background = new Set<ChildProcess>();

  private constructor(dir: string, port: number, flags: readonly string[]) {
    this.dir = dir;
    this.port = port;
    this.#flags = flags;
  }

  static async create(flags: readonly string[]): Promise<TestCluster> {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-e2e-'));
    return new TestCluster(dir, await freePort(), flags);
  }

  /** `npm start -- --detach …`: resolves once it says that the cluster is ready. */
  async start(): Promise<void> {
    const args = ['start', '--', '--detach', '--data-dir', this.dir, '--port', String(this.port)];
    const result = await run('npm', [...args, ...this.#flags], { timeoutMs: START_TIMEOUT_MS });
    assert.equal(result.code, 0, `npm start: ${result.err}`);
  }

  async stop(): Promise<void> {
    await must(kubetsCommand, ['down', '--data-dir', this.dir], { timeoutMs: 120_000 });
  }

  /** Stops it, and commands that a failed test has left under way; removes its files. */
  async destroy(): Promise<void> {
    for (const child of this.#background) child.kill('SIGTERM');
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  processes(): ProcessEntry[] {
    const file = JSON.parse(readFileSync(join(this.dir, 'cluster.json'), 'utf8'));
    return file.processes;
  }

  ofRole(role: string): ProcessEntry[] {
    return this.processes().filter((one) => one.role === role);
  }

  /** kubectl with a request time limit; its standard output. */
  kubectl(args: readonly string[], o: RunOptions = {}): Promise<string> {
    return must('kubectl', ['--request-timeout=20s', ...args], { ...o, env: this.#env(o) });
  }

  /** kubectl that may fail. */
  tryKubectl(args: readonly string[], o: RunOptions = {}): Promise<Result> {
    return run('kubectl', ['--request-timeout=5s', ...args], { ...o, env: this.#env(o) });
  }

  /** kubectl that runs until told to stop. */
  background(args: readonly string[]): Background {
    const env = { ...process.env, KUBECONFIG: join(this.dir, 'kubeconfig') };
    const child = spawn('kubectl', args, { env });
    this.#background.add(child);
    child.once('exit', () => this.#background.delete(child));
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        printed += data.toString();
      });
    }
    return { printed: () => printed, stop: () => void child.kill('SIGTERM') };
  }

  apply(manifest: string): Promise<string> {
    return this.kubectl(['apply', '-f', '-'], { input: manifest });
  }

  etcdctl(args: readonly string[]): Promise<string> {
    const pki = (file: string): string => join(this.dir, 'pki', file);
    const { etcd } = JSON.parse(readFileSync(join(this.dir, 'cluster.json'), 'utf8'));
    const endpoints = (etcd as string[]).map((one) => `https://${one}`).join(',');
    return must('etcdctl', ['--endpoints', endpoints, ...args], {
      env: {
        ETCDCTL_API: '3',
        ETCDCTL_CACERT: pki('etcd-ca.crt'),
        ETCDCTL_CERT: pki('etcdctl.crt'),
        ETCDCTL_KEY: pki('etcdctl.key'),
      },
    });
  }

  /** SIGKILLs a process of the cluster and waits until the supervisor has started it anew. */
  async killAndAwaitReturn(victim: ProcessEntry): Promise<void> {
    process.kill(victim.pid, 'SIGKILL');
    await eventually(`${victim.name} is back`, 30_000, async () => {
      const now = this.processes().find((one) => one.name === victim.name);
      assert.ok(now?.pid !== undefined && now.pid !== victim.pid);
      process.kill(now.pid, 0);
    });
  }

  #env(o: RunOptions): Record<string, string> {
    return { ...o.env, KUBECONFIG: join(this.dir, 'kubeconfig') };
  }
}
