/** A stock etcd and etcdctl, for tests; installed from Debian's packages when missing. */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { delay } from '@kubets/platform';

const run = promisify(execFile);
const PACKAGES = { etcd: 'etcd-server', etcdctl: 'etcd-client' } as const;
const READY_WITHIN_MS = 30_000;

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    // Not there, or not to be run: either way it has to be installed.
    return false;
  }
}

/** Makes sure both programs are there. */
export function needStock(): void {
  const names = ['etcd', 'etcdctl'] as const;
  const missing = names.filter((name) => !isInstalled(name)).map((name) => PACKAGES[name]);
  if (missing.length === 0) return;
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  execFileSync('apt-get', ['install', '-qy', ...missing], { stdio: 'ignore' });
}

/** Runs etcdctl. @returns what it printed */
export async function etcdctl(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, ETCDCTL_API: '3' };
  const { stdout } = await run('etcdctl', [...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** A port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A stock etcd with one member, named `default`. */
export class StockEtcd implements AsyncDisposable {
  readonly endpoint: string;
  private readonly child: ChildProcess;
  private output = '';

  private constructor(child: ChildProcess, endpoint: string) {
    this.child = child;
    this.endpoint = endpoint;
    child.stderr?.on('data', (text: Buffer) => {
      this.output += text.toString();
    });
  }

  /** @param peerUrl what a restored data directory was made with; a new one takes any */
  static async start(dir: string, peerUrl?: string): Promise<StockEtcd> {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = peerUrl ?? `http://127.0.0.1:${await freePort()}`;
    const args = [
      ...['--data-dir', join(dir), '--initial-cluster', `default=${peer}`],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ];
    const child = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const etcd = new StockEtcd(child, client.replace('http://', ''));
    await etcd.healthy();
    return etcd;
  }

  private async healthy(): Promise<void> {
    const giveUpMs = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const answer = await fetch(`http://${this.endpoint}/health`).catch(() => undefined);
      if (answer?.ok) return;
      if (performance.now() > giveUpMs || this.child.exitCode !== null) {
        throw new Error(`etcd is not healthy\n${this.output}`);
      }
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}
