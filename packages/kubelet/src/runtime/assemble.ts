/** Puts a node together from its settings: the real kind and the simulated kind. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '@kubets/api';
import type { Api } from '@kubets/client';
import { ConfigError, errorMessage, type ProcessContext } from '@kubets/platform';
import { type KubeletFlags, parseTaint } from '../config.ts';
import { cniConf, writeCniConf } from '../containerd/cni.ts';
import { parseResolvConf } from '../core/dns.ts';
import {
  allocatableDiskBytes,
  type MachineFacts,
  type MachinePressure,
} from '../core/node-status.ts';
import { CriRuntime } from '../cri/adapter.ts';
import type { NodeFacts } from '../host/deps.ts';
import type { KubeletFigures } from '../host/kubelet-figures.ts';
import { downwardFacts, KubeletNode, type NodeParts } from '../host/kubelet-node.ts';
import { NodeFiles } from '../host/node-files.ts';
import { RealProbes } from '../host/probes/runner.ts';
import { MemoryFolder } from '../host/volumes/memory-folder.ts';
import { NodeVolumes } from '../host/volumes/node-volumes.ts';
import { PodTokens } from '../host/volumes/tokens.ts';
import { nodeLayout } from '../layout.ts';
import { NetworkAgent } from '../network/agent.ts';
import { LinuxNetwork } from '../network/linux.ts';
import { systemCommands } from '../network/runtime/commands.ts';
import type { ContainerRuntime, ObjectSource } from '../ports.ts';
import { simulatedFiles, simulatedProbes, simulatedVolumes } from '../simulated/parts.ts';
import { SimulatedRuntime } from '../simulated/runtime.ts';
import { defaultAddress, readHostFiles, readMachine, readPressure } from './machine.ts';

/** The Kubernetes version whose behaviour this kubelet follows. */
export const KUBELET_VERSION = 'v1.32.0';

const HOLLOW_CPUS = 16;
const HOLLOW_MEMORY_BYTES = 64 * 1024 ** 3;
const HOLLOW_DISK_BYTES = 500 * 1024 ** 3;
const MILLI_PER_CPU = 1_000;
const RESERVED_BYTES = 100 * 1024 * 1024;

export interface Shared {
  readonly ctx: Pick<ProcessContext, 'clock' | 'random' | 'log'>;
  readonly config: KubeletFlags;
  readonly api: Api;
  readonly objects: ObjectSource;
  readonly services: () => readonly Service[];
  readonly doorPort: number;
  /** Where the work of all nodes is counted. */
  readonly figures?: KubeletFigures;
}

function factsOf(shared: Shared, name: string, machine: MachineFacts): NodeFacts {
  const { config } = shared;
  const layout = nodeLayout(config.rootDir);
  return {
    name,
    ips: [config.nodeIp || defaultAddress()],
    cpuMilli: machine.cpus * MILLI_PER_CPU,
    memoryBytes: machine.memoryBytes - RESERVED_BYTES,
    diskBytes: allocatableDiskBytes(machine),
    maxPods: config.maxPods,
    cgroupRoot: layout.cgroupParent,
    seccompDir: layout.seccompDir,
    dns: {
      servers: config.clusterDns === '' ? [] : [config.clusterDns],
      domain: config.clusterDomain,
    },
    hostDns: parseResolvConf(readHostFiles().resolvConf),
  };
}

interface Kind {
  readonly facts: NodeFacts;
  readonly machine: MachineFacts;
  readonly pressure: () => MachinePressure;
  readonly parts: NodeParts;
}

function assemble(shared: Shared, { facts, machine, pressure, parts }: Kind): KubeletNode {
  const { ctx, config, api, services, doorPort } = shared;
  const { clock, random, log } = ctx;
  return new KubeletNode({
    ...parts,
    api,
    clock,
    random,
    log: log.child({ node: facts.name }),
    facts,
    machine,
    pressure,
    doorPort,
    kubeletVersion: KUBELET_VERSION,
    podCidr: config.hollowNodes > 0 ? '' : config.podCidr,
    taints: config.registerWithTaints.map(parseTaint),
    services,
    figures: shared.figures,
    onReady: () => log.info({ node: facts.name }, 'node is ready'),
  });
}

/** Stale address reservations keep a range full: with no pod left on the node, none is in use. */
async function dropStaleAddresses(runtime: ContainerRuntime, ipamDir: string): Promise<void> {
  const pods = await runtime.listPods();
  if (pods.length === 0) rmSync(ipamDir, { recursive: true, force: true });
}

