/** A docker daemon: the one that runs, or one of our own in a network namespace, so that it touches nothing of the machine's. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay } from '@kubets/platform';
import { run, tryRun } from './commands.ts';

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;

export interface Docker extends AsyncDisposable {
  /** As `DOCKER_HOST` has it. */
  readonly url: string;
  /** Where published ports are. */
  readonly host: string;
  /** Stops the daemon and starts it again. Absent: it is somebody else's, too. */
  restart?(): Promise<void>;
}

const answers = (url: string): boolean =>
  spawnSync('docker', ['-H', url, 'version'], { stdio: 'ignore' }).status === 0;

export async function useDocker(): Promise<Docker> {
  const url = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (answers(url)) return { url, host: '127.0.0.1', [Symbol.asyncDispose]: async () => undefined };
  if (spawnSync('dockerd', ['--version'], { stdio: 'ignore' }).status !== 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
    spawnSync('apt-get', ['install', '-qy', 'docker.io'], { stdio: 'ignore', env });
  }
  return OwnDocker.start();
}

class OwnDocker implements Docker {
  readonly url: string;
  readonly host: string;
  readonly #id = randomBytes(2).toString('hex');
  readonly #dir = mkdtempSync(join(tmpdir(), 'kubets-docker-'));
  readonly #net = randomBytes(1)[0] ?? 0;
  #daemon: ChildProcess | undefined;

  private constructor() {
    this.url = `unix://${this.#dir}/docker.sock`;
    this.host = `10.232.${this.#net}.2`;
  }

  static async start(): Promise<OwnDocker> {
    const docker = new OwnDocker();
    try {
      docker.#connect();
      await docker.#launch();
      return docker;
    } catch (err) {
      await docker[Symbol.asyncDispose]();
      throw err;
    }
  }

  get #namespace(): string {
    return `kubets-docker-${this.#id}`;
  }

  /** The daemon's network is another host to this process. */
  #connect(): void {
    const [near, far] = [`kd${this.#id}a`, `kd${this.#id}b`];
    run('ip', 'netns', 'add', this.#namespace);
    run('ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up');
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far);
    run('ip', 'link', 'set', far, 'netns', this.#namespace);
    run('ip', 'addr', 'add', `10.232.${this.#net}.1/24`, 'dev', near);
    run('ip', 'link', 'set', near, 'up');
    run('ip', '-n', this.#namespace, 'addr', 'add', `${this.host}/24`, 'dev', far);
    run('ip', '-n', this.#namespace, 'link', 'set', far, 'up');
  }

  async #launch(): Promise<void> {
    const at = (name: string): string => join(this.#dir, name);
    mkdirSync(at('root'), { recursive: true });
    const log = openSync(at('log'), 'a');
    // Only the network is another one: with a file system of its own it would not see the cgroups.
    const args = [
      ...[`--net=/run/netns/${this.#namespace}`, 'dockerd', '-H', this.url],
      ...['--data-root', at('root'), '--exec-root', at('exec'), '--pidfile', at('pid')],
    ];
    this.#daemon = spawn('nsenter', args, { stdio: ['ignore', log, log] });
    const giveUpMs = performance.now() + READY_WITHIN_MS;
    while (!answers(this.url)) {
      if (performance.now() > giveUpMs || this.#daemon.exitCode !== null) {
        throw new Error(`dockerd does not start: ${readFileSync(at('log'), 'utf8').slice(-2_000)}`);
      }
      await delay(100);
    }
  }

  async restart(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    const gone = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await gone;
    await this.#launch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const daemon = this.#daemon;
    if (daemon?.exitCode === null && daemon.signalCode === null) {
      const gone = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      await Promise.race([gone, delay(STOP_WITHIN_MS)]);
      daemon.kill('SIGKILL');
    }
    tryRun('ip', 'link', 'del', `kd${this.#id}a`);
    tryRun('umount', '-R', join(this.#dir, 'root'));
    tryRun('umount', join(this.#dir, 'exec', 'netns', 'default'));
    tryRun('ip', 'netns', 'del', this.#namespace);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
