import type { Service } from '@kubets/api';
import { type AddressRange, errorMessage, type Logger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import { ANNOUNCE_COUNT, ANNOUNCE_LIMIT_SECONDS, MAX_ANNOUNCERS } from '../limits.ts';
import type { CommandRunner } from '../ports.ts';
import {
  difference,
  heldAddresses,
  isOwnLabel,
  type Link,
  labelOf,
  linksFor,
  parseAddresses,
} from './decide.ts';

export interface AnnouncerOptions {
  readonly commands: CommandRunner;
  readonly nodeName: string;
  /** The node's address; '' if that is not known. */
  readonly nodeIp: string;
  readonly ranges: readonly AddressRange[];
  /** The networks this machine is on now. */
  readonly links: () => readonly Link[];
  readonly log: Logger;
}

/** Programs that send a gratuitous ARP, each understanding the same words. */
const ARPINGS: readonly (readonly [string, ...string[]])[] = [['arping'], ['busybox', 'arping']];

/**
 * Makes this node answer for load balancer addresses: they are put on `lo`, where the kernel answers ARP for them on every network
 * and the rules of the proxy take their traffic; and neighbours are told, so that they forget who had them before.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #label: string;
  /** Held since the last look at the kernel; undefined: to be looked at. */
  #present: string[] | undefined;
  readonly #telling = new Set<string>();
  #told: Promise<void> = Promise.resolve();
  #saidMissing = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#label = labelOf(options.nodeName);
  }

  /**
   * Brings the addresses in step with the services.
   * @param full look at the kernel first, in case somebody else changed it
   * @throws CommandError when the kernel refuses
   */
  async apply(services: readonly Service[], full: boolean): Promise<void> {
    const { nodeName, ranges, log } = this.#options;
    const wanted = heldAddresses(services, nodeName, ranges);
    const present = (full ? undefined : this.#present) ?? (await this.#read());
    const { add, remove } = difference(wanted, present);
    if (add.length + remove.length === 0) {
      this.#present = present;
      return;
    }
    // Until all of it is done nothing is known of the kernel.
    this.#present = undefined;
    for (const address of remove) await this.#change('del', address, this.#label);
    for (const address of add) await this.#change('add', address, this.#label);
    this.#present = wanted;
    log.info({ add, remove }, 'load balancer addresses');
    this.#tell(add);
  }

  /** Resolves when neighbours were told everything. */
  whenTold(): Promise<void> {
    return this.#told;
  }

  /** Takes away the addresses of this node. */
  async cleanup(): Promise<void> {
    await this.#told;
    for (const address of await this.#read()) await this.#change('del', address, this.#label);
    this.#present = [];
  }

  /** Takes away the addresses of every node this machine ever was. */
  static async cleanupAll(commands: CommandRunner): Promise<void> {
    const text = await commands.run('ip', ['-o', '-4', 'addr', 'show', 'dev', 'lo']);
    for (const { address, label } of parseAddresses(text).filter((one) => isOwnLabel(one.label))) {
      await commands.run('ip', changeArgs('del', address, label));
    }
  }

  async #read(): Promise<string[]> {
    const text = await this.#options.commands.run('ip', ['-o', '-4', 'addr', 'show', 'dev', 'lo']);
    return parseAddresses(text)
      .filter(({ label }) => label === this.#label)
      .map(({ address }) => address);
  }

  async #change(verb: 'add' | 'del', address: string, label: string): Promise<void> {
    await this.#options.commands.run('ip', changeArgs(verb, address, label));
  }

  /** In the background: an address works for newcomers at once, and rules must not wait for neighbours. */
  #tell(addresses: readonly string[]): void {
    for (const address of addresses) this.#telling.add(address);
    this.#told = this.#told.then(() => this.#tellAll());
  }

  async #tellAll(): Promise<void> {
    while (this.#telling.size > 0) {
      const some = [...this.#telling].slice(0, MAX_ANNOUNCERS);
      for (const address of some) this.#telling.delete(address);
      // Given up meanwhile: to tell it now would take it from whoever has it.
      const held = some.filter((address) => this.#present?.includes(address) === true);
      await Promise.all(held.map((address) => this.#announce(address)));
    }
  }

  async #announce(address: string): Promise<void> {
    const { links, nodeIp, log } = this.#options;
    for (const link of linksFor(address, links(), nodeIp)) {
      const words = ['-U', '-c', `${ANNOUNCE_COUNT}`, '-w', `${ANNOUNCE_LIMIT_SECONDS}`];
      try {
        await this.#arping([...words, '-I', link, address]);
      } catch (error) {
        if (this.#saidMissing) continue;
        this.#saidMissing = true;
        log.warn(
          { address, link, problem: errorMessage(error) },
          'neighbours cannot be told that an address has moved here; they notice by themselves within a minute (install arping)',
        );
      }
    }
  }

  async #arping(args: readonly string[]): Promise<void> {
    let missing: unknown;
    for (const [program, ...first] of ARPINGS) {
      try {
        await this.#options.commands.run(program, [...first, ...args]);
        return;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        missing = error;
      }
    }
    throw missing;
  }
}

const changeArgs = (verb: 'add' | 'del', address: string, label: string): string[] => [
  'addr',
  verb,
  `${address}/32`,
  'dev',
  'lo',
  'label',
  label,
];
