/** A whole cluster that somebody else runs: what is known of it by its data directory, and breaking its processes. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { delay, loadTls, type TlsMaterial, yamlLibrary } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { breakGuarded, type Guarded } from './guard.ts';

interface ListedProcess {
  readonly name: string;
  readonly role: string;
  readonly pid?: number;
  readonly state: string;
}

interface ClusterFile {
  readonly phase: string;
  readonly runtime: string;
  readonly etcd: readonly string[];
  /** The front door first, then each apiserver. */
  readonly apiservers: readonly string[];
  readonly processes: readonly ListedProcess[];
}

const LOOK_MS = 25;
const GUARD_SLACK_MS = 5_000;

export class KubetsCluster {
  readonly dir: string;
  /** How the administrator is known to the apiservers. */
  readonly tls: TlsMaterial;
  /** How the store's members know us. */
  readonly etcdTls: TlsMaterial;

  /** @throws ChaosError when no cluster of ours runs there */
  constructor(dir: string) {
    this.dir = resolve(dir);
    const { phase } = this.#file();
    if (phase !== 'ready') {
      throw new ChaosError(
        `the cluster of ${this.dir} is ${phase}, not ready; see "kubets status"`,
      );
    }
    this.tls = kubeconfigTls(join(this.dir, 'kubeconfig'));
    const env = readFileSync(join(this.dir, 'etcdctl.env'), 'utf8');
    const value = (name: string): string =>
      new RegExp(`${name}=['"]?([^'"\\n]+)`).exec(env)?.[1] ?? '';
    this.etcdTls = loadTls({
      certFile: value('ETCDCTL_CERT'),
      keyFile: value('ETCDCTL_KEY'),
      caFile: value('ETCDCTL_CACERT'),
    });
  }

  #file(): ClusterFile {
    const path = join(this.dir, 'cluster.json');
    if (!existsSync(path)) {
      throw new ChaosError(`${this.dir} is no cluster’s data directory: it has no cluster.json`);
    }
    return JSON.parse(readFileSync(path, 'utf8'));
  }

  /** Base URLs: each apiserver, then the front door, which outlives them. */
  get servers(): readonly string[] {
    const [door, ...apiservers] = this.#file().apiservers;
    return [...apiservers, ...(door === undefined ? [] : [door])];
  }

  /** The store's members by the names of their processes. */
  get members(): readonly { readonly name: string; readonly clientUrl: string }[] {
    const { etcd } = this.#file();
    return this.named('etcd').map((name, n) => ({ name, clientUrl: `https://${etcd[n]}` }));
  }

  /** Whether containers are simulated: then any image will do. */
  get isSimulated(): boolean {
    return this.#file().runtime === 'simulated';
  }

  /** The names of the running processes of a role. */
  named(role: string): string[] {
    const found = this.#file().processes.filter(
      (one) => one.role === role && one.pid !== undefined,
    );
    return found.map(({ name }) => name);
  }

  /** @throws ChaosError unless the process is there and belongs to this cluster */
  #pid(name: string): number {
    const pid = this.#file().processes.find((one) => one.name === name)?.pid;
    if (pid === undefined) throw new ChaosError(`${name} does not run`);
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    if (environment.includes(`KUBETS_CLUSTER=${this.dir}`)) return pid;
    throw new ChaosError(`process ${pid} is not ${name} of ${this.dir}`);
  }

  /** SIGKILL. Its supervisor starts it again. @returns waits until it is ready again */
  kill(name: string): () => Promise<void> {
    const pid = this.#pid(name);
    process.kill(pid, 'SIGKILL');
    return () => this.#back(name, (now) => now !== pid);
  }

  /** SIGSTOP, until undone or its time is over. */
  stop(name: string, holdMs: number): Promise<Guarded> {
    const pid = this.#pid(name);
    return breakGuarded({
      what: `stop ${name}`,
      inject: `kill -STOP ${pid}`,
      undo: `kill -CONT ${pid} 2>/dev/null || :`,
      expiresMs: holdMs + GUARD_SLACK_MS,
    });
  }

  ready(name: string): Promise<void> {
    return this.#back(name, () => true);
  }

  async #back(name: string, isNew: (pid: number) => boolean): Promise<void> {
    const giveUpMs = performance.now() + LIMITS.backMs;
    for (;;) {
      const found = this.#file().processes.find((one) => one.name === name);
      if (found?.state === 'ready' && found.pid !== undefined && isNew(found.pid)) return;
      if (performance.now() > giveUpMs) {
        throw new ChaosError(
          `${name} is ${found?.state} ${LIMITS.backMs / 1_000} s after its fault`,
        );
      }
      await delay(LOOK_MS);
    }
  }
}

function kubeconfigTls(path: string): TlsMaterial {
  const config = yamlLibrary().parse(readFileSync(path, 'utf8')) as {
    clusters?: { cluster?: Record<string, string> }[];
    users?: { user?: Record<string, string> }[];
  };
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  const [cluster, user] = [config.clusters?.[0]?.cluster, config.users?.[0]?.user];
  return {
    ca: bytes(cluster?.['certificate-authority-data']),
    cert: bytes(user?.['client-certificate-data']),
    key: bytes(user?.['client-key-data']),
  };
}
