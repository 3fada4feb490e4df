/** Hosts for tests: network namespaces on a bridge of their own, each with a data directory. Needs root. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, needProgram, type Result, repo, run } from './shell.ts';

const COMMAND_MS = 170_000;

export interface TestHost {
  readonly name: string;
  readonly address: string;
  readonly dataDir: string;
  readonly namespace: string;
}

/** Names are unique to the process: several runs on one machine do not meet. */
export class TestHosts {
  readonly dir = mkdtempSync(join(tmpdir(), 'kubets-hosts-'));
  readonly hosts: TestHost[] = [];
  readonly #bridge = `kh${process.pid}`;
  readonly #among = ['-i', this.#bridge, '-o', this.#bridge, '-j', 'ACCEPT'];
  readonly #net = `10.${100 + (process.pid % 100)}.7`;

  static async create(names: readonly string[]): Promise<TestHosts> {
    await needProgram('ip', 'iproute2');
    await needProgram('iptables', 'iptables');
    const all = new TestHosts();
    await must('ip', ['link', 'add', all.#bridge, 'type', 'bridge']);
    await must('ip', ['addr', 'add', `${all.#net}.1/24`, 'dev', all.#bridge]);
    await must('ip', ['link', 'set', all.#bridge, 'up']);
    // Where a Docker daemon has run, what crosses a bridge is dropped unless a rule lets it pass.
    await must('iptables', ['-I', 'FORWARD', ...all.#among]);
    for (const name of names) await all.#add(name);
    return all;
  }

  async #add(name: string): Promise<void> {
    const number = this.hosts.length + 1;
    const namespace = `${this.#bridge}-${number}`;
    const [outer, inner] = [`${this.#bridge}v${number}`, 'eth0'];
    const address = `${this.#net}.${10 + number}`;
    await must('ip', ['netns', 'add', namespace]);
    const pair = ['type', 'veth', 'peer', 'name', inner, 'netns', namespace];
    await must('ip', ['link', 'add', outer, ...pair]);
    await must('ip', ['link', 'set', outer, 'master', this.#bridge, 'up']);
    const inside = (...words: string[]) => must('ip', ['-n', namespace, ...words]);
    await inside('addr', 'add', `${address}/24`, 'dev', inner);
    await inside('link', 'set', inner, 'up');
    await inside('link', 'set', 'lo', 'up');
    await inside('route', 'add', 'default', 'via', `${this.#net}.1`);
    const dataDir = join(this.dir, name);
    mkdirSync(dataDir, { mode: 0o700 });
    this.hosts.push({ name, address, dataDir, namespace });
  }

  get(name: string): TestHost {
    const host = this.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** Only the network is another one: `ip netns exec` would hide the cgroups, too. */
  #enter(name: string): string[] {
    return [`--net=/run/netns/${this.get(name).namespace}`];
  }

  /** Runs `kubets ARGS` on a host, as long as that takes, or until somebody presses Ctrl-C. */
  kubets(
    name: string,
    args: readonly string[],
    { interruptedAfterSeconds = 0 } = {},
  ): Promise<Result> {
    const seconds = interruptedAfterSeconds;
    const limit = seconds === 0 ? [] : ['timeout', '--signal=INT', String(seconds)];
    const program = join(repo, 'packages/cluster/bin/kubets.js');
    const words = [...limit, process.execPath, program, ...args];
    const env = { KUBETS_DATA_DIR: this.get(name).dataDir };
    return run('nsenter', [...this.#enter(name), ...words], { env, timeoutMs: COMMAND_MS });
  }

  /** Runs a program in a host's network. */
  inside(name: string, words: readonly string[]): Promise<string> {
    return must('nsenter', [...this.#enter(name), ...words]);
  }

  kubectl(name: string, args: readonly string[], input = ''): Promise<string> {
    const { dataDir, address } = this.get(name);
    const files = [
      '--kubeconfig',
      join(dataDir, 'kubeconfig'),
      '--server',
      `https://${address}:6443`,
    ];
    return must('nsenter', [...this.#enter(name), 'kubectl', ...files, ...args], { input });
  }

  /** Listens on a port of a host. @returns what ends that */
  async occupy(name: string, port: number): Promise<() => Promise<void>> {
    const { namespace } = this.get(name);
    const script = `require('net').createServer().listen(${port}, () => console.log('there'))`;
    const words = ['netns', 'exec', namespace, process.execPath, '-e', script];
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(child, 'exit');
    await once(child.stdout, 'data');
    return async () => {
      child.kill('SIGKILL');
      await gone;
    };
  }

  /** Nobody reaches this port of the host from outside. @returns what opens it again */
  async close(name: string, port: number): Promise<() => Promise<void>> {
    const { namespace } = this.get(name);
    const rule = ['INPUT', '!', '-i', 'lo', '-p', 'tcp', '--dport', String(port), '-j', 'REJECT'];
    const change = (how: string) =>
      must('ip', ['netns', 'exec', namespace, 'iptables', how, ...rule]);
    await change('-I');
    return async () => {
      await change('-D');
    };
  }

  /** How `kubets etcd` reaches a host's own member. */
  storeFlags(name: string): string[] {
    const { dataDir, address } = this.get(name);
    const pki = (file: string): string => join(dataDir, 'pki', file);
    return [
      ...['--endpoints', `${address}:2379`, '--cacert', pki('etcd-ca.crt')],
      ...['--cert', pki('etcdctl.crt'), '--key', pki('etcdctl.key')],
    ];
  }

  /** Everything of a host ends at once, as when its plug is pulled. */
  async kill(name: string): Promise<void> {
    const { namespace } = this.get(name);
    const pids = (await must('ip', ['netns', 'pids', namespace])).split('\n').filter(Boolean);
    for (const pid of pids) spawn('kill', ['-9', pid], { stdio: 'ignore' });
  }

  async destroy(): Promise<void> {
    for (const { name, namespace } of this.hosts) {
      await this.kubets(name, ['reset', '--local']);
      await this.kill(name);
      await run('ip', ['netns', 'delete', namespace]);
    }
    await run('iptables', ['-D', 'FORWARD', ...this.#among]);
    await run('ip', ['link', 'delete', this.#bridge]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
