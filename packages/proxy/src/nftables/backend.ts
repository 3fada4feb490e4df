import type { AddressRange, Logger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import { StaleFlows } from '../model/stale-flows.ts';
import type { Backend, CommandRunner, ProxyServicePort } from '../ports.ts';
import { compileNft } from './compile.ts';
import {
  census,
  changeScript,
  type NftTable,
  parseListed,
  replaceScript,
  sameCensus,
  TABLE,
} from './ruleset.ts';

export interface NftablesOptions {
  readonly commands: CommandRunner;
  readonly clusterCidr: string;
  readonly log: Logger;
  /** Load balancer addresses that nodes hold themselves. */
  readonly heldRanges?: readonly AddressRange[];
}

/** Uses every feature the table needs, so that a kernel or program without one is noticed before anything is changed. */
const PROBE = `add table ip kube-proxy-probe
add map ip kube-proxy-probe m { type ipv4_addr . inet_proto . inet_service : verdict; }
add chain ip kube-proxy-probe c
add rule ip kube-proxy-probe c fib daddr type local ip daddr . meta l4proto . th dport vmap @m
add rule ip kube-proxy-probe c numgen random mod 1 vmap { 0 : return }
`;

/** Loads rules into the kernel with `nft`: one transaction, of what changed. */
export class NftablesBackend implements Backend {
  readonly mode = 'nftables';
  readonly #options: NftablesOptions;
  readonly #flows: StaleFlows;
  /** What the kernel holds since the last load; undefined when that is not known. */
  #loaded: NftTable | undefined;

  constructor(options: NftablesOptions) {
    this.#options = options;
    this.#flows = new StaleFlows(options.commands, options.log);
  }

  /** Whether the machine and our rights allow this mode. */
  static async usable(commands: CommandRunner): Promise<boolean> {
    try {
      await commands.run('nft', ['--check', '-f', '-'], PROBE);
      return true;
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  }

  async apply(ports: readonly ProxyServicePort[], full: boolean): Promise<void> {
    const { clusterCidr, heldRanges = [] } = this.#options;
    const wanted = compileNft(ports, { clusterCidr, heldRanges });
    const loaded = full ? await this.#confirmed() : this.#loaded;
    const script = loaded === undefined ? replaceScript(wanted) : changeScript(wanted, loaded);
    if (script !== '') {
      // Until the load is known to have worked nothing is known of the kernel.
      this.#loaded = undefined;
      await this.#options.commands.run('nft', ['-f', '-'], script);
    }
    this.#loaded = wanted;
    await this.#flows.follow(ports);
  }

  async cleanup(): Promise<void> {
    // Added first, since deleting what is not there is an error.
    await this.#options.commands.run(
      'nft',
      ['-f', '-'],
      `add table ${TABLE}\ndelete table ${TABLE}\n`,
    );
    this.#loaded = undefined;
  }

  /** What was loaded last, if the kernel still looks like it. */
  async #confirmed(): Promise<NftTable | undefined> {
    if (this.#loaded === undefined) return undefined;
    try {
      const text = await this.#options.commands.run('nft', [
        '-j',
        'list',
        'table',
        ...TABLE.split(' '),
      ]);
      return sameCensus(parseListed(text), census(this.#loaded)) ? this.#loaded : undefined;
    } catch (error) {
      // Somebody deleted the table.
      if (error instanceof CommandError) return undefined;
      throw error;
    }
  }
}
