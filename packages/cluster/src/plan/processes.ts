/** Settings → the processes of a cluster with their command lines. Pure. */
import { join } from 'node:path';
import { invariant } from '@kubets/platform';
import type { ClusterPaths } from '../paths.ts';
import {
  cloudMasterNumbers,
  clusterCidrOf,
  defaults,
  loadBalancerRangesOf,
  masterNumbers,
  nodeNames,
  type Settings,
  sizeOf,
} from './settings.ts';

export type Role =
  | 'etcd'
  | 'apiserver'
  | 'scheduler'
  | 'controller-manager'
  | 'cloud-controller-manager'
  | 'kubelet'
  | 'proxy'
  | 'dns'
  | 'containerd';

/** One process as the supervisor runs it. */
export interface ProcessSpec {
  readonly name: string;
  readonly role: Role;
  readonly command: string;
  readonly args: readonly string[];
  /** Loopback port of `/readyz`; undefined where readiness is seen in another way. */
  readonly healthPort: number | undefined;
  /** Processes of one stage start together, once every earlier stage is ready. */
  readonly stage: 0 | 1 | 2;
}

/** What lies outside the settings. */
export interface PlanContext {
  readonly settings: Settings;
  readonly paths: ClusterPaths;
  /** The Node.js binary and the folder of the packages. */
  readonly nodeBinary: string;
  readonly packagesDir: string;
  readonly containerd: ContainerdPlan | undefined;
}

/** How the supervisor runs containerd for a node; made by the kubelet package. */
export interface ContainerdPlan {
  readonly binary: string;
  readonly args: (node: string) => readonly string[];
  readonly socket: (node: string) => string;
  readonly cniConfDir: (node: string) => string;
  readonly cniBinDir: string;
}

/**
 * Young objects must not pile up: these processes allocate little that lives. The warning is about gRPC naming IP
 * addresses in its TLS greeting, which is how members find each other here.
 */
export const nodeFlags: readonly string[] = [
  '--max-semi-space-size=2',
  '--disable-warning=DEP0123',
];
/** From so many nodes on, memory is given for speed. */
const LARGE_NODES = 250;
const MIB_LEAST = 4_096;
/** Heap a node with its thirty pods may take at most in each process; a bound, not a reservation. */
const MIB_A_NODE: Readonly<Partial<Record<Role, number>>> = {
  apiserver: 1.8,
  etcd: 1.2,
  'controller-manager': 1.2,
  scheduler: 0.8,
};

/** What Node.js is told: little for the clusters most people run, room to breathe for large ones. */
export function nodeFlagsFor(settings: Settings, role: Role): readonly string[] {
  const nodes = sizeOf(settings);
  if (nodes <= LARGE_NODES) return nodeFlags;
  const heapMib = Math.max(MIB_LEAST, Math.ceil(nodes * (MIB_A_NODE[role] ?? 0)));
  return [
    '--max-semi-space-size=32',
    `--max-old-space-size=${heapMib}`,
    '--disable-warning=DEP0123',
  ];
}

/** The programs of a cluster, by the folders of their packages. */
export const programs = [
  'etcd',
  'apiserver',
  'controller-manager',
  'cloud-controller-manager',
  'scheduler',
  'kubelet',
  'proxy',
  'dns',
] as const;
const RESOLVER_NODES = 1;

type Flags = Readonly<Record<string, string | number | boolean>>;

const flagWords = (flags: Flags): string[] =>
  Object.entries(flags).map(([name, value]) => `--${name}=${value}`);

interface Part {
  readonly name: string;
  readonly role: Exclude<Role, 'containerd'>;
  readonly stage: 0 | 1 | 2;
  readonly flags: Flags;
}

function portOf(ctx: PlanContext, use: string): number {
  const port = ctx.settings.ports[use];
  invariant(port !== undefined, 'every use has a port', { use });
  return port;
}

function make(ctx: PlanContext, part: Part): ProcessSpec {
  const healthPort = portOf(ctx, `${part.name}.health`);
  const main = join(ctx.packagesDir, part.role, 'src', 'main.ts');
  const common = { 'health-address': `127.0.0.1:${healthPort}`, 'log-format': 'json' };
  return {
    name: part.name,
    role: part.role,
    command: ctx.nodeBinary,
    args: [
      ...nodeFlagsFor(ctx.settings, part.role),
      main,
      ...flagWords({ ...part.flags, ...common }),
    ],
    healthPort,
    stage: part.stage,
  };
}

const pem = (ctx: PlanContext, name: string): { cert: string; key: string } => ({
  cert: join(ctx.paths.pki, `${name}.crt`),
  key: join(ctx.paths.pki, `${name}.key`),
});

