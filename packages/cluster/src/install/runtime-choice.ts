/** Which container runtime a new cluster gets. Pure: facts in, choice out. */
import type { Runtime } from '../plan/settings.ts';

/** What is true of this machine. */
export interface MachineFacts {
  readonly isRoot: boolean;
  readonly isDebianLike: boolean;
  /** Programs that are missing for real containers; empty when all are there. */
  readonly missing: readonly string[];
}

export type RuntimeChoice =
  | { readonly action: 'use'; readonly runtime: Runtime; readonly banner?: string }
  | { readonly action: 'install'; readonly packages: readonly string[] }
  | { readonly action: 'refuse'; readonly why: string };

export const PACKAGES = ['containerd', 'containernetworking-plugins', 'iptables'] as const;

const INSTALL_LINE = `apt-get install ${PACKAGES.join(' ')}`;

const banner = (why: string): string =>
  `SIMULATED CONTAINERS: ${why}. Pods are scheduled and report status, but nothing runs in them. ` +
  `For real containers: as root on Debian or Ubuntu, ${INSTALL_LINE}, then start with another --data-dir.`;

function whyNotReal(facts: MachineFacts): string {
  if (!facts.isRoot) return 'real containers need root';
  return `not installed here: ${facts.missing.join(', ')}`;
}

/** Decides from the wish, the machine and whether installing is allowed. */
export function chooseRuntime(
  wish: Runtime | 'auto',
  facts: MachineFacts,
  mayInstall: boolean,
): RuntimeChoice {
  if (wish === 'simulated') return { action: 'use', runtime: 'simulated' };
  const complete = facts.isRoot && facts.missing.length === 0;
  if (complete) return { action: 'use', runtime: 'containerd' };
  if (facts.isRoot && facts.isDebianLike && mayInstall) {
    return { action: 'install', packages: PACKAGES };
  }
  const why = whyNotReal(facts);
  if (wish === 'auto') return { action: 'use', runtime: 'simulated', banner: banner(why) };
  const remedy = facts.isRoot ? `run: ${INSTALL_LINE}` : 'run as root';
  return {
    action: 'refuse',
    why: `--runtime containerd is impossible: ${why}; ${remedy}, or use --runtime simulated`,
  };
}
