/** A joining master's member of the store: added without a vote, given one when it has everything, taken back when the join fails. */
import { ConfigError, delay, errorMessage, systemClock } from '@kubets/platform';
import { LateError, StartError } from '../../errors.ts';
import { readIfThere, writeAtomic } from '../../files.ts';
import { type StoreMember, StoreMembers, storeTls } from '../../host/members.ts';
import { type HostSettings, hostPorts } from '../../host/settings.ts';
import { nowMs } from '../../host/store.ts';
import { limits } from '../../limits.ts';
import type { ClusterPaths } from '../../paths.ts';
import type { Io } from '../io.ts';

const peerUrlOf = (host: HostSettings): string => `https://${host.address}:${hostPorts.etcdPeer}`;

/** The store as the masters there were before this host see it. */
async function withMembers<T>(
  paths: ClusterPaths,
  host: HostSettings,
  work: (members: StoreMembers) => Promise<T>,
): Promise<T> {
  const others = host.masters.filter((one) => one.name !== host.name);
  const endpoints = others.map((one) => `https://${one.address}:${hostPorts.etcdClient}`);
  const members = new StoreMembers(endpoints, storeTls(paths.pki), nowMs);
  try {
    return await work(members);
  } finally {
    members.close();
  }
}

/** A member that never ran is what an interrupted join has left; any other is somebody's. */
async function addOrFind(members: StoreMembers, peerUrl: string) {
  const all = await members.list();
  const there = all.find((one) => one.peerURLs.includes(peerUrl));
  if (there === undefined) return members.addLearner(peerUrl);
  if (there.name === '' && there.isLearner) return { id: there.ID, members: all };
  // As `kubets etcd member list` shows it.
  const who = there.name || BigInt(there.ID).toString(16);
  throw new ConfigError(
    `the store has a member at this host’s address already, ${who}; take it out with "kubets etcd member remove ${who}" on another master, then join again`,
  );
}

const named = (one: StoreMember, id: string, host: HostSettings): string =>
  `${one.ID === id ? host.name : one.name}=${one.peerURLs[0] ?? ''}`;

/** @returns the settings with what this host's member starts with the first time */
export function addToStore(paths: ClusterPaths, host: HostSettings): Promise<HostSettings> {
  return withMembers(paths, host, async (members) => {
    const added = await addOrFind(members, peerUrlOf(host));
    writeAtomic(paths.joining, added.id);
    const all = added.members.map((one) => named(one, added.id, host));
    return { ...host, store: { state: 'existing', members: all } };
  });
}

/** One try. @returns what stands in the way; undefined: it has its vote */
async function promoteOnce(members: StoreMembers, id: string): Promise<string | undefined> {
  const own = (await members.list()).find((one) => one.ID === id);
  if (own === undefined) throw new StartError('this host’s member was taken out of the store');
  if (!own.isLearner) return undefined;
  try {
    await members.promote(id);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/**
 * Votes only once it has the whole store: a member that is behind must not count in a majority. Does nothing where it has
 * its vote.
 * @throws LateError after `timeoutMs`
 */
export function promoteInStore(
  paths: ClusterPaths,
  host: HostSettings,
  { io, timeoutMs }: { readonly io: Io; readonly timeoutMs: number },
): Promise<void> {
  const id = readIfThere(paths.joining) ?? '';
  const endMs = systemClock.monotonicMs() + timeoutMs;
  return withMembers(paths, host, async (members) => {
    for (;;) {
      const problem = await promoteOnce(members, id);
      if (problem === undefined) return;
      if (systemClock.monotonicMs() > endMs) {
        throw new LateError(
          `this host’s copy of the store is not complete in time: ${problem}; do the other masters reach its port ${hostPorts.etcdPeer}? (log: ${paths.log('etcd')})`,
        );
      }
      await delay(limits.probeIntervalMs, { signal: io.signal });
    }
  });
}

/** Takes back what {@link addToStore} did; does nothing where it did nothing. */
export async function takeOutOfStore(paths: ClusterPaths, host: HostSettings, io: Io) {
  const id = readIfThere(paths.joining) ?? '';
  if (id === '') return;
  try {
    await withMembers(paths, host, (members) => members.remove(id));
  } catch (error) {
    io.err(
      `this host’s member may be left in the store (${errorMessage(error)}); on another master: "kubets etcd member list", and "kubets etcd member remove" if it is there\n`,
    );
  }
}
