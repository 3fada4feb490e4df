import type { AddressRange, Logger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import { LOCK_WAIT_SECONDS } from '../limits.ts';
import { StaleFlows } from '../model/stale-flows.ts';
import type { Backend, CommandRunner, ProxyServicePort } from '../ports.ts';
import { jumps } from './base-rules.ts';
import { isOwnChain } from './chains.ts';
import { compile } from './compile.ts';
import { cleanupText, type KernelTable, parseSaved, type Ruleset, restoreText } from './ruleset.ts';

export interface IptablesOptions {
  readonly commands: CommandRunner;
  readonly clusterCidr: string;
  readonly log: Logger;
  /** Load balancer addresses that nodes hold themselves. */
  readonly heldRanges?: readonly AddressRange[];
}

const TABLES = ['filter', 'nat'] as const;
type TableName = (typeof TABLES)[number];
type Kernel = Record<TableName, KernelTable>;

/** `--random-fully` came with 1.6.2. */
function knowsRandomFully(version: string): boolean {
  const [, major = '0', minor = '0', patch = '0'] = /v(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const [a, b, c] = [Number(major), Number(minor), Number(patch)];
  return a > 1 || (a === 1 && (b > 6 || (b === 6 && c >= 2)));
}

/** Loads rules into the kernel with `iptables-restore`: one atomic load a table, of the chains that changed. */
export class IptablesBackend implements Backend {
  readonly mode = 'iptables';
  readonly #options: IptablesOptions;
  readonly #flows: StaleFlows;
  #randomFully: boolean | undefined;
  /** What the kernel holds since the last load; undefined when that is not known. */
  #kernel: Kernel | undefined;
  #loaded: Ruleset | undefined;

  constructor(options: IptablesOptions) {
    this.#options = options;
    this.#flows = new StaleFlows(options.commands, options.log);
  }

  /** Whether the machine and our rights allow this mode. */
  static async usable(commands: CommandRunner): Promise<boolean> {
    try {
      for (const table of TABLES) await commands.run('iptables-save', ['-t', table]);
      await commands.run('iptables-restore', ['--noflush', '--test'], '*nat\nCOMMIT\n');
      return true;
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  }

  async apply(ports: readonly ProxyServicePort[], full: boolean): Promise<void> {
    const rules = compile(ports, {
      clusterCidr: this.#options.clusterCidr,
      randomFully: await this.#canRandomFully(),
      heldRanges: this.#options.heldRanges ?? [],
    });
    const kernel = (full ? undefined : this.#kernel) ?? (await this.#readKernel());
    const loaded = this.#loaded;
    const text = TABLES.map((table) =>
      restoreText({
        table,
        rules: rules[table],
        kernel: kernel[table],
        jumps,
        loaded: loaded?.[table],
      }),
    ).join('');
    if (text !== '') await this.#load(text, rules);
    this.#loaded = rules;
    await this.#flows.follow(ports);
  }

  async cleanup(): Promise<void> {
    const kernel = await this.#readKernel();
    const text = TABLES.map((table) => cleanupText(table, kernel[table])).join('');
    await this.#restore(text);
    this.#kernel = undefined;
    this.#loaded = undefined;
  }

  async #load(text: string, rules: Ruleset): Promise<void> {
    // Until the load is known to have worked nothing is known of the kernel.
    this.#kernel = undefined;
    this.#loaded = undefined;
    await this.#restore(text);
    const after = (table: TableName): KernelTable => ({
      chains: new Map(
        rules[table].chains().map((chain) => [chain, rules[table].rulesOf(chain).length]),
      ),
      jumps: jumpLines(table),
      late: new Set(),
    });
    this.#kernel = { filter: after('filter'), nat: after('nat') };
  }

  async #restore(text: string): Promise<void> {
    const args = ['--noflush', '-w', String(LOCK_WAIT_SECONDS)];
    await this.#options.commands.run('iptables-restore', args, text);
  }

  async #readKernel(): Promise<Kernel> {
    const read = async (table: TableName): Promise<KernelTable> =>
      parseSaved(await this.#options.commands.run('iptables-save', ['-t', table]), isOwnChain);
    return { filter: await read('filter'), nat: await read('nat') };
  }

  async #canRandomFully(): Promise<boolean> {
    this.#randomFully ??= knowsRandomFully(
      await this.#options.commands.run('iptables', ['--version']),
    );
    return this.#randomFully;
  }
}

/** Our jumps as `iptables-save` would show them, as far as comparing needs it. */
function jumpLines(table: TableName): string[] {
  return jumps
    .filter((jump) => jump.table === table)
    .map(({ from, to, match }) => `-A ${from} ${match} -j ${to}`);
}