function etcd(ctx: PlanContext, n: number): ProcessSpec {
  const name = `etcd-${n}`;
  const { cert, key } = pem(ctx, name);
  const ca = join(ctx.paths.pki, 'etcd-ca.crt');
  const url = (use: string) => `https://127.0.0.1:${portOf(ctx, `${name}.${use}`)}`;
  const peers = masterNumbers(ctx.settings).map(
    (m) => `etcd-${m}=https://127.0.0.1:${portOf(ctx, `etcd-${m}.peer`)}`,
  );
  return make(ctx, {
    name,
    role: 'etcd',
    stage: 0,
    flags: {
      name,
      'data-dir': ctx.paths.etcdDir(name),
      'listen-client-urls': url('client'),
      'advertise-client-urls': url('client'),
      'listen-peer-urls': url('peer'),
      'initial-advertise-peer-urls': url('peer'),
      'initial-cluster': peers.join(','),
      'initial-cluster-state': 'new',
      'initial-cluster-token': ctx.settings.token,
      'cert-file': cert,
      'key-file': key,
      'trusted-ca-file': ca,
      'client-cert-auth': true,
      'peer-cert-file': cert,
      'peer-key-file': key,
      'peer-trusted-ca-file': ca,
      'peer-client-cert-auth': true,
    },
  });
}

/** `host:port` of every member, as clients of the store want them. */
export const etcdEndpoints = (ctx: PlanContext): string[] =>
  masterNumbers(ctx.settings).map((n) => `127.0.0.1:${portOf(ctx, `etcd-${n}.client`)}`);

/** `host:port` of every apiserver's HTTPS door. */
export const apiserverEndpoints = (ctx: PlanContext): string[] =>
  masterNumbers(ctx.settings).map((n) => `127.0.0.1:${portOf(ctx, `apiserver-${n}.secure`)}`);

function apiserver(ctx: PlanContext, n: number): ProcessSpec {
  const name = `apiserver-${n}`;
  const serving = pem(ctx, name);
  const store = pem(ctx, 'apiserver-etcd-client');
  const nodes = pem(ctx, 'apiserver-kubelet-client');
  const pki = (file: string) => join(ctx.paths.pki, file);
  return make(ctx, {
    name,
    role: 'apiserver',
    stage: 1,
    flags: {
      'bind-address': '127.0.0.1',
      'secure-port': portOf(ctx, `${name}.secure`),
      'grpc-port': portOf(ctx, `${name}.grpc`),
      'advertise-address': ctx.settings.hostIp,
      'advertise-port': ctx.settings.port,
      'etcd-servers': etcdEndpoints(ctx)
        .map((endpoint) => `https://${endpoint}`)
        .join(','),
      'etcd-cafile': pki('etcd-ca.crt'),
      'etcd-certfile': store.cert,
      'etcd-keyfile': store.key,
      'tls-cert-file': serving.cert,
      'tls-private-key-file': serving.key,
      'client-ca-file': pki('ca.crt'),
      'kubelet-client-certificate': nodes.cert,
      'kubelet-client-key': nodes.key,
      'kubelet-certificate-authority': pki('ca.crt'),
      // Names of nodes need not resolve here.
      'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
      'service-account-key-file': pki('sa.pub'),
      'service-account-signing-key-file': pki('sa.key'),
      'service-cluster-ip-range': defaults.serviceCidr,
      'allow-privileged': true,
    },
  });
}

/** The flags of everything that is a client of the apiservers. */
function clientFlags(ctx: PlanContext, identity: string): Flags {
  const { cert, key } = pem(ctx, identity);
  const doors = masterNumbers(ctx.settings).map(
    (n) => `127.0.0.1:${portOf(ctx, `apiserver-${n}.grpc`)}`,
  );
  return {
    apiservers: doors.join(','),
    'tls-cert-file': cert,
    'tls-private-key-file': key,
    'ca-file': join(ctx.paths.pki, 'ca.crt'),
  };
}

function scheduler(ctx: PlanContext, n: number): ProcessSpec {
  const name = `scheduler-${n}`;
  const flags = { ...clientFlags(ctx, 'scheduler'), identity: name };
  return make(ctx, { name, role: 'scheduler', stage: 2, flags });
}

function controllerManager(ctx: PlanContext, n: number): ProcessSpec {
  const name = `controller-manager-${n}`;
  const flags = {
    ...clientFlags(ctx, 'controller-manager'),
    identity: name,
    'cluster-cidr': clusterCidrOf(ctx.settings),
    'node-cidr-mask-size': 24,
    'root-ca-file': join(ctx.paths.pki, 'ca.crt'),
    'service-account-private-key-file': join(ctx.paths.pki, 'sa.key'),
    'cluster-signing-cert-file': join(ctx.paths.pki, 'ca.crt'),
    'cluster-signing-key-file': join(ctx.paths.pki, 'ca.key'),
  };
  return make(ctx, { name, role: 'controller-manager', stage: 2, flags });
}

