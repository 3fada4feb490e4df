/** A node with the simulated runtime on an API in memory: for tests of everything above the runtime. */
import type { Container, Pod, PodSpec } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { type Clock, delay, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { parseResolvConf } from '../core/dns.ts';
import type { NodeFacts } from '../host/deps.ts';
import { KubeletNode, type KubeletNodeOptions, type NodeParts } from '../host/kubelet-node.ts';
import { ApiObjects } from '../host/objects.ts';
import { simulatedFiles, simulatedProbes, simulatedVolumes } from '../simulated/parts.ts';
import { SimulatedRuntime } from '../simulated/runtime.ts';

const GIB = 1024 ** 3;

export const testMachine = {
  arch: 'amd64',
  os: 'linux',
  kernelVersion: '6.1.0',
  osImage: 'Test OS',
  machineId: 'machine',
  systemUuid: 'uuid',
  bootId: 'boot',
  cpus: 4,
  memoryBytes: 8 * GIB,
  diskBytes: 100 * GIB,
};

export const testFacts: NodeFacts = {
  name: 'node-1',
  ips: ['192.0.2.10'],
  cpuMilli: 4_000,
  memoryBytes: 8 * GIB,
  diskBytes: 90 * GIB,
  maxPods: 110,
  cgroupRoot: '/kubets/node-1',
  seccompDir: '/seccomp',
  dns: { servers: ['10.96.0.10'], domain: 'cluster.local' },
  hostDns: parseResolvConf('nameserver 192.0.2.1\n'),
};

export interface TestNode {
  readonly api: FakeApi;
  readonly runtime: SimulatedRuntime;
  node(): KubeletNode;
  /** The pod as the API shows it. */
  pod(name: string): Pod | undefined;
  /** The kubelet ends and starts again; the runtime goes on. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** What may be other than usual. */
type Overrides = NodeParts & Pick<KubeletNodeOptions, 'figures'>;

interface World {
  readonly clock: Clock;
  readonly api: FakeApi;
  readonly runtime: SimulatedRuntime;
}

function makeNode({ clock, api, runtime }: World, overrides: Partial<Overrides>): KubeletNode {
  return new KubeletNode({
    api,
    clock,
    random: seededRandom(1),
    log: silentLogger,
    facts: testFacts,
    machine: testMachine,
    pressure: () => ({
      memoryAvailableBytes: GIB * 4,
      diskAvailableBytes: GIB * 50,
      pidsAvailable: 10_000,
    }),
    doorPort: 10_250,
    kubeletVersion: 'v1.32.0',
    podCidr: '10.244.1.0/24',
    taints: [],
    services: () => [],
    onReady: () => undefined,
    runtime,
    runtimeName: 'simulated',
    files: simulatedFiles,
    volumes: simulatedVolumes,
    probes: simulatedProbes,
    objects: new ApiObjects(api, clock),
    onPodCidr: async () => undefined,
    ...overrides,
  });
}

/** Starts a node, tells it of all pods there are, and follows them. */
async function begin(world: World, overrides: Partial<Overrides>) {
  const node = makeNode(world, overrides);
  node.start();
  const pods = world.api.resource<Pod>('v1', 'pods');
  const { items, resourceVersion } = await pods.list('');
  for (const pod of items) node.update(pod);
  await node.adopt();
  const watch = pods.watch('', { resourceVersion }, (events) => {
    for (const { type, object } of events) {
      if (type === 'DELETED') node.gone(object);
      else if (type !== 'BOOKMARK') node.update(object);
    }
  });
  return { node, watch };
}

/**
 * @param overrides parts to replace, such as probes that fail
 * @param own a clock and an API of one's own
 */
export async function startTestNode(
  overrides: Partial<Overrides> = {},
  own: { readonly clock?: Clock; readonly api?: FakeApi } = {},
): Promise<TestNode> {
  const clock = own.clock ?? systemClock;
  const api = own.api ?? new FakeApi({ clock, gracefulPods: true });
  const runtime = new SimulatedRuntime({ clock, podCidr: '10.244.1.0/24' });
  const world: World = { clock, api, runtime };
  let { node, watch } = await begin(world, overrides);
  const stop = async (): Promise<void> => {
    watch.stop();
    await node.stop();
  };
  return {
    api,
    runtime,
    node: () => node,
    pod: (name) => api.objects<Pod>('v1', 'pods').find((one) => one.metadata.name === name),
    async restart() {
      await stop();
      ({ node, watch } = await begin(world, overrides));
    },
    stop,
  };
}

/** A pod bound to the test node. */
export function testPod(name: string, container: Partial<Container> = {}, spec: object = {}): Pod {
  const podSpec: PodSpec = {
    nodeName: 'node-1',
    containers: [{ name: 'main', image: 'example.com/app:1', ...container }],
    ...spec,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: podSpec,
  };
}

const POLL_MS = 5;
const LIMIT_MS = 30_000;

/** Waits until something holds. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const untilMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (systemClock.monotonicMs() > untilMs) throw new Error(`never happened: ${what}`);
    await delay(POLL_MS);
  }
}
