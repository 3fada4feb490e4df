/** Which membership changes the leader takes. */
import type { MemberChange } from '../ports.ts';
import { allMembers } from '../raft/configuration.ts';
import type { RaftCore } from '../raft/core.ts';
import type { MemberChangeCode } from './errors.ts';
import type { Membership } from './membership.ts';

const TEXT: Record<MemberChangeCode, string> = {
  exists: 'a member with this id is already in the cluster',
  notFound: 'no member has this id',
  notLearner: 'the member is not a learner',
  learnerNotReady: 'the learner has not caught up with the leader yet; try again later',
  pending: 'another membership change is under way; try again when it is done',
  lastVoter: 'the change would leave the cluster without a voting member',
};

export function isMemberChangeCode(code: string): code is MemberChangeCode {
  return Object.hasOwn(TEXT, code);
}

export function memberChangeText(code: MemberChangeCode): string {
  return TEXT[code];
}

/** A learner is promoted once it has this share of the leader's log, so that the new quorum is not waiting for it. */
const READY_SHARE = 0.9;

/** @returns why the leader refuses, or undefined */
export function changeProblem(
  changes: readonly MemberChange[],
  membership: Membership,
  core: RaftCore,
): MemberChangeCode | undefined {
  for (const change of changes) {
    const problem = oneProblem(change, membership, core);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function oneProblem(
  change: MemberChange,
  membership: Membership,
  core: RaftCore,
): MemberChangeCode | undefined {
  if (change.type === 'add') {
    const known = membership.get(change.member.id);
    if (known === undefined) return undefined;
    // Adding a learner as a voter promotes it.
    return known.isLearner && !change.member.isLearner
      ? readiness(change.member.id, core)
      : 'exists';
  }
  if (change.type === 'update') {
    return membership.get(change.member.id) === undefined ? 'notFound' : undefined;
  }
  if (!allMembers(core.conf).has(change.id)) return 'notFound';
  if (change.type === 'remove') return undefined;
  return core.conf.learners.has(change.id) ? readiness(change.id, core) : 'notLearner';
}

function readiness(id: bigint, core: RaftCore): MemberChangeCode | undefined {
  const match = core.matchOf(id) ?? 0;
  return match >= core.log.lastIndex * READY_SHARE ? undefined : 'learnerNotReady';
}
