/** How a member that is about to join learns who is there. */
import type { Clock, TlsMaterial } from '@kubets/platform';
import { Channel } from '../client/channel.ts';
import type { MemberInfo } from '../ports.ts';
import { MEMBERS_TIMEOUT_MS } from './limits.ts';
import { MEMBERS, type MembersReply } from './messages.ts';
import { targetOf } from './peer-url.ts';

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
  const { target: name, secure } = targetOf(url);
  const channel = new Channel({ name, tls: secure ? tls : undefined, clock });
  const endMs = clock.monotonicMs() + MEMBERS_TIMEOUT_MS;
  try {
    const unreachable = await channel.reach(MEMBERS_TIMEOUT_MS);
    if (unreachable !== undefined) throw unreachable;
    const timeoutMs = Math.max(0, endMs - clock.monotonicMs());
    const answer = await channel.send({ method: MEMBERS, request: {}, timeoutMs });
    if ('error' in answer) throw answer.error;
    return answer.value as MembersReply;
  } finally {
    channel.close();
  }
}
