/** The network of a node in the Linux kernel, through `ip`, `bridge` and `iptables`. */
import { NetworkFault } from '../errors.ts';
import { CNI_TABLES, unusedCniChains } from './cni-chains.ts';
import { ROUTE_PROTOCOL, VXLAN_ID, VXLAN_OVERHEAD_BYTES, VXLAN_PORT } from './limits.ts';
import { masqueradeChain, masqueradeJump, masqueradeRules } from './masquerade.ts';
import {
  type Difference,
  difference,
  type NetworkPlan,
  type Route,
  type TunnelEnd,
  tunnelAddress,
  tunnelMac,
} from './plan.ts';
import type { Commands, NetworkKernel, OwnEnd } from './ports.ts';

export interface LinuxNetworkOptions {
  readonly commands: Commands;
  /** The node's bridge and tunnel: names of its own. */
  readonly bridge: string;
  readonly device: string;
  readonly clusterCidr: string;
}

/** What of `ip -j` is read. */
interface RouteRow {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}
interface NeighbourRow {
  readonly dst?: string;
  readonly mac?: string;
  readonly lladdr?: string;
  readonly state?: readonly string[] | string;
}
interface LinkRow {
  readonly ifname: string;
  readonly address?: string;
  readonly mtu?: number;
  readonly linkinfo?: { info_kind?: string; info_data?: Record<string, unknown> };
}

export class LinuxNetwork implements NetworkKernel {
  readonly #options: LinuxNetworkOptions;

  constructor(options: LinuxNetworkOptions) {
    this.#options = options;
  }

  async masquerade(podCidr: string): Promise<void> {
    const { commands, bridge, clusterCidr } = this.#options;
    const chain = masqueradeChain(bridge);
    const rules = masqueradeRules({ chain, podCidr, clusterCidr });
    await commands.run('iptables-restore', ['--noflush', '-w', '10'], rules);
    const jump = masqueradeJump(chain);
    const iptables = (verb: string) =>
      commands.run('iptables', ['-w', '10', '-t', 'nat', verb, ...jump]);
    await iptables('-C').catch(() => iptables('-A'));
  }

  async tunnel({ address, podCidr }: OwnEnd): Promise<number> {
    const { device } = this.#options;
    const mtu = (await this.#mtuOf(address)) - VXLAN_OVERHEAD_BYTES;
    const mac = tunnelMac(address);
    const present = await this.#link(device);
    if (present !== undefined && !isOurTunnel(present, address)) {
      await this.#ip('link', 'del', device);
    }
    if (present === undefined || !isOurTunnel(present, address)) {
      const ids = ['id', `${VXLAN_ID}`, 'dstport', `${VXLAN_PORT}`];
      const kind = ['type', 'vxlan', ...ids, 'local', address, 'nolearning'];
      await this.#ip('link', 'add', device, 'address', mac, 'mtu', `${mtu}`, ...kind);
    } else if (present.address !== mac || present.mtu !== mtu) {
      await this.#ip('link', 'set', device, 'address', mac, 'mtu', `${mtu}`);
    }
    await this.#ip('addr', 'replace', `${tunnelAddress(podCidr)}/32`, 'dev', device);
    await this.#ip('link', 'set', device, 'up');
    return mtu;
  }

  async apply(plan: NetworkPlan): Promise<void> {
    if (plan.ends.length > 0 || (await this.#link(this.#options.device)) !== undefined) {
      await this.#applyEnds(plan.ends);
    }
    const present = await this.#routes();
    const { add, remove } = difference(plan.routes, present, ({ to }) => to);
    await this.#batch('ip', [
      ...remove.map(({ to }) => `route del ${to} proto ${ROUTE_PROTOCOL}`),
      ...add.map(routeLine),
    ]);
  }

