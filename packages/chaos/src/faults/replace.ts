/** A member is lost with its disk, and a new one takes its place. */
import type { MemberAddRequest, MemberListResponse, MemberRemoveRequest } from '@kubets/etcd/codec';
import { delay } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Target } from '../ports.ts';
import { CallFailed, EtcdCaller } from '../workload/etcd-caller.ts';
import type { Broken } from './faults.ts';

const TRY_MS = 5_000;
const PAUSE_MS = 100;

/** The others remove it and take in its successor, which starts with nothing. */
export async function replaceMember(target: Target, member: string): Promise<Broken> {
  const other = target.members.find(({ name }) => name !== member);
  if (other === undefined) throw new ChaosError('the only member cannot be replaced');
  await target.kill(member);
  return {
    detail: 'lost with its disk, a new one joins',
    async undo() {
      const caller = new EtcdCaller(other.clientUrl);
      try {
        await persist(() => remove(caller, member));
        await persist(() => add(caller, target.peerUrl(member)));
      } finally {
        caller.close();
      }
      target.wipe(member);
      await target.start(member, { flags: { 'initial-cluster-state': 'existing' } });
    },
  };
}

async function remove(caller: EtcdCaller, name: string): Promise<void> {
  const { members } = await caller.call<MemberListResponse>('Cluster', 'MemberList', {}, TRY_MS);
  const found = members.find((one) => one.name === name);
  // Removed by a try whose answer was lost.
  if (found === undefined) return;
  const request: Partial<MemberRemoveRequest> = { ID: found.ID };
  await caller.call('Cluster', 'MemberRemove', request, TRY_MS);
}

async function add(caller: EtcdCaller, peerUrl: string): Promise<void> {
  const { members } = await caller.call<MemberListResponse>('Cluster', 'MemberList', {}, TRY_MS);
  if (members.some((one) => one.peerURLs.includes(peerUrl))) return;
  const request: Partial<MemberAddRequest> = { peerURLs: [peerUrl] };
  await caller.call('Cluster', 'MemberAdd', request, TRY_MS);
}

/** What an administrator does: again, until it is done. Both steps look first whether they are still wanted. */
async function persist(step: () => Promise<void>): Promise<void> {
  const giveUpMs = performance.now() + LIMITS.backMs;
  for (;;) {
    try {
      await step();
      return;
    } catch (error) {
      if (!(error instanceof CallFailed) || performance.now() > giveUpMs) throw error;
      await delay(PAUSE_MS);
    }
  }
}
