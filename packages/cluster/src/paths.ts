import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/** Where everything of one cluster lies. Pure: names only. */
export interface ClusterPaths {
  readonly dataDir: string;
  readonly pki: string;
  readonly logs: string;
  readonly kubeconfig: string;
  readonly clusterJson: string;
  readonly etcdctlEnv: string;
  readonly state: string;
  readonly lock: string;
  /** Settings of a host that is part of a cluster of several. */
  readonly host: string;
  /** There while a join is under way; says which member of which store was added for it, if one was. */
  readonly joining: string;
  /** Its presence keeps a host's processes from running. */
  readonly paused: string;
  /** Its presence tells the supervisor to make room for the one that is installed now. */
  readonly exchange: string;
  /** Short enough for unix sockets (108 bytes), however long the data dir's own path is. */
  readonly runDir: string;
  etcdDir(name: string): string;
  nodeDir(node: string): string;
  log(name: string): string;
}

/** A short stable name for a data directory, for what must be unique on the machine. */
export const clusterHash = (dataDir: string): string =>
  createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 8);

export function clusterPaths(dataDir: string): ClusterPaths {
  const root = resolve(dataDir);
  return {
    dataDir: root,
    pki: join(root, 'pki'),
    logs: join(root, 'logs'),
    kubeconfig: join(root, 'kubeconfig'),
    clusterJson: join(root, 'cluster.json'),
    etcdctlEnv: join(root, 'etcdctl.env'),
    state: join(root, 'state.json'),
    lock: join(root, 'supervisor.pid'),
    host: join(root, 'host.json'),
    joining: join(root, 'joining'),
    paused: join(root, 'paused'),
    exchange: join(root, 'exchange'),
    runDir: `/run/kubets-${clusterHash(root)}`,
    etcdDir: (name) => join(root, 'etcd', name),
    nodeDir: (node) => join(root, 'nodes', node),
    log: (name) => join(root, 'logs', `${name}.log`),
  };
}
