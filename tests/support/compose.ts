/**
 * `deploy/compose.yaml` for tests: as it is, but for what a test machine lacks. In place of built images there is an empty one, with
 * the machine's own `/usr` and these sources mounted into it; no HAProxy: the one apiserver is the door. Needs root.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Docker, useDocker } from '../../packages/etcd/src/testing/chaos/docker.ts';
import { importMachineImage } from './machine-image.ts';
import { must, needProgram, repo, run } from './shell.ts';

const UP_MS = 300_000;
/** A majority of the store, one of each of the others. */
const CONTROL = [
  'setup',
  'publish',
  'etcd-1',
  'etcd-2',
  'apiserver-1',
  'scheduler-1',
  'controller-manager-1',
  'cloud-controller-manager-1',
];
const MOUNTS = [
  '/usr:/usr:ro',
  '/etc/alternatives:/etc/alternatives:ro',
  `${repo}:/opt/kubets:ro`,
  `${join(repo, 'deploy', 'image')}:/opt/kubets/bin:ro`,
];

function override(image: string): string {
  // The sources may be readable for their owner only.
  const common = { image, user: '0:0', volumes: MOUNTS };
  const control = { ...common, entrypoint: ['/opt/kubets/bin/kubets'] };
  const services = Object.fromEntries(CONTROL.map((name) => [name, { ...control }]));
  return JSON.stringify({
    version: '3.8',
    services: {
      ...services,
      'apiserver-1': {
        ...control,
        ports: ['6443'],
        networks: { default: { aliases: ['door'] } },
      },
      node: {
        ...common,
        environment: { KUBETS_DATA_DIR: '/var/lib/kubets' },
      },
    },
  });
}

export class ComposeCluster {
  readonly #docker: Docker;
  readonly #dir = mkdtempSync(join(tmpdir(), 'kubets-compose-'));
  readonly #name = `kubetstest${process.pid}`;

  private constructor(docker: Docker) {
    this.#docker = docker;
  }

  static async create(): Promise<ComposeCluster> {
    await needProgram('docker-compose', 'docker-compose');
    const cluster = new ComposeCluster(await useDocker());
    const image = { dir: cluster.#dir, name: cluster.#name, dockerHost: cluster.#docker.url };
    await importMachineImage(image);
    const file = join(cluster.#dir, 'override.json');
    writeFileSync(file, override(cluster.#name));
    return cluster;
  }

  get #env(): Record<string, string> {
    return { DOCKER_HOST: this.#docker.url, COMPOSE_PROJECT_NAME: this.#name };
  }

  docker(args: readonly string[], o: { timeoutMs?: number; input?: string } = {}): Promise<string> {
    return must('docker', args, { ...o, env: this.#env });
  }

  /** The container of the n-th node. */
  node(n: number): string {
    return `${this.#name}_node_${n}`;
  }

  /** A container of the network that is no node. */
  get outsider(): string {
    return `${this.#name}_scheduler-1_1`;
  }

  /** The name it has in the API. */
  nodeName(n: number): string {
    return `${this.#name}-node-${n}`;
  }

  async up(nodes: number): Promise<void> {
    const scale = ['up', '-d', '--scale', `node=${nodes}`, ...CONTROL, 'node'];
    await this.#compose(scale);
  }

  async #compose(args: readonly string[]): Promise<void> {
    const files = [join(repo, 'deploy', 'compose.yaml'), join(this.#dir, 'override.json')];
    const words = files.flatMap((file) => ['-f', file]);
    await must('docker-compose', [...words, ...args], { env: this.#env, timeoutMs: UP_MS });
  }

  /** @returns whether the daemon was restarted: one that others use is not */
  async restartDaemon(): Promise<boolean> {
    await this.#docker.restart?.();
    return this.#docker.restart !== undefined;
  }

  /** Loads a docker-archive on a node. */
  async load(n: number, file: string): Promise<void> {
    await this.docker(['cp', file, `${this.node(n)}:/var/lib/kubets-nodes/image.tar`]);
    const load = ['kubets', 'image', 'load', '/var/lib/kubets-nodes/image.tar'];
    await this.docker(['exec', this.node(n), `/opt/kubets/bin/${load[0]}`, ...load.slice(1)]);
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const apiserver = `${this.#name}_apiserver-1_1`;
    const kubeconfig = join(this.#dir, 'kubeconfig');
    await this.docker(['cp', `${apiserver}:/etc/kubets/kubeconfig`, kubeconfig]);
    const port = (await this.docker(['port', apiserver, '6443'])).trim().split(':').at(-1);
    const server = [
      '--server',
      `https://${this.#docker.host}:${port}`,
      '--tls-server-name',
      'door',
    ];
    const words = ['--kubeconfig', kubeconfig, ...server, '--request-timeout=20s', ...args];
    return must('kubectl', words, input === undefined ? {} : { input });
  }

  /** What its containers said last, for the message of a test that fails. */
  async lastWords(): Promise<string> {
    const all = await run('docker', ['ps', '-aq', '--filter', `name=${this.#name}`], {
      env: this.#env,
    });
    const logs = all.out.split('\n').filter(Boolean);
    const texts = await Promise.all(
      logs.map((id) => run('docker', ['logs', '--tail', '5', id], { env: this.#env })),
    );
    return texts.map(({ out, err }) => `${out}${err}`).join('\n');
  }

  async destroy(): Promise<void> {
    await this.#compose(['down', '-v', '-t', '3']).catch(() => undefined);
    await run('docker', ['rmi', '-f', this.#name], { env: this.#env });
    await this.#docker[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
