/** Members as people name them, and how a new one is started. */

import { ConfigError } from '@kubets/platform';
import type { ClusterMember } from '../client/types.ts';
import { hex } from './table.ts';

/** @throws ConfigError when no member, or more than one, is meant */
export function findMember(members: readonly ClusterMember[], which: string): ClusterMember {
  const byId = members.filter((member) => hex(member.id) === which.toLowerCase());
  const found = byId.length > 0 ? byId : members.filter((member) => member.name === which);
  const [first, second] = found;
  const known = members.map((m) => `${hex(m.id)} ${m.name}`).join(', ');
  if (first === undefined) throw new ConfigError(`no member "${which}"; there are: ${known}`);
  if (second !== undefined)
    throw new ConfigError(`several members are named "${which}": give an id`);
  return first;
}

/** The environment a new member is started with, as etcdctl prints it. */
export function joinLines(
  name: string,
  added: ClusterMember,
  members: readonly ClusterMember[],
): string {
  const cluster = members.flatMap((member) => {
    const called = member.id === added.id ? name : member.name;
    return called === '' ? [] : member.peerUrls.map((url) => `${called}=${url}`);
  });
  return [
    `ETCD_NAME="${name}"`,
    `ETCD_INITIAL_CLUSTER="${cluster.join(',')}"`,
    `ETCD_INITIAL_ADVERTISE_PEER_URLS="${added.peerUrls.join(',')}"`,
    'ETCD_INITIAL_CLUSTER_STATE="existing"',
    '',
  ].join('\n');
}