/** Flags of those that give out addresses for load balancers, or answer for them. */
function balancerFlags(ctx: PlanContext): Flags {
  const ranges = loadBalancerRangesOf(ctx.settings);
  return ranges === '' ? {} : { 'load-balancer-ranges': ranges };
}

function cloudControllerManager(ctx: PlanContext, n: number): ProcessSpec {
  const role = 'cloud-controller-manager';
  const name = `${role}-${n}`;
  const flags = { ...clientFlags(ctx, role), identity: name, ...balancerFlags(ctx) };
  return make(ctx, { name, role, stage: 2, flags });
}

function kubeletFlags(ctx: PlanContext, name: string): Flags {
  const { cert, key } = pem(ctx, name);
  return {
    ...clientFlags(ctx, name),
    'node-ip': ctx.settings.hostIp,
    address: '127.0.0.1',
    port: portOf(ctx, `${name}.door`),
    'server-cert-file': cert,
    'server-key-file': key,
    'client-ca-file': join(ctx.paths.pki, 'ca.crt'),
    'cluster-dns': defaults.dnsServiceIp,
    'cluster-domain': defaults.clusterDomain,
  };
}

function kubelet(ctx: PlanContext, node: string): ProcessSpec {
  const name = `kubelet-${node}`;
  const { containerd } = ctx;
  const runtime: Flags =
    containerd === undefined
      ? { runtime: 'simulated' }
      : {
          runtime: 'containerd',
          'container-runtime-endpoint': `unix://${containerd.socket(node)}`,
          'cni-conf-dir': containerd.cniConfDir(node),
          'cni-bin-dir': containerd.cniBinDir,
        };
  const flags = {
    ...kubeletFlags(ctx, name),
    'node-name': node,
    'root-dir': join(ctx.paths.nodeDir(node), 'kubelet'),
    ...runtime,
  };
  return make(ctx, { name, role: 'kubelet', stage: 2, flags });
}

function hollow(ctx: PlanContext): ProcessSpec {
  const name = 'kubelet-hollow';
  const flags = {
    ...kubeletFlags(ctx, name),
    'node-name': 'hollow',
    'root-dir': join(ctx.paths.nodeDir('hollow'), 'kubelet'),
    runtime: 'simulated',
    'hollow-nodes': ctx.settings.hollowNodes,
    'hollow-node-prefix': 'hollow',
  };
  return make(ctx, { name, role: 'kubelet', stage: 2, flags });
}

function proxy(ctx: PlanContext, node: string): ProcessSpec {
  const name = `proxy-${node}`;
  const flags = {
    ...clientFlags(ctx, name),
    'node-name': node,
    'node-ip': ctx.settings.hostIp,
    mode: ctx.containerd === undefined ? 'userspace' : 'auto',
    'cluster-cidr': clusterCidrOf(ctx.settings),
    ...balancerFlags(ctx),
    'cleanup-on-exit': true,
  };
  return make(ctx, { name, role: 'proxy', stage: 2, flags });
}

function dns(ctx: PlanContext): ProcessSpec {
  const name = 'dns-1';
  const address = ctx.containerd === undefined ? '127.0.0.1' : ctx.settings.hostIp;
  const flags = {
    ...clientFlags(ctx, 'dns'),
    listen: `${address}:${portOf(ctx, `${name}.dns`)}`,
    'advertise-address': ctx.settings.hostIp,
    'cluster-domain': defaults.clusterDomain,
    'cluster-dns': defaults.dnsServiceIp,
  };
  return make(ctx, { name, role: 'dns', stage: 2, flags });
}

function containerdProcess(plan: ContainerdPlan, node: string): ProcessSpec {
  return {
    name: `containerd-${node}`,
    role: 'containerd',
    command: plan.binary,
    args: plan.args(node),
    healthPort: undefined,
    stage: 0,
  };
}

/** Every process, in start order. */
export function planProcesses(ctx: PlanContext): ProcessSpec[] {
  const { settings, containerd } = ctx;
  const nodes = nodeNames(settings);
  const masters = masterNumbers(settings);
  const runtimes =
    containerd === undefined ? [] : nodes.map((node) => containerdProcess(containerd, node));
  return [
    ...masters.map((n) => etcd(ctx, n)),
    ...runtimes,
    ...masters.map((n) => apiserver(ctx, n)),
    ...masters.map((n) => controllerManager(ctx, n)),
    ...masters.map((n) => scheduler(ctx, n)),
    ...cloudMasterNumbers(settings).map((n) => cloudControllerManager(ctx, n)),
    ...nodes.map((node) => kubelet(ctx, node)),
    ...nodes.map((node) => proxy(ctx, node)),
    ...(settings.hollowNodes > 0 ? [hollow(ctx)] : []),
    ...(nodes.length >= RESOLVER_NODES ? [dns(ctx)] : []),
  ];
}
