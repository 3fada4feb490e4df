/** Settings of a host → its processes with their command lines. Pure. */
import { join } from 'node:path';
import { limits } from '../limits.ts';
import type { ClusterPaths } from '../paths.ts';
import { type ContainerdPlan, nodeFlags, type ProcessSpec, type Role } from '../plan/processes.ts';
import {
  apiServiceIp,
  dnsServiceIp,
  type HostSettings,
  hostPorts,
  masterAddresses,
} from './settings.ts';

export interface HostPlanContext {
  readonly host: HostSettings;
  readonly paths: ClusterPaths;
  readonly nodeBinary: string;
  readonly packagesDir: string;
  /** Absent: containers are simulated, or the host is no node. */
  readonly containerd: ContainerdPlan | undefined;
}

type Flags = Readonly<Record<string, string | number | boolean>>;
type HealthRole = keyof typeof hostPorts.health;

interface Part {
  readonly role: HealthRole;
  readonly stage: 0 | 1 | 2;
  readonly flags: Flags;
}

export const kubeletCertDir = (paths: ClusterPaths): string => join(paths.pki, 'kubelet');
export const bootstrapFile = (paths: ClusterPaths): string =>
  join(paths.dataDir, 'bootstrap.kubeconfig');

function make(ctx: HostPlanContext, { role, stage, flags }: Part): ProcessSpec {
  const healthPort = hostPorts.health[role];
  const main = join(ctx.packagesDir, role, 'src', 'main.ts');
  const all = { ...flags, 'health-address': `127.0.0.1:${healthPort}`, 'log-format': 'json' };
  const words = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  return {
    name: role,
    role: role satisfies Role,
    command: ctx.nodeBinary,
    args: [...nodeFlags, main, ...words],
    healthPort,
    stage,
  };
}

const file = (ctx: HostPlanContext, name: string): string => join(ctx.paths.pki, name);

function etcd(ctx: HostPlanContext): ProcessSpec {
  const { host, paths } = ctx;
  const { etcdClient, etcdPeer } = hostPorts;
  const flags = {
    name: host.name,
    'data-dir': paths.etcdDir('member'),
    'listen-client-urls': `https://0.0.0.0:${etcdClient}`,
    'advertise-client-urls': `https://${host.address}:${etcdClient}`,
    'listen-peer-urls': `https://0.0.0.0:${etcdPeer}`,
    'initial-advertise-peer-urls': `https://${host.address}:${etcdPeer}`,
    'initial-cluster': host.store.members.join(','),
    'initial-cluster-state': host.store.state,
    'initial-cluster-token': host.cluster.token,
    // Several hosts may join at the same time.
    'max-learners': 5,
    'cert-file': file(ctx, 'etcd.crt'),
    'key-file': file(ctx, 'etcd.key'),
    'trusted-ca-file': file(ctx, 'etcd-ca.crt'),
    'client-cert-auth': true,
    'peer-cert-file': file(ctx, 'etcd.crt'),
    'peer-key-file': file(ctx, 'etcd.key'),
    'peer-trusted-ca-file': file(ctx, 'etcd-ca.crt'),
    'peer-client-cert-auth': true,
  };
  return make(ctx, { role: 'etcd', stage: 0, flags });
}

/** The members' client addresses, this host's first. */
export function storeEndpoints(host: HostSettings): string[] {
  return [...new Set([host.address, ...masterAddresses(host)])].map(
    (address) => `https://${address}:${hostPorts.etcdClient}`,
  );
}

function apiserver(ctx: HostPlanContext): ProcessSpec {
  const { host } = ctx;
  const flags = {
    'bind-address': '0.0.0.0',
    'secure-port': hostPorts.api,
    'grpc-port': hostPorts.grpc,
    'advertise-address': host.address,
    'etcd-servers': storeEndpoints(host).join(','),
    'etcd-cafile': file(ctx, 'etcd-ca.crt'),
    'etcd-certfile': file(ctx, 'apiserver-etcd-client.crt'),
    'etcd-keyfile': file(ctx, 'apiserver-etcd-client.key'),
    'tls-cert-file': file(ctx, 'apiserver.crt'),
    'tls-private-key-file': file(ctx, 'apiserver.key'),
    'client-ca-file': file(ctx, 'ca.crt'),
    'kubelet-client-certificate': file(ctx, 'apiserver-kubelet-client.crt'),
    'kubelet-client-key': file(ctx, 'apiserver-kubelet-client.key'),
    'kubelet-certificate-authority': file(ctx, 'ca.crt'),
    // Names of nodes need not resolve here.
    'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
    // Only nodes have routes to pods.
    'pods-through-kubelets': !host.roles.includes('node'),
    'service-account-key-file': file(ctx, 'sa.pub'),
    'service-account-signing-key-file': file(ctx, 'sa.key'),
    'service-account-issuer': `https://kubernetes.default.svc.${host.cluster.clusterDomain}`,
    'service-cluster-ip-range': host.cluster.serviceCidr,
    'allow-privileged': true,
    'enable-bootstrap-token-auth': true,
    'default-not-ready-toleration-seconds': limits.lostNodeTolerationSeconds,
    'default-unreachable-toleration-seconds': limits.lostNodeTolerationSeconds,
  };
  return make(ctx, { role: 'apiserver', stage: 1, flags });
}

/** Clients of the apiservers on this host go through its own door, which knows all masters. */
const doors = `127.0.0.1:${hostPorts.grpcDoor}`;

