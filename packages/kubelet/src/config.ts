/** Flags of the kubelet and what they must satisfy. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { ConfigError, type ConfigOf, componentFlags, flag } from '@kubets/platform';
import { DEFAULT_DOOR_PORT, DEFAULT_MAX_PODS } from './limits.ts';
import { isRange } from './network/plan.ts';

const MAX_PORT = 65_535;
const MAX_PODS = 10_000;
const MAX_HOLLOW = 10_000;

export const flags = {
  apiservers: flag.list({ help: "HOST:PORT,… of the apiservers' gRPC doors" }),
  'tls-cert-file': flag.string({ default: '', help: 'client certificate, PEM' }),
  'tls-private-key-file': flag.string({ default: '', help: 'its private key, PEM' }),
  'ca-file': flag.string({ default: '', help: 'the authority of the apiservers, PEM' }),
  'cert-dir': flag.string({
    default: '',
    help: 'the kubelet asks the API for its certificates, keeps them here and renews them; instead of certificate files',
  }),
  'bootstrap-kubeconfig': flag.string({
    default: '',
    help: 'kubeconfig with the token a node without a certificate asks with',
  }),
  'certificate-duration': flag.durationMs({
    default: '0s',
    help: 'life of the certificates asked for; 0: the signer’s own',
  }),
  'node-name': flag.string({ default: '', help: "the node's name; by default the host name" }),
  'node-ip': flag.string({ default: '', help: "the node's address; by default the first one" }),
  runtime: flag.enum({
    values: ['containerd', 'simulated'],
    default: 'containerd',
    help: 'containerd: any runtime that speaks CRI v1; simulated: nothing really runs',
  }),
  'container-runtime-endpoint': flag.string({
    default: 'unix:///run/containerd/containerd.sock',
    help: 'socket of the container runtime',
  }),
  'root-dir': flag.string({ default: '/var/lib/kubets/kubelet', help: 'where pods keep files' }),
  'cluster-dns': flag.string({ default: '', help: 'address of the cluster DNS, told to pods' }),
  'cluster-domain': flag.string({ default: 'cluster.local', help: 'domain of the cluster' }),
  address: flag.string({ default: '0.0.0.0', help: 'where the door for the apiservers listens' }),
  port: flag.int({
    default: DEFAULT_DOOR_PORT,
    min: 0,
    max: MAX_PORT,
    help: 'its port; 0: any free one',
  }),
  'server-cert-file': flag.string({ default: '', help: "the door's certificate; empty: no door" }),
  'server-key-file': flag.string({ default: '', help: 'its private key, PEM' }),
  'client-ca-file': flag.string({ default: '', help: 'who signs those who may come in, PEM' }),
  'cni-conf-dir': flag.string({
    default: '',
    help: 'where the pod network is configured; empty: that is left to others',
  }),
  'cni-bin-dir': flag.string({ default: '/usr/lib/cni', help: 'CNI plugins' }),
  'max-pods': flag.int({
    default: DEFAULT_MAX_PODS,
    min: 1,
    max: MAX_PODS,
    help: 'most pods on a node',
  }),
  'register-with-taints': flag.list({ help: 'KEY=VALUE:EFFECT,… for a node that is new' }),
  'hollow-nodes': flag.int({
    default: 0,
    min: 0,
    max: MAX_HOLLOW,
    help: 'this many simulated nodes in this one process',
  }),
  'hollow-node-prefix': flag.string({ default: 'hollow', help: 'names are PREFIX-0, PREFIX-1, …' }),
  'pod-network': flag.enum({
    values: ['none', 'host-routes', 'vxlan'],
    default: 'none',
    help: 'way to the pods of other nodes; host-routes: nodes share one network; vxlan: a tunnel over UDP port 4789',
  }),
  'cluster-cidr': flag.string({ default: '', help: 'range of all pods, with --pod-network' }),
  'pod-cidr': flag.string({
    default: '',
    help: "the node's pod range, where no controller assigns one",
  }),
  ...componentFlags,
} as const;

export type KubeletFlags = ConfigOf<typeof flags>;

export interface TaintSetting {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

const TAINT = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/;

/** @throws ConfigError for text that is no taint */
export function parseTaint(text: string): TaintSetting {
  const found = TAINT.exec(text);
  if (found === null) {
    throw new ConfigError(`--register-with-taints: "${text}" is not KEY=VALUE:EFFECT`);
  }
  return { key: found[1] ?? '', value: found[2] ?? '', effect: found[3] ?? '' };
}

function requireAddress(name: string, value: string): void {
  if (value !== '' && isIP(value) === 0)
    throw new ConfigError(`--${name}: "${value}" is no address`);
}

function checkCertDir(config: KubeletFlags): void {
  const { certDir, tlsCertFile, serverCertFile, caFile, clientCaFile, hollowNodes } = config;
  if (certDir === '') return;
  if (tlsCertFile !== '' || serverCertFile !== '') {
    throw new ConfigError(
      '--cert-dir takes the place of certificate and key files: leave those out',
    );
  }
  if (caFile === '' || clientCaFile === '') {
    throw new ConfigError('--cert-dir needs --ca-file and --client-ca-file');
  }
  if (hollowNodes > 0) throw new ConfigError('--cert-dir is for one node, not for --hollow-nodes');
}

function checkNetwork({ podNetwork, clusterCidr, cniConfDir, runtime }: KubeletFlags): void {
  if (podNetwork === 'none') return;
  if (!isRange(clusterCidr)) {
    throw new ConfigError(
      `--pod-network ${podNetwork} needs --cluster-cidr, such as 10.244.0.0/16`,
    );
  }
  if (runtime !== 'containerd' || cniConfDir === '') {
    throw new ConfigError(
      `--pod-network ${podNetwork} needs --runtime containerd and --cni-conf-dir`,
    );
  }
}

/** Names of the nodes this process is. @throws ConfigError for settings that do not go together */
export function checkConfig(config: KubeletFlags): readonly string[] {
  if (config.apiservers.length === 0) throw new ConfigError('--apiservers is required');
  requireAddress('node-ip', config.nodeIp);
  requireAddress('cluster-dns', config.clusterDns);
  config.registerWithTaints.forEach(parseTaint);
  const door = [config.serverCertFile, config.serverKeyFile, config.clientCaFile];
  if (
    config.certDir === '' &&
    door.some((file) => file === '') &&
    door.some((file) => file !== '')
  ) {
    const all = '--server-cert-file, --server-key-file and --client-ca-file';
    throw new ConfigError(`${all} go together`);
  }
  checkCertDir(config);
  checkNetwork(config);
  if (config.hollowNodes === 0) return [config.nodeName || hostname().toLowerCase()];
  if (config.runtime !== 'simulated') {
    throw new ConfigError('--hollow-nodes needs --runtime simulated');
  }
  const { hollowNodes: length, hollowNodePrefix: prefix } = config;
  return Array.from({ length }, (_, index) => `${prefix}-${index}`);
}
