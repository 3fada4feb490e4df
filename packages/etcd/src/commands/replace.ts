/**
 * `kubets etcd member replace`: one member goes, another comes, and the cluster is never worse off than it has to be.
 *
 * The new one comes as a learner, which does not count for the quorum, until it has caught up. A member that still runs is
 * removed last; one that does not is removed before the new one votes, so that it is never waited for. Run again after it was
 * interrupted it goes on where it was.
 */

import { ConfigError, delay, parseDurationMs } from '@kubets/platform';
import type { Command } from 'commander';
import type { AdminClient } from '../client/admin-client.ts';
import type { ClusterMember } from '../client/types.ts';
import { AmbiguousError, isEtcdError } from '../errors.ts';
import { type ConnectFlags, type Connector, connectorOf, withConnection } from './connect.ts';
import type { Io } from './io.ts';
import { findMember, joinLines } from './members.ts';
import type { Deps } from './snapshot.ts';
import { hex } from './table.ts';

const POLL_MS = 500;

interface ReplaceFlags extends ConnectFlags {
  readonly peerUrls: string;
  readonly name?: string;
  readonly timeout: string;
}

interface Replacement {
  readonly old: ClusterMember;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly connector: Connector;
  readonly io: Io;
  readonly timeoutMs: number;
}

const sameUrls = (a: readonly string[], b: readonly string[]): boolean =>
  [...a].sort().join() === [...b].sort().join();

/**
 * Makes a change of membership, until the members show it: its fate is unknown when the leader it was sent to is lost (the very
 * member that is replaced, maybe), and then it may be made once more.
 * @param isMade whether the members show it
 */
export async function makeSure(
  client: Pick<AdminClient, 'members'>,
  { io, timeoutMs }: { readonly io: Pick<Io, 'clock' | 'signal'>; readonly timeoutMs: number },
  isMade: (members: readonly ClusterMember[]) => boolean,
  make: () => Promise<unknown>,
): Promise<void> {
  const untilMs = io.clock.monotonicMs() + timeoutMs;
  while (!isMade(await client.members())) {
    try {
      await make();
      return;
    } catch (error) {
      if (!(error instanceof AmbiguousError) || io.clock.monotonicMs() > untilMs) throw error;
    }
    await delay(POLL_MS, { clock: io.clock, signal: io.signal });
  }
}

/** Adds the learner, or finds the one an earlier run has added. */
async function learnerOf(client: AdminClient, replacement: Replacement): Promise<ClusterMember> {
  const { peerUrls, old, io, name } = replacement;
  const find = (members: readonly ClusterMember[]): ClusterMember | undefined =>
    members.find((m) => m.id !== old.id && sameUrls(m.peerUrls, peerUrls));
  const before = find(await client.members());
  const add = () => client.addMember(peerUrls, true);
  await makeSure(client, replacement, (members) => find(members) !== undefined, add);
  const member = before ?? find(await client.members());
  if (member === undefined)
    throw new ConfigError('the new member was removed; run this command again');
  if (before === undefined) io.err(`added ${hex(member.id)} as a learner\n`);
  const lines = joinLines(
    name,
    member,
    (await client.members()).filter((m) => m.id !== old.id),
  );
  io.out(`Start the new member now, on an empty data directory, with:\n\n${lines}\n`);
  return member;
}

/** Waits until the learner votes. */
async function promoteInTime(
  client: AdminClient,
  { id }: ClusterMember,
  { io, timeoutMs }: Replacement,
): Promise<void> {
  io.err('waiting until it has caught up …\n');
  const untilMs = io.clock.monotonicMs() + timeoutMs;
  for (;;) {
    const now = (await client.members()).find((member) => member.id === id);
    if (now !== undefined && !now.isLearner) return;
    try {
      // A learner that never said its name has not started.
      if (now?.name) await client.promoteMember(id);
    } catch (error) {
      const retry = isEtcdError(error, 'learnerNotReady') || isEtcdError(error, 'unhealthy');
      if (!retry) throw error;
    }
    if (io.clock.monotonicMs() > untilMs) {
      throw new ConfigError(
        `it has not caught up within --timeout; it stays a learner: see its log, and run this command again`,
      );
    }
    await delay(POLL_MS, { clock: io.clock, signal: io.signal });
  }
}