const clientFlags = (ctx: HostPlanContext, identity: string): Flags => ({
  apiservers: doors,
  'tls-cert-file': file(ctx, `${identity}.crt`),
  'tls-private-key-file': file(ctx, `${identity}.key`),
  'ca-file': file(ctx, 'ca.crt'),
});

function scheduler(ctx: HostPlanContext): ProcessSpec {
  const flags = { ...clientFlags(ctx, 'scheduler'), identity: ctx.host.name };
  return make(ctx, { role: 'scheduler', stage: 2, flags });
}

function controllerManager(ctx: HostPlanContext): ProcessSpec {
  const flags = {
    ...clientFlags(ctx, 'controller-manager'),
    identity: ctx.host.name,
    'cluster-cidr': ctx.host.cluster.podCidr,
    'node-cidr-mask-size': 24,
    'root-ca-file': file(ctx, 'ca.crt'),
    'service-account-private-key-file': file(ctx, 'sa.key'),
    'cluster-signing-cert-file': file(ctx, 'ca.crt'),
    'cluster-signing-key-file': file(ctx, 'ca.key'),
    // A kubelet renews its lease every 10 s: two that failed are nothing yet, three are a lost node.
    'node-monitor-grace-period': '30s',
  };
  return make(ctx, { role: 'controller-manager', stage: 2, flags });
}

const balancerFlags = ({ host: { cluster } }: HostPlanContext): Flags =>
  cluster.loadBalancerRanges ? { 'load-balancer-ranges': cluster.loadBalancerRanges } : {};

function cloudControllerManager(ctx: HostPlanContext): ProcessSpec {
  const role = 'cloud-controller-manager';
  const flags = { ...clientFlags(ctx, role), identity: ctx.host.name, ...balancerFlags(ctx) };
  return make(ctx, { role, stage: 2, flags });
}

function kubelet(ctx: HostPlanContext): ProcessSpec {
  const { host, paths, containerd } = ctx;
  const { name } = host;
  const runtime: Flags =
    containerd === undefined
      ? { runtime: 'simulated' }
      : {
          runtime: 'containerd',
          'container-runtime-endpoint': `unix://${containerd.socket(name)}`,
          'cni-conf-dir': containerd.cniConfDir(name),
          'cni-bin-dir': containerd.cniBinDir,
          'pod-network': host.cluster.podNetwork,
          'cluster-cidr': host.cluster.podCidr,
        };
  const flags = {
    apiservers: doors,
    'ca-file': file(ctx, 'ca.crt'),
    'client-ca-file': file(ctx, 'ca.crt'),
    'cert-dir': kubeletCertDir(paths),
    'bootstrap-kubeconfig': bootstrapFile(paths),
    'node-name': name,
    'node-ip': host.address,
    address: '0.0.0.0',
    port: hostPorts.kubelet,
    'root-dir': join(paths.nodeDir(name), 'kubelet'),
    'cluster-dns': dnsServiceIp(host.cluster),
    'cluster-domain': host.cluster.clusterDomain,
    ...runtime,
  };
  // The proxy and the name server of a node wait for certificates that the kubelet's own asks for. A master has them from the
  // beginning, and its kubelet is not ready without a pod range from the controller-manager, maybe the only one there is.
  const stage = host.roles.includes('master') ? 2 : 1;
  return make(ctx, { role: 'kubelet', stage, flags });
}

function proxy(ctx: HostPlanContext): ProcessSpec {
  const flags = {
    ...clientFlags(ctx, 'proxy'),
    'node-name': ctx.host.name,
    'node-ip': ctx.host.address,
    mode: ctx.containerd === undefined ? 'userspace' : 'auto',
    'cluster-cidr': ctx.host.cluster.podCidr,
    ...balancerFlags(ctx),
  };
  return make(ctx, { role: 'proxy', stage: 2, flags });
}

function dns(ctx: HostPlanContext): ProcessSpec {
  const { host } = ctx;
  const flags = {
    ...clientFlags(ctx, 'dns'),
    listen: `${host.address}:${hostPorts.dns}`,
    'advertise-address': host.address,
    'node-name': host.name,
    'cluster-domain': host.cluster.clusterDomain,
    'cluster-dns': dnsServiceIp(host.cluster),
  };
  return make(ctx, { role: 'dns', stage: 2, flags });
}

function containerdProcess(plan: ContainerdPlan, name: string): ProcessSpec {
  return {
    name: `containerd-${name}`,
    role: 'containerd',
    command: plan.binary,
    args: plan.args(name),
    healthPort: undefined,
    stage: 0,
  };
}

/** Every process of a host, in start order. */
export function planHost(ctx: HostPlanContext): ProcessSpec[] {
  const { host, containerd } = ctx;
  // A range nobody can read would only show once the apiserver starts.
  apiServiceIp(host.cluster);
  const isMaster = host.roles.includes('master');
  const isNode = host.roles.includes('node');
  return [
    ...(isMaster ? [etcd(ctx)] : []),
    ...(isNode && containerd !== undefined ? [containerdProcess(containerd, host.name)] : []),
    ...(isMaster ? [apiserver(ctx)] : []),
    ...(isNode ? [kubelet(ctx)] : []),
    ...(isMaster ? [controllerManager(ctx), scheduler(ctx)] : []),
    ...(isMaster && host.cluster.loadBalancerRanges ? [cloudControllerManager(ctx)] : []),
    ...(isNode ? [proxy(ctx), dns(ctx)] : []),
  ];
}
