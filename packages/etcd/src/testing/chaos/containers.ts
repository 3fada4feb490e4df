/** Three members in containers, by testcontainers: killed, frozen, and cut off from each other. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delay } from '@kubets/platform';
import type { StartedTestContainer } from 'testcontainers';
import { run } from './commands.ts';
import { useDocker } from './docker.ts';
import type { System, Undo } from './faults.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..', '..', '..');
const NAMES = ['m0', 'm1', 'm2'];
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
/** Published where; the members' own are the same for all. */
const FIRST_PORT = 23_790;
const HEALTHY_WITHIN_MS = 90_000;

interface Mount {
  readonly source: string;
  readonly target: string;
  readonly mode: 'ro';
}

/** This Node.js and the libraries it needs, from the machine: the image itself holds nothing but places for them. */
function nodeMounts(): Mount[] {
  const { stdout } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+\.so\S*)/g)].map((match) => match[1] ?? '');
  const mounts = [...new Set(libraries)].map((target): Mount => {
    return { source: realpathSync(target), target, mode: 'ro' };
  });
  const node = realpathSync(process.execPath);
  return [
    ...mounts,
    { source: node, target: '/node', mode: 'ro' },
    { source: REPOSITORY, target: '/kubets', mode: 'ro' },
  ];
}

function commandOf(name: string): string[] {
  const peer = (of: string): string => `http://${of}:${PEER_PORT}`;
  return [
    ...['/kubets/packages/etcd/src/main.ts', '--name', name, '--data-dir', '/data'],
    ...['--listen-client-urls', `http://0.0.0.0:${CLIENT_PORT}`],
    ...['--advertise-client-urls', `http://${name}:${CLIENT_PORT}`],
    ...['--listen-peer-urls', `http://0.0.0.0:${PEER_PORT}`],
    ...['--initial-advertise-peer-urls', peer(name)],
    ...['--initial-cluster', NAMES.map((of) => `${of}=${peer(of)}`).join(',')],
  ];
}

/** Starts a daemon if there is none. @throws Error when there can be none */
export async function containerSystem(): Promise<System> {
  await using undo = new AsyncDisposableStack();
  const docker = undo.use(await useDocker());
  process.env.DOCKER_HOST = docker.url;
  process.env.TESTCONTAINERS_HOST_OVERRIDE = docker.host;
  // There may be no registry to fetch its cleaner from; everything is removed here.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  const { GenericContainer, Network, Wait, getContainerRuntimeClient } = await import(
    'testcontainers'
  );
  const context = mkdtempSync(join(tmpdir(), 'kubets-image-'));
  undo.defer(() => rmSync(context, { recursive: true, force: true }));
  mkdirSync(join(context, 'data'));
  writeFileSync(join(context, 'data', 'empty'), '');
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY data /scratch\n');
  const image = 'kubets-etcd-test:local';
  await GenericContainer.fromDockerfile(context).build(image, { deleteOnExit: false });
  const network = await new Network().start();
  undo.defer(async () => {
    await network.stop();
  });
  const containers = new Map<string, StartedTestContainer>();
  const starting = NAMES.map(async (name, i) => {
    const started = await new GenericContainer(image)
      .withNetwork(network)
      .withNetworkAliases(name)
      .withEntrypoint(['/node'])
      .withCommand(commandOf(name))
      .withBindMounts(nodeMounts())
      .withExposedPorts({ container: CLIENT_PORT, host: FIRST_PORT + i })
      .withWaitStrategy(Wait.forLogMessage(/./))
      .start();
    containers.set(name, started);
    undo.defer(async () => {
      await started.stop();
    });
  });
  // One that does not start must not leave the others behind.
  const failed = (await Promise.allSettled(starting)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  const client = await getContainerRuntimeClient();
  const endpoints = NAMES.map((_, i) => `http://${docker.host}:${FIRST_PORT + i}`);
  const endpointOf = (name: string): string => endpoints[NAMES.indexOf(name)] ?? '';
  for (const name of NAMES) await healthy(endpointOf(name));
  const of = (name: string) => {
    const started = containers.get(name);
    if (started === undefined) throw new Error(`no member ${name}`);
    return client.container.getById(started.getId());
  };
  const faults = {
    kill: async (member: string): Promise<Undo> => {
      await of(member).kill();
      return async () => {
        await of(member).start();
        await healthy(endpointOf(member));
      };
    },
    pause: async (member: string): Promise<Undo> => {
      await of(member).pause();
      return async () => {
        await of(member).unpause();
        await healthy(endpointOf(member));
      };
    },
    partition: async (member: string): Promise<Undo> => {
      const { State } = await of(member).inspect();
      const inside = ['-t', String(State.Pid), '-n', 'iptables', '-w'];
      for (const other of NAMES) {
        if (other === member) continue;
        const { NetworkSettings } = await of(other).inspect();
        const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
        run('nsenter', ...inside, '-A', 'INPUT', '-s', address, '-j', 'DROP');
      }
      return async () => {
        run('nsenter', ...inside, '-F', 'INPUT');
        await healthy(endpointOf(member));
      };
    },
  };
  const all = undo.move();
  return { names: NAMES, endpoints, faults, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function healthy(endpoint: string): Promise<void> {
  const giveUpMs = performance.now() + HEALTHY_WITHIN_MS;
  for (;;) {
    const answer = await fetch(`${endpoint}/health`).catch(() => undefined);
    if (answer?.ok) return;
    if (performance.now() > giveUpMs) throw new Error(`${endpoint} is not healthy`);
    await delay(50);
  }
}