/** Waits until the learner has caught up, without letting it vote: by its distance to the leader. */
async function caughtUp(
  client: AdminClient,
  { id }: ClusterMember,
  { io, timeoutMs, connector }: Replacement,
): Promise<void> {
  io.err('waiting until it has caught up …\n');
  const untilMs = io.clock.monotonicMs() + timeoutMs;
  for (;;) {
    const now = (await client.members()).find((member) => member.id === id);
    if (now !== undefined && (await connector.isAlive(now.clientUrls))) {
      const own = await connector.run((one) => one.status(), now.clientUrls);
      const rest = await client.status();
      if (own.raftAppliedIndex * 10n >= rest.raftIndex * 9n) return;
    }
    if (io.clock.monotonicMs() > untilMs) {
      throw new ConfigError('it has not caught up within --timeout; run this command again');
    }
    await delay(POLL_MS, { clock: io.clock, signal: io.signal });
  }
}

async function run(client: AdminClient, replacement: Replacement): Promise<void> {
  const { old, connector, io, peerUrls } = replacement;
  const removeOld = async (): Promise<void> => {
    const isGone = (members: readonly ClusterMember[]) => members.every(({ id }) => id !== old.id);
    await makeSure(client, replacement, isGone, () => client.removeMember(old.id));
    io.err(`removed ${hex(old.id)} ${old.name}\n`);
  };
  const alive = await connector.isAlive(old.clientUrls);
  if (sameUrls(old.peerUrls, peerUrls)) {
    if (alive) throw new ConfigError('a member that runs cannot be replaced at its own address');
    await removeOld();
    const fresh = await learnerOf(client, replacement);
    await promoteInTime(client, fresh, replacement);
  } else {
    const fresh = await learnerOf(client, replacement);
    if (alive) await promoteInTime(client, fresh, replacement);
    else await caughtUp(client, fresh, replacement);
    await removeOld();
    if (!alive) await promoteInTime(client, fresh, replacement);
  }
  io.out(`${replacement.name} has taken the place of ${old.name || hex(old.id)}\n`);
}

async function replace(which: string, flags: ReplaceFlags, { io }: Deps): Promise<void> {
  const all = connectorOf(flags, io);
  const timeoutMs = parseDurationMs(flags.timeout);
  if (timeoutMs === undefined)
    throw new ConfigError(`--timeout: "${flags.timeout}" is not such as 10m`);
  const members = await all.run((client) => client.members());
  const old = findMember(members, which);
  const name = flags.name ?? old.name;
  if (name === '') throw new ConfigError('the member has no name: give one with --name');
  const peerUrls = flags.peerUrls.split(',');
  // The member that goes must not be the one who is asked.
  const others = members.filter((m) => m.id !== old.id).flatMap((m) => m.clientUrls);
  if (others.length === 0) throw new ConfigError('it is the only member: add the new one first');
  const replacement = { old, name, peerUrls, connector: all, io, timeoutMs };
  await all.run((client) => run(client, replacement), others);
}

/** Adds `member replace`. */
export function addReplace(member: Command, deps: Deps): void {
  withConnection(member.command('replace <member>'))
    .description(
      'put a new member in the place of one (by id or name): adds it as a learner, says how to start it, waits until it has caught up, lets it vote and removes the old one',
    )
    .requiredOption('--peer-urls <list>', 'where other members will reach the new one')
    .option('--name <name>', 'its name (default: the old one’s)')
    .option('--timeout <duration>', 'how long it may take to start and catch up', '10m')
    .action((which: string, flags: ReplaceFlags) => replace(which, flags, deps));
}
