/**
 * Who takes part. One change at a time moves from one configuration straight to the next, as any two majorities overlap;
 * several at once go through a joint configuration in which both the old and the new majority must agree (paper §6).
 */
import type { Electorate } from './quorum.ts';
import type { PeerId } from './types.ts';

export interface Configuration extends Electorate {
  /** Receive the log, have no say. */
  readonly learners: ReadonlySet<PeerId>;
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: ReadonlySet<PeerId>;
}

export interface ConfOperation {
  readonly op: 'voter' | 'learner' | 'remove';
  readonly id: PeerId;
}

/** No operations at all means: leave the joint configuration. */
export type ConfChange = readonly ConfOperation[];

/** Why a change cannot be made to a configuration. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export const EMPTY_CONFIGURATION: Configuration = {
  voters: new Set(),
  outgoing: new Set(),
  learners: new Set(),
  learnersNext: new Set(),
};

/** A configuration of voters (and learners) that is not joint. */
export function configurationOf(
  voters: Iterable<PeerId>,
  learners: Iterable<PeerId> = [],
): Configuration {
  return { ...EMPTY_CONFIGURATION, voters: new Set(voters), learners: new Set(learners) };
}

export function isJoint(conf: Configuration): boolean {
  return conf.outgoing.size > 0;
}

export function isVoter(conf: Configuration, id: PeerId): boolean {
  return conf.voters.has(id) || conf.outgoing.has(id);
}

/** Everybody the leader replicates to. */
export function allMembers(conf: Configuration): Set<PeerId> {
  return new Set([...conf.voters, ...conf.outgoing, ...conf.learners, ...conf.learnersNext]);
}

interface Draft {
  voters: Set<PeerId>;
  learners: Set<PeerId>;
  learnersNext: Set<PeerId>;
}

function applyOperation(draft: Draft, outgoing: ReadonlySet<PeerId>, change: ConfOperation): void {
  const { id } = change;
  draft.learnersNext.delete(id);
  draft.learners.delete(id);
  if (change.op === 'voter') {
    draft.voters.add(id);
    return;
  }
  draft.voters.delete(id);
  if (change.op === 'remove') return;
  // A voter of the outgoing half still votes there, so it can only become a learner on leaving.
  (outgoing.has(id) ? draft.learnersNext : draft.learners).add(id);
}

function leaveJoint(conf: Configuration): Configuration {
  if (!isJoint(conf)) throw new ConfigurationError('the configuration is not joint');
  return configurationOf(conf.voters, [...conf.learners, ...conf.learnersNext]);
}

/**
 * The configuration after a change: simple for one operation that moves at most one voter, joint for more.
 * @throws ConfigurationError when the change makes no sense here; the caller treats the entry as having no effect
 */
export function changeConfiguration(conf: Configuration, change: ConfChange): Configuration {
  if (change.length === 0) return leaveJoint(conf);
  if (isJoint(conf)) {
    throw new ConfigurationError('a joint configuration must be left before the next change');
  }
  const outgoing = change.length > 1 ? new Set(conf.voters) : new Set<PeerId>();
  const draft: Draft = {
    voters: new Set(conf.voters),
    learners: new Set(conf.learners),
    learnersNext: new Set(),
  };
  for (const operation of change) applyOperation(draft, outgoing, operation);
  if (draft.voters.size === 0) {
    throw new ConfigurationError('the change would leave the group without a voter');
  }
  return {
    voters: draft.voters,
    outgoing,
    learners: draft.learners,
    learnersNext: draft.learnersNext,
  };
}
