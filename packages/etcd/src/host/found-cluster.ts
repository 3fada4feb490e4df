/** Who is in a new cluster: the same answer on every member that is told the same. */
import { ConfigError } from '@kubets/platform';
import { clusterIdOf, memberIdOf } from './membership.ts';
import type { FirstStart } from './storage.ts';

export interface NewCluster {
  /** Of this member. */
  readonly name: string;
  /** Where peers reach this member. */
  readonly peerUrls: readonly string[];
  /** All members, this one included. */
  readonly initialCluster: readonly {
    readonly name: string;
    readonly peerUrls: readonly string[];
  }[];
  /** Keeps clusters with the same addresses apart. */
  readonly initialClusterToken: string;
}

export function samePeers(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}

/** @throws ConfigError when the member and its cluster do not fit together */
export function foundCluster(cluster: NewCluster): FirstStart {
  const { name, peerUrls, initialCluster, initialClusterToken: token } = cluster;
  const members = initialCluster.map((member) => {
    const id = memberIdOf(member.peerUrls, token);
    return { ...member, id, clientUrls: [], isLearner: false };
  });
  const self = members.find((member) => member.name === name);
  if (self === undefined) {
    throw new ConfigError(`--initial-cluster does not name this member, "${name}"`);
  }
  if (!samePeers(self.peerUrls, peerUrls)) {
    throw new ConfigError(
      `--initial-advertise-peer-urls (${peerUrls.join(',')}) and --initial-cluster ` +
        `(${self.peerUrls.join(',')}) disagree about ${name}`,
    );
  }
  const ids = members.map((member) => member.id);
  if (new Set(ids).size !== ids.length) {
    throw new ConfigError('--initial-cluster names the same peer URLs twice');
  }
  return { identity: { clusterId: clusterIdOf(ids), memberId: self.id }, members };
}
