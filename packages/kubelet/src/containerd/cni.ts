/** The pod network of one node, as a CNI configuration list. Pure, apart from writing the file. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@kubets/platform';

export interface CniOptions {
  /** The node's bridge; at most 15 characters. */
  readonly bridge: string;
  /** The node's own share of the pod range. */
  readonly podCidr: string;
  /** Where address reservations are kept; each node its own. */
  readonly dataDir: string;
  readonly mtu?: number;
  /** Traffic that leaves the node's range gets the node's address here; false: somebody else sees to that. By default true. */
  readonly masquerade?: boolean;
  /** Adds rules that let pod traffic through a FORWARD chain whose policy is DROP (docker's). */
  readonly firewall?: boolean;
}

export const CNI_CONF_FILE = '10-kubets.conflist';

/**
 * Bridge with hairpin (a pod reaches itself through its own Service), addresses from the node's range, host ports. On a node by
 * itself, traffic that leaves its range is masqueraded here; between nodes pods must keep their addresses, so with a pod
 * network that is the network agent's work.
 */
export function cniConf(options: CniOptions): string {
  const bridge = {
    type: 'bridge',
    bridge: options.bridge,
    isGateway: true,
    isDefaultGateway: true,
    // A bridge left over from another range takes the new one's address instead of failing every pod.
    forceAddress: true,
    ipMasq: options.masquerade ?? true,
    hairpinMode: true,
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ipam: {
      type: 'host-local',
      dataDir: options.dataDir,
      ranges: [[{ subnet: options.podCidr }]],
    },
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
  const firewall = { type: 'firewall', backend: 'iptables' };
  const plugins = options.firewall ? [bridge, portmap, firewall] : [bridge, portmap];
  return `${JSON.stringify({ cniVersion: '0.4.0', name: 'kubets', plugins }, null, 2)}\n`;
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Puts the configuration where the runtime looks for it; in one step, and only when it differs. */
export function writeCniConf(confDir: string, text: string): boolean {
  const file = join(confDir, CNI_CONF_FILE);
  if (readOrEmpty(file) === text) return false;
  mkdirSync(confDir, { recursive: true });
  // The runtime watches the folder and would read a half-written file; names without .conf* are ignored.
  const draft = join(confDir, '.kubets-cni.draft');
  writeFileSync(draft, text);
  renameSync(draft, file);
  return true;
}
