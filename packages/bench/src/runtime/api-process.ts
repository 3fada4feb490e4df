/** Our apiserver as a process on loopback: TLS, RBAC, on the given members of a store. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allocatorOf } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { selfSigned } from './certificate.ts';
import { freePort } from './cluster.ts';
import { endWithUs } from './end-with-us.ts';
import { RestClient } from './rest.ts';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'apiserver', 'src', 'main.ts');
const READY_MS = 60_000;
const STOP_MS = 30_000;
const TRY_EVERY_MS = 5;

/** Members of `system:masters` pass before RBAC is asked: this one only sets up. */
export const ADMIN_TOKEN = 'admin-token';
/** Has all rights by a binding, so that every request is decided by RBAC. */
export const LOAD_TOKEN = 'load-token';

export class ApiProcess {
  readonly url: string;
  readonly #dir: string;
  readonly #args: readonly string[];
  readonly #profileDir: string | undefined;
  #child: ChildProcess | undefined;

  private constructor(port: number, dir: string, args: string[], profileDir: string | undefined) {
    this.url = `https://127.0.0.1:${port}`;
    this.#dir = dir;
    this.#args = args;
    this.#profileDir = profileDir;
  }

  /** Prepares a server; {@link start} starts it. */
  static async create(stores: readonly string[], profileDir?: string): Promise<ApiProcess> {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-bench-api-'));
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const { cert, key } = await selfSigned();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const accountKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const tokens = `${ADMIN_TOKEN},admin,admin,"system:masters"\n${LOAD_TOKEN},load,load,"load"\n`;
    const port = await freePort();
    const certFile = file('tls.crt', cert);
    const args = [
      ...['--bind-address', '127.0.0.1', '--secure-port', String(port), '--grpc-port', '0'],
      ...['--etcd-servers', stores.map((each) => `http://${each}`).join(',')],
      ...['--tls-cert-file', certFile, '--client-ca-file', certFile],
      ...['--tls-private-key-file', file('tls.key', key)],
      ...['--service-account-signing-key-file', file('sa.key', accountKey)],
      ...['--token-auth-file', file('tokens.csv', tokens)],
      ...['--disable-admission-plugins', 'ServiceAccount'],
      ...['--health-address', '', '--log-level', 'warn'],
    ];
    return new ApiProcess(port, dir, args, profileDir);
  }

  /** Resolves with the milliseconds from exec to the first good answer of `/readyz`. */
  async start(): Promise<number> {
    const log = openSync(join(this.#dir, 'log'), 'a');
    const startedMs = performance.now();
    const args = [...this.#profileFlags(), MAIN, ...this.#args];
    // As the `kubets` command starts every part: what one start has compiled serves the next.
    const cache = process.env.NODE_COMPILE_CACHE ?? join(this.#dir, 'compiled');
    const env = { ...allocatorOf('apiserver'), ...process.env, NODE_COMPILE_CACHE: cache };
    this.#child = endWithUs(spawn(process.execPath, args, { stdio: ['ignore', log, log], env }));
    while (performance.now() < startedMs + READY_MS && this.#child.exitCode === null) {
      const client = new RestClient({ url: this.url, token: ADMIN_TOKEN });
      try {
        const { status } = await client.ask('GET', '/readyz');
        if (status === 200) return performance.now() - startedMs;
      } catch (error) {
        if (!(error instanceof BenchError)) throw error;
      } finally {
        client.close();
      }
      await sleep(TRY_EVERY_MS);
    }
    const text = readFileSync(join(this.#dir, 'log'), 'utf8').slice(-2_000);
    await this.stop();
    throw new BenchError(`the apiserver did not start: ${text}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  /** Ends the process and removes its files. */
  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #profileFlags(): string[] {
    if (this.#profileDir === undefined) return [];
    mkdirSync(this.#profileDir, { recursive: true });
    return ['--cpu-prof', '--cpu-prof-dir', this.#profileDir];
  }
}
