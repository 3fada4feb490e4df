/** What a cluster is: decided at its first start, kept in `state.json`, the same after every restart. */
import { ConfigError, parseRanges } from '@kubets/platform';

export type Runtime = 'containerd' | 'simulated';

/** The lasting settings. */
export interface Settings {
  readonly version: 1;
  readonly masters: number;
  readonly nodes: number;
  readonly hollowNodes: number;
  readonly runtime: Runtime;
  /** The front door. */
  readonly port: number;
  readonly hostIp: string;
  /** Addresses for Services of type LoadBalancer, RANGE,… or `none`; absent: the default. */
  readonly loadBalancerRanges?: string;
  /** Nodes of other machines or simulated elsewhere that the cluster is made for; absent: few. */
  readonly expectedNodes?: number;
  /** Tells this cluster's store from any other's. */
  readonly token: string;
  /** Loopback ports by use, such as `etcd-1.client`. */
  readonly ports: Readonly<Record<string, number>>;
}

/** What the user asked for; undefined where nothing was said. */
export interface Wishes {
  readonly masters?: number | undefined;
  readonly nodes?: number | undefined;
  readonly hollowNodes?: number | undefined;
  readonly runtime?: Runtime | 'auto' | undefined;
  readonly port?: number | undefined;
  readonly expectedNodes?: number | undefined;
  readonly loadBalancerRanges?: string | undefined;
}

export const defaults = {
  masters: 3,
  nodes: 1,
  hollowNodes: 0,
  port: 6443,
  serviceCidr: '10.96.0.0/16',
  apiServiceIp: '10.96.0.1',
  dnsServiceIp: '10.96.0.10',
  clusterCidr: '10.244.0.0/16',
  clusterDomain: 'cluster.local',
  /** Beside the service range, and like it known on this machine only. */
  loadBalancerRanges: '10.97.0.0/24',
} as const;

/** A /24 a node: more nodes than this need a wider range. */
const CIDR_NODES = 250;
const WIDE_CLUSTER_CIDR = '10.128.0.0/9';

/** How many nodes to be ready for. */
export const sizeOf = ({ expectedNodes = 0, hollowNodes, nodes }: Settings): number =>
  Math.max(expectedNodes, hollowNodes + nodes);

/** The range the nodes' pod ranges are cut from. */
export const clusterCidrOf = (settings: Settings): string =>
  sizeOf(settings) > CIDR_NODES ? WIDE_CLUSTER_CIDR : defaults.clusterCidr;

/** Says that there are to be no load balancers. */
const NO_RANGES = 'none';

/**
 * Addresses for load balancers as the processes take them; '': none.
 * @throws ConfigError for text that is none
 */
export function loadBalancerRangesOf({
  loadBalancerRanges = defaults.loadBalancerRanges,
}: Pick<Settings, 'loadBalancerRanges'>): string {
  if (loadBalancerRanges === NO_RANGES || loadBalancerRanges === '') return '';
  parseRanges(loadBalancerRanges.split(','), '--load-balancer-ranges');
  return loadBalancerRanges;
}

/** What a restart may not change, and why. */
const FIXED = {
  masters: 'members of the store are added and removed one at a time',
  runtime: 'nodes cannot change their runtime',
} as const;

/**
 * Joins what the data directory says with what the user asked for.
 * @throws ConfigError when they contradict each other
 */
export function mergeWishes(saved: Settings, wishes: Wishes, dataDir: string): Settings {
  for (const key of ['masters', 'runtime'] as const) {
    const wish = wishes[key];
    if (wish === undefined || wish === 'auto' || wish === saved[key]) continue;
    throw new ConfigError(
      `${dataDir} holds a cluster made with --${key} ${saved[key]}; ${FIXED[key]}: start without --${key}, or use another --data-dir`,
    );
  }
  return {
    ...saved,
    nodes: wishes.nodes ?? saved.nodes,
    hollowNodes: wishes.hollowNodes ?? saved.hollowNodes,
    port: wishes.port ?? saved.port,
    ...(wishes.expectedNodes === undefined ? {} : { expectedNodes: wishes.expectedNodes }),
    ...(wishes.loadBalancerRanges === undefined
      ? {}
      : { loadBalancerRanges: wishes.loadBalancerRanges }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads `state.json`.
 * @throws ConfigError when the file is damaged or from a newer version
 */
export function parseSettings(text: string, file: string): Settings {
  const remedy = 'restore it from a backup, or use another --data-dir';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ConfigError(`${file} is damaged (not JSON); ${remedy}`);
  }
  if (!isRecord(value)) throw new ConfigError(`${file} is damaged; ${remedy}`);
  if (value.version !== 1) {
    throw new ConfigError(`${file} was written by another version (${value.version}); ${remedy}`);
  }
  const countsFit = ['masters', 'nodes', 'hollowNodes', 'port'].every((key) =>
    Number.isInteger(value[key]),
  );
  const textsFit = ['hostIp', 'token', 'runtime'].every((key) => typeof value[key] === 'string');
  if (!countsFit || !textsFit || !isRecord(value.ports)) {
    throw new ConfigError(`${file} is damaged (a field is missing); ${remedy}`);
  }
  return value as unknown as Settings;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_unused, i) => i + 1);

export const masterNumbers = (settings: Settings): number[] => numbers(settings.masters);
export const nodeNames = (settings: Settings): string[] =>
  numbers(settings.nodes).map((n) => `node-${n}`);

/** One that works and one that takes over: a third would only take memory. */
const MAX_CLOUD_MANAGERS = 2;

/** The masters that run a cloud-controller-manager. */
export const cloudMasterNumbers = (
  settings: Pick<Settings, 'masters' | 'loadBalancerRanges'>,
): number[] =>
  loadBalancerRangesOf(settings) === ''
    ? []
    : numbers(Math.min(settings.masters, MAX_CLOUD_MANAGERS));

/** The loopback ports a cluster of these settings uses. */
export function portUses(
  settings: Pick<Settings, 'masters' | 'nodes' | 'hollowNodes' | 'loadBalancerRanges'>,
): string[] {
  const perMaster = numbers(settings.masters).flatMap((n) => [
    `etcd-${n}.client`,
    `etcd-${n}.peer`,
    `etcd-${n}.health`,
    `apiserver-${n}.secure`,
    `apiserver-${n}.grpc`,
    `apiserver-${n}.health`,
    `scheduler-${n}.health`,
    `controller-manager-${n}.health`,
  ]);
  const perNode = numbers(settings.nodes).flatMap((n) => [
    `kubelet-node-${n}.door`,
    `kubelet-node-${n}.health`,
    `proxy-node-${n}.health`,
  ]);
  const hollow = settings.hollowNodes > 0 ? ['kubelet-hollow.door', 'kubelet-hollow.health'] : [];
  const dns = settings.nodes > 0 ? ['dns-1.dns', 'dns-1.health'] : [];
  const cloud = cloudMasterNumbers(settings).map((n) => `cloud-controller-manager-${n}.health`);
  return [...perMaster, ...cloud, ...perNode, ...hollow, ...dns];
}