function makeRoot(dir: string): void {
  try {
    mkdirSync(join(dir, 'pods'), { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new ConfigError(`--root-dir ${dir} cannot be made: ${errorMessage(error)}`);
  }
}

/** What leads to the pods of other nodes, when `--pod-network` asks for it. */
function podNetwork({ ctx, config, api }: Shared, nodeName: string): NetworkAgent | undefined {
  const { podNetwork: mode, clusterCidr } = config;
  if (mode === 'none') return undefined;
  const { clock, random, log } = ctx;
  const { bridge, tunnel: device } = nodeLayout(config.rootDir);
  const kernel = new LinuxNetwork({ commands: systemCommands(), bridge, device, clusterCidr });
  const nodeAddress = config.nodeIp || defaultAddress();
  return new NetworkAgent({ api, clock, random, log, kernel, mode, nodeName, nodeAddress, device });
}

/** A node with a real container runtime. */
export function realNode(shared: Shared, name: string): { node: KubeletNode; runtime: CriRuntime } {
  const { ctx, config, api, objects } = shared;
  const { clock, log } = ctx;
  const layout = nodeLayout(config.rootDir);
  makeRoot(config.rootDir);
  const machine = readMachine(config.rootDir);
  const facts = factsOf(shared, name, machine);
  const { figures } = shared;
  const endpoint = config.containerRuntimeEndpoint;
  const runtime = new CriRuntime({ endpoint, clock, log, figures });
  const tokens = new PodTokens(api, clock);
  const { podsDir, memoryDir, logsDir, ipamDir, bridge } = layout;
  const network = podNetwork(shared, name);
  const onPodCidr = async (podCidr: string): Promise<void> => {
    if (config.cniConfDir === '') return runtime.setPodCidr(podCidr);
    await dropStaleAddresses(runtime, ipamDir);
    const mtu = await network?.usePodCidr(podCidr);
    const masquerade = network === undefined;
    const common = { bridge, podCidr, dataDir: ipamDir, firewall: true, masquerade };
    const text = cniConf({ ...common, ...(mtu === undefined ? {} : { mtu }) });
    if (writeCniConf(config.cniConfDir, text)) log.info({ podCidr, bridge }, 'pod network written');
  };
  const parts: NodeParts = {
    runtime,
    runtimeName: 'containerd',
    files: new NodeFiles({
      podsDir,
      logsDir,
      cgroupParent: layout.cgroupParent,
      clusterDomain: config.clusterDomain,
      hostHosts: readHostFiles().hosts,
    }),
    volumes: new NodeVolumes({
      podsDir,
      memory: new MemoryFolder(memoryDir),
      api,
      objects,
      tokens,
      facts: (pod) => downwardFacts(pod, facts),
    }),
    probes: new RealProbes(runtime, clock),
    objects,
    onPodCidr,
    ...(network === undefined ? {} : { network }),
  };
  const pressure = (): MachinePressure => readPressure(config.rootDir);
  return { node: assemble(shared, { facts, machine, pressure, parts }), runtime };
}

/** A node without containers. Hollow ones are all alike, so that a test does not depend on the machine it runs on. */
export function simulatedNode(
  shared: Shared,
  name: string,
): { node: KubeletNode; runtime: SimulatedRuntime } {
  const { ctx, config, objects } = shared;
  const own = readMachine('/');
  const hollow = {
    cpus: HOLLOW_CPUS,
    memoryBytes: HOLLOW_MEMORY_BYTES,
    diskBytes: HOLLOW_DISK_BYTES,
    machineId: name,
    systemUuid: name,
  };
  const machine = config.hollowNodes > 0 ? { ...own, ...hollow } : own;
  const runtime = new SimulatedRuntime({ clock: ctx.clock });
  const parts: NodeParts = {
    runtime,
    runtimeName: 'simulated',
    files: simulatedFiles,
    volumes: simulatedVolumes,
    probes: simulatedProbes,
    objects,
    onPodCidr: (cidr) => runtime.setPodCidr(cidr),
  };
  const plenty = {
    memoryAvailableBytes: machine.memoryBytes,
    diskAvailableBytes: machine.diskBytes,
    pidsAvailable: Number.MAX_SAFE_INTEGER,
  };
  const facts = factsOf(shared, name, machine);
  return { node: assemble(shared, { facts, machine, pressure: () => plenty, parts }), runtime };
}
