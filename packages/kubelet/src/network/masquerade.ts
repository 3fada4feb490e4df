/** Pods that speak to the world outside the cluster do so with their node's address. Pure. */

/** The chain of one node; several nodes may live on one machine. @param bridge the node's bridge */
export const masqueradeChain = (bridge: string): string => `KUBETS-MASQ-${bridge.slice(-10)}`;

export interface MasqueradeFacts {
  readonly chain: string;
  /** This node's pods. */
  readonly podCidr: string;
  /** All pods: between them addresses stay as they are. */
  readonly clusterCidr: string;
}

const MULTICAST = '224.0.0.0/4';

/** The chain, for `iptables-restore --noflush`: what it held before is replaced at once. */
export function masqueradeRules({ chain, podCidr, clusterCidr }: MasqueradeFacts): string {
  const rule = (words: string): string => `-A ${chain} ${words}`;
  return [
    '*nat',
    `:${chain} - [0:0]`,
    rule(`! -s ${podCidr} -j RETURN`),
    rule(`-d ${clusterCidr} -j RETURN`),
    rule(`-d ${MULTICAST} -j RETURN`),
    rule('-j MASQUERADE --random-fully'),
    'COMMIT',
    '',
  ].join('\n');
}

/** The words after `iptables -t nat -C|-A|-D` that lead into the chain. */
export const masqueradeJump = (chain: string): readonly string[] => [
  'POSTROUTING',
  ...['-m', 'comment', '--comment', 'pods outwards', '-j', chain],
];
