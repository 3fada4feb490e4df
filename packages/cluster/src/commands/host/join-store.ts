/** A joining master's member of the store: added without a vote, given one when it has everything, taken back when the join fails. */
import { ConfigError, delay, errorMessage, systemClock } from '@kubets/platform';
import { LateError, StartError } from '../../errors.ts';
import { readIfThere, writeAtomic } from '../../files.ts';
import { type StoreMember, StoreMembers, storeTls } from '../../host/members.ts';
import { type HostSettings, hostPorts, type MasterAddress } from '../../host/settings.ts';
import { nowMs } from '../../host/store.ts';
import { limits } from '../../limits.ts';
import type { ClusterPaths } from '../../paths.ts';
import type { Io } from '../io.ts';

const peerUrlOf = (host: HostSettings): string => `https://${host.address}:${hostPorts.etcdPeer}`;

/** The store as other masters than this host see it. */
async function withMembers<T>(
  paths: ClusterPaths,
  others: readonly MasterAddress[],
  work: (members: StoreMembers) => Promise<T>,
): Promise<T> {
  const endpoints = others.map((one) => `https://${one.address}:${hostPorts.etcdClient}`);
  const members = new StoreMembers(endpoints, storeTls(paths.pki), nowMs);
  try {
    return await work(members);
  } finally {
    members.close();
  }
}

const othersThan = (host: HostSettings): MasterAddress[] =>
  host.masters.filter((one) => one.name !== host.name);

/** What an interrupted join is taken back by, also by a reset that finds no settings yet. */
interface Joining {
  /** Names this host's member, which has no other name until it has run. */
  readonly peerUrl: string;
  readonly others: readonly MasterAddress[];
}

/** Written before the member is there: whatever ends this process, somebody knows where to look for it. */
const remember = (paths: ClusterPaths, joining: Joining): void =>
  writeAtomic(paths.joining, JSON.stringify(joining));

/** A member that never ran is what an interrupted join has left; any other is somebody's. */
async function addOrFind(members: StoreMembers, host: HostSettings, beforeAdding: () => void) {
  const peerUrl = peerUrlOf(host);
  const all = await members.list();
  const there = all.find((one) => one.peerURLs.includes(peerUrl));
  if (all.some((one) => one.name === host.name && one !== there)) {
    throw new ConfigError(
      `the cluster has a master called ${host.name}; name this host with --name, or if that one is gone: "kubets etcd member remove ${host.name}" on another master`,
    );
  }
  if (there === undefined) {
    beforeAdding();
    return members.addLearner(peerUrl);
  }
  if (there.name === '' && there.isLearner) {
    beforeAdding();
    return { id: there.ID, members: all };
  }
  // As `kubets etcd member list` shows it.
  const who = there.name || BigInt(there.ID).toString(16);
  throw new ConfigError(
    `the store has a member at this host’s address already, ${who}; take it out with "kubets etcd member remove ${who}" on another master, then join again`,
  );
}

const named = (one: StoreMember, id: string, host: HostSettings): string =>
  `${one.ID === id ? host.name : one.name}=${one.peerURLs[0] ?? ''}`;

/**
 * @param masters those of before; one of this host's name may be an earlier life of it
 * @returns the settings with what this host's member starts with the first time
 */
export function addToStore(
  paths: ClusterPaths,
  host: HostSettings,
  masters: readonly MasterAddress[],
): Promise<HostSettings> {
  const others = masters.filter((one) => one.address !== host.address);
  return withMembers(paths, others, async (members) => {
    const joining = { peerUrl: peerUrlOf(host), others };
    const added = await addOrFind(members, host, () => remember(paths, joining));
    const all = added.members.map((one) => named(one, added.id, host));
    return { ...host, store: { state: 'existing', members: all } };
  });
}

/** One try. @returns what stands in the way, or all members once this one has its vote */
async function promoteOnce(members: StoreMembers, peerUrl: string) {
  const all = await members.list();
  const own = all.find((one) => one.peerURLs.includes(peerUrl));
  if (own === undefined) throw new StartError('this host’s member was taken out of the store');
  if (!own.isLearner) return all;
  try {
    await members.promote(own.ID);
    return all;
  } catch (error) {
    return errorMessage(error);
  }
}

/**
 * Votes only once it has the whole store: a member that is behind must not count in a majority. Does nothing where it has
 * its vote.
 * @returns the names of all members
 * @throws LateError after `timeoutMs`
 */
export function promoteInStore(
  paths: ClusterPaths,
  host: HostSettings,
  { io, timeoutMs }: { readonly io: Io; readonly timeoutMs: number },
): Promise<string[]> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  return withMembers(paths, othersThan(host), async (members) => {
    for (;;) {
      const done = await promoteOnce(members, peerUrlOf(host));
      if (typeof done !== 'string') return done.map((one) => one.name);
      if (systemClock.monotonicMs() > endMs) {
        throw new LateError(
          `this host’s copy of the store is not complete in time: ${done}; do the other masters reach its port ${hostPorts.etcdPeer}? (log: ${paths.log('etcd')})`,
        );
      }
      await delay(limits.probeIntervalMs, { signal: io.signal });
    }
  });
}

/** Takes back what {@link addToStore} did, with or without settings of this host; does nothing where it did nothing. */
export async function takeOutOfStore(paths: ClusterPaths, io: Io): Promise<void> {
  const text = readIfThere(paths.joining) ?? '';
  if (text === '') return;
  try {
    const { peerUrl, others } = JSON.parse(text) as Joining;
    await withMembers(paths, others, async (members) => {
      const own = (await members.list()).find((one) => one.peerURLs.includes(peerUrl));
      if (own !== undefined) await members.remove(own.ID);
    });
  } catch (error) {
    io.err(
      `this host’s member may be left in the store (${errorMessage(error)}); on another master: "kubets etcd member list", and "kubets etcd member remove" if it is there\n`,
    );
  }
}
