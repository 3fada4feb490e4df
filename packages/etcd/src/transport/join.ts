/** How a member that is about to join learns who is there. */
import { type Clock, channelCredentials, type TlsMaterial } from '@kubets/platform';
import type { MemberInfo } from '../ports.ts';
import { MEMBERS_TIMEOUT_MS } from './limits.ts';
import { type MembersReplyWire, peersClient, targetOf } from './wire.ts';

export interface ClusterView {
  readonly clusterId: bigint;
  readonly members: readonly MemberInfo[];
}

/** Asks one peer. @throws when it cannot be reached or does not know yet */
export async function fetchMembers(
  url: string,
  clock: Clock,
  tls?: TlsMaterial,
): Promise<ClusterView> {
  const { target, secure } = targetOf(url);
  const client = peersClient(target, channelCredentials(secure ? tls : undefined), {
    'grpc.enable_http_proxy': 0,
  });
  try {
    const reply = await new Promise<MembersReplyWire>((resolve, reject) => {
      const deadline = clock.now() + MEMBERS_TIMEOUT_MS;
      client.Members({}, { deadline }, (err, answer) => {
        if (err || answer === undefined) reject(err ?? new Error('no answer'));
        else resolve(answer);
      });
    });
    const members = reply.members.map((member) => ({
      id: BigInt(member.id),
      name: member.name,
      peerUrls: member.peer_urls,
      clientUrls: member.client_urls,
      isLearner: member.is_learner,
    }));
    return { clusterId: BigInt(reply.cluster_id), members };
  } finally {
    client.close();
  }
}
