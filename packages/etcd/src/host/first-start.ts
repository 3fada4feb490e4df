/**
 * Who a member without data is. It may be one that never ran, or one whose disk was lost: that one must not come back as
 * itself, for it has acknowledged entries and given votes that it no longer knows of, and with it a quorum could be found
 * that knows nothing of an acknowledged write. It has to be removed and added anew.
 */
import { ConfigError, delay, errorMessage, exponentialBackoff } from '@kubets/platform';
import type { MemberInfo } from '../ports.ts';
import { type ClusterView, fetchMembers } from '../transport/join.ts';
import { foundCluster, samePeers } from './found-cluster.ts';
import type { ConsensusOptions } from './open.ts';
import type { FirstStart } from './storage.ts';

/** A member tells where clients reach it once it runs, and not before. */
const hasRun = ({ clientUrls }: MemberInfo): boolean => clientUrls.length > 0;

const idOf = ({ id }: MemberInfo): string => id.toString(16);

/**
 * @param onKnown is told of members that were found
 * @throws ConfigError when the member and its cluster do not fit together, or it has run before
 */
export async function firstStart(
  options: ConsensusOptions,
  onKnown: (members: readonly MemberInfo[]) => void,
): Promise<FirstStart> {
  if (options.initialClusterState === 'existing') return joinExisting(options, onKnown);
  const founded = foundCluster(options);
  await refuseLostData(options, founded);
  return founded;
}

/** Where the others are. */
function otherUrls({ initialCluster, name }: ConsensusOptions): string[] {
  return initialCluster
    .filter((member) => member.name !== name)
    .flatMap((member) => member.peerUrls);
}

/** A cluster that runs already, and knows this member as one that ran. Those that do not answer are not waited for. */
async function refuseLostData(options: ConsensusOptions, { identity }: FirstStart): Promise<void> {
  const { clock, log, peerTls } = options;
  const asked = otherUrls(options).map((url) =>
    fetchMembers(url, clock, peerTls).catch((err: unknown): ClusterView | undefined => {
      log.debug({ url, err: errorMessage(err) }, 'cannot learn whether the cluster runs already');
      return undefined;
    }),
  );
  for (const view of await Promise.all(asked)) {
    if (view?.clusterId !== identity.clusterId) continue;
    const self = view.members.find(({ id }) => id === identity.memberId);
    if (self === undefined || !hasRun(self)) continue;
    throw new ConfigError(
      `member ${idOf(self)} has already been bootstrapped, and its data is not in ${options.dataDir}: ` +
        `give it back, or replace the member: kubets etcd member replace ${idOf(self)} --peer-urls ${options.peerUrls.join(',')}`,
    );
  }
}

/** The cluster must have been told of this member before it starts; its id is found by its address. */
async function joinExisting(
  options: ConsensusOptions,
  onKnown: (members: readonly MemberInfo[]) => void,
): Promise<FirstStart> {
  const urls = otherUrls(options);
  if (urls.length === 0) throw new ConfigError('--initial-cluster names no other member to join');
  const { clock, random, log, peerTls, signal } = options;
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 2_000, jitter: 0.2 }, random);
  for (;;) {
    for (const url of urls) {
      try {
        const view = await fetchMembers(url, clock, peerTls);
        const self = view.members.find((member) => samePeers(member.peerUrls, options.peerUrls));
        if (self === undefined) {
          log.warn({ url }, 'the cluster does not know this member yet; add it first');
          continue;
        }
        if (hasRun(self)) {
          log.warn(
            { url, member: idOf(self) },
            'a member that has run before has this address, and its data is not here; remove it first, and add it anew',
          );
          continue;
        }
        onKnown(view.members.filter((member) => member.id !== self.id));
        return { identity: { clusterId: view.clusterId, memberId: self.id }, members: [] };
      } catch (err) {
        log.warn({ url, err }, 'cannot learn the members of the cluster');
      }
    }
    await delay(backoff.nextMs(), signal === undefined ? { clock } : { clock, signal });
  }
}
