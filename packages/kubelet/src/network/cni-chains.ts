/**
 * Chains that the CNI plugins `portmap` and `firewall` make at their first pod and keep for ever, shared by everybody on the machine
 * who uses these plugins. Pure.
 */

/** A chain may go when it holds no rules but these. The plugins make it anew with their next pod. */
interface Group {
  readonly table: 'nat' | 'filter';
  /** All of them go, or none. */
  readonly chains: readonly string[];
  /** Those in which each pod has rules, and how many there are without any pod. */
  readonly perPod: Readonly<Record<string, number>>;
}

const GROUPS: readonly Group[] = [
  {
    table: 'nat',
    chains: ['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-MASQ', 'CNI-HOSTPORT-SETMARK'],
    perPod: { 'CNI-HOSTPORT-DNAT': 0 },
  },
  // One rule leads into the chain that is the administrator's.
  {
    table: 'filter',
    chains: ['CNI-FORWARD', 'CNI-ADMIN'],
    perPod: { 'CNI-FORWARD': 1, 'CNI-ADMIN': 0 },
  },
];

export const CNI_TABLES = ['nat', 'filter'] as const;

function removalOf({ chains, perPod }: Group, lines: readonly string[]): string[] {
  const present = chains.filter((chain) => lines.some((line) => line.startsWith(`:${chain} `)));
  const rulesOf = (chain: string) => lines.filter((line) => line.startsWith(`-A ${chain} `));
  const isUsed = Object.entries(perPod).some(([chain, own]) => rulesOf(chain).length > own);
  if (isUsed) return [];
  const into = lines.filter((line) =>
    present.some((chain) => line.startsWith('-A ') && line.endsWith(` -j ${chain}`)),
  );
  return [
    ...into.map((line) => line.replace(/^-A /, '-D ')),
    ...present.map((chain) => `-F ${chain}`),
    ...present.map((chain) => `-X ${chain}`),
  ];
}

/**
 * What takes away the plugins' chains of a table once no pod of anybody has rules in them.
 * @param saved what `iptables-save -t TABLE` says
 * @returns text for `iptables-restore --noflush`; '' when there is nothing to take away
 */
export function unusedCniChains(table: (typeof CNI_TABLES)[number], saved: string): string {
  const lines = saved.split('\n').map((line) => line.trim());
  const all = GROUPS.filter((group) => group.table === table);
  const removal = all.flatMap((group) => removalOf(group, lines));
  return removal.length === 0 ? '' : [`*${table}`, ...removal, 'COMMIT', ''].join('\n');
}