  async #applyEnds(ends: readonly TunnelEnd[]): Promise<void> {
    const { device } = this.#options;
    const neighbours = difference(
      ends.map(({ address, mac }) => ({ address, mac })),
      await this.#neighbours(),
      ({ address }) => address,
    );
    const at = `dev ${device}`;
    await this.#batch('ip', [
      ...neighbours.remove.map(({ address }) => `neigh del ${address} ${at}`),
      ...neighbours.add.map(
        (one) => `neigh replace ${one.address} lladdr ${one.mac} ${at} nud permanent`,
      ),
    ]);
    const places: Difference<{ mac: string; node: string }> = difference(
      ends.map(({ mac, node }) => ({ mac, node })),
      await this.#places(),
      ({ mac }) => mac,
    );
    await this.#batch('bridge', [
      ...places.remove.map(({ mac, node }) => `fdb del ${mac} ${at} dst ${node} self`),
      ...places.add.map(({ mac, node }) => `fdb replace ${mac} ${at} dst ${node} self permanent`),
    ]);
  }

  async #routes(): Promise<Route[]> {
    const { device } = this.#options;
    const text = await this.#ip('-j', '-4', 'route', 'show', 'proto', `${ROUTE_PROTOCOL}`);
    return rowsOf<RouteRow>(text).map(({ dst, gateway = '', dev }) => ({
      // The kernel leaves the length of a range of one address out.
      to: dst.includes('/') ? dst : `${dst}/32`,
      via: gateway,
      dev: dev === device ? dev : undefined,
    }));
  }

  async #neighbours(): Promise<{ address: string; mac: string }[]> {
    const rows = rowsOf<NeighbourRow>(
      await this.#ip('-j', '-4', 'neigh', 'show', 'dev', this.#options.device, 'nud', 'permanent'),
    );
    return rows.flatMap(({ dst, lladdr }) =>
      dst === undefined || lladdr === undefined ? [] : [{ address: dst, mac: lladdr }],
    );
  }

  async #places(): Promise<{ mac: string; node: string }[]> {
    const { commands, device } = this.#options;
    const text = await commands.run('bridge', ['-j', 'fdb', 'show', 'dev', device]);
    return rowsOf<NeighbourRow>(text).flatMap(({ mac, dst }) =>
      mac === undefined || dst === undefined ? [] : [{ mac, node: dst }],
    );
  }

  async #link(name: string): Promise<LinkRow | undefined> {
    const rows = rowsOf<LinkRow>(await this.#ip('-j', '-d', 'link', 'show', 'type', 'vxlan'));
    return rows.find(({ ifname }) => ifname === name);
  }

  /** The largest packet of the interface that has an address. */
  async #mtuOf(address: string): Promise<number> {
    const rows = rowsOf<LinkRow>(await this.#ip('-j', '-4', 'addr', 'show', 'to', address));
    const mtu = rows.find((row) => row.mtu !== undefined)?.mtu;
    if (mtu === undefined) {
      const next = 'say with --node-ip which address of this machine the other nodes reach';
      throw new NetworkFault(`no interface has the node's address ${address}: ${next}`);
    }
    return mtu;
  }

  #ip(...args: string[]): Promise<string> {
    return this.#options.commands.run('ip', args);
  }

  /** Many changes by one program. One that fails keeps none of the others from being made. */
  async #batch(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const input = `${lines.join('\n')}\n`;
    await this.#options.commands.run(program, ['-force', '-batch', '-'], input);
  }
}

/**
 * Takes everything back that an agent put into the kernel. Routes of other nodes on the same machine go too; their agents put
 * them back at their next round.
 */
export async function removePodNetwork(
  commands: Commands,
  { bridge, device }: { readonly bridge: string; readonly device: string },
): Promise<void> {
  const chain = masqueradeChain(bridge);
  const nat = ['-w', '10', '-t', 'nat'];
  const steps: readonly [string, readonly string[]][] = [
    ['ip', ['-4', 'route', 'flush', 'proto', `${ROUTE_PROTOCOL}`]],
    ['ip', ['link', 'del', device]],
    ['iptables', [...nat, '-D', ...masqueradeJump(chain)]],
    ['iptables', [...nat, '-F', chain]],
    ['iptables', [...nat, '-X', chain]],
  ];
  // Whatever is not there was never made, or is gone already.
  for (const [program, args] of steps) await commands.run(program, args).catch(() => undefined);
  await removeCniChains(commands).catch(() => undefined);
}

/** What the CNI plugins keep when their last pod is gone. */
async function removeCniChains(commands: Commands): Promise<void> {
  for (const table of CNI_TABLES) {
    const text = unusedCniChains(table, await commands.run('iptables-save', ['-t', table]));
    if (text !== '') await commands.run('iptables-restore', ['--noflush', '-w', '10'], text);
  }
}

function routeLine({ to, via, dev }: Route): string {
  const out = dev === undefined ? `via ${via}` : `via ${via} dev ${dev} onlink`;
  return `route replace ${to} ${out} proto ${ROUTE_PROTOCOL}`;
}

/** `ip -j` prints nothing at all, or an empty object, where there is nothing to show. */
function rowsOf<T extends object>(text: string): T[] {
  if (text.trim() === '') return [];
  const rows = JSON.parse(text) as (T | Record<string, never>)[];
  return rows.filter((row): row is T => Object.keys(row).length > 0);
}

function isOurTunnel({ linkinfo }: LinkRow, address: string): boolean {
  const { id, port, local } = linkinfo?.info_data ?? {};
  return id === VXLAN_ID && port === VXLAN_PORT && local === address;
}
