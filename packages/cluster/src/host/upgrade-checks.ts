/** What must hold before a host's processes are started again from another release. */
import { ConfigError } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { ask } from '../join/rest.ts';
import type { StoreMember, StoreMembers } from './members.ts';
import { type HostSettings, hostPorts, masterAddresses } from './settings.ts';

interface Line {
  readonly major: number;
  readonly minor: number;
}

function lineOf(release: string): Line {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return { major, minor };
}

const isOlder = (one: Line, other: Line): boolean =>
  one.major < other.major || (one.major === other.major && one.minor < other.minor);

/**
 * The store and the API's objects are not taken back to an earlier form, and a release knows how to go on from the one before it
 * only (Kubernetes' version skew policy: apiservers of a cluster differ by one minor release).
 * @throws ConfigError that says which release to install
 */
export function checkStep(from: string, to: string): void {
  const [before, after] = [lineOf(from), lineOf(to)];
  if (isOlder(after, before)) {
    throw new ConfigError(
      `this is kubets ${to}, the cluster runs ${from}: releases only go forward; install ${before.major}.${before.minor} here`,
    );
  }
  const next = before.minor + 1;
  if (after.major === before.major && after.minor > next) {
    throw new ConfigError(
      `this is kubets ${to}, the cluster runs ${from}: one minor release after the other; install ${before.major}.${next} first, on every host`,
    );
  }
}

const RELEASE = /\+kubets-([0-9.]+)/;

/**
 * A kubelet must not be newer than the apiservers it talks to (Kubernetes' version skew policy). Masters that do not answer, or do
 * not say, are no reason to stay behind.
 * @throws ConfigError that names the master to upgrade first
 */
export async function checkMastersFirst(
  host: HostSettings,
  o: { readonly own: string; readonly ca: string; readonly port?: number },
): Promise<void> {
  const { own, ca, port = hostPorts.api } = o;
  for (const address of masterAddresses(host)) {
    const answer = await ask({ host: address, port, ca }, '/version').catch(() => undefined);
    const { gitVersion = '' } = (answer?.body ?? {}) as { gitVersion?: string };
    const release = RELEASE.exec(gitVersion)?.[1];
    if (release === undefined || !isOlder(lineOf(release), lineOf(own))) continue;
    throw new ConfigError(
      `the master at ${address} runs kubets ${release}, this is ${own}: masters first; "kubets upgrade" there, then here`,
    );
  }
}

/** As `kubets etcd member list` shows it: one that never ran has no name. */
const shownName = ({ name, ID }: StoreMember): string => name || BigInt(ID).toString(16);

/** With two members neither can be missed, whatever is done; from three on one can. */
const SMALLEST_TOLERANT = 3;

/**
 * While this host's member is started again the others must be a majority.
 * @throws StartError that names the members that are away
 */
export async function checkMajority(
  members: Pick<StoreMembers, 'list' | 'answers'>,
  own: { readonly name: string },
): Promise<void> {
  const voters = (await members.list()).filter((one) => !one.isLearner);
  if (voters.length < SMALLEST_TOLERANT) return;
  const others = voters.filter((one) => one.name !== own.name);
  const answers = await Promise.all(others.map((one) => members.answers(one)));
  const away = others.filter((_one, i) => answers[i] !== true).map(shownName);
  if (others.length - away.length > voters.length / 2) return;
  throw new StartError(
    `without ${away.join(' and ')}, which ${away.length === 1 ? 'does' : 'do'} not answer, the store has no majority while this host is started again; ` +
      `bring that back first, or take it out: "kubets etcd member remove ${away[0]}"`,
  );
}
