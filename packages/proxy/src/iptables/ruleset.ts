/** A table's chains and rules under construction, and its text for `iptables-restore`. */

/** Collects rules chain by chain; the order of chains is the order they were first named in. */
export class TableRules {
  readonly #chains = new Map<string, string[]>();

  /** Makes a chain, empty if need be. */
  chain(name: string): this {
    if (!this.#chains.has(name)) this.#chains.set(name, []);
    return this;
  }

  has(name: string): boolean {
    return this.#chains.has(name);
  }

  /** Appends a rule, given in the words of the command line. */
  add(chain: string, ...words: readonly string[]): void {
    this.chain(chain).#chains.get(chain)?.push(words.join(' '));
  }

  chains(): string[] {
    return [...this.#chains.keys()];
  }

  rules(): string[] {
    return [...this.#chains].flatMap(([chain, rules]) =>
      rules.map((rule) => `-A ${chain} ${rule}`),
    );
  }
}

/** Everything to be in force. */
export interface Ruleset {
  readonly filter: TableRules;
  readonly nat: TableRules;
}

/** A comment as a match. Quotes cannot occur in names of objects. */
export function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

/** Where a built-in chain leads into ours. */
export interface Jump {
  readonly table: 'filter' | 'nat';
  readonly from: string;
  readonly to: string;
  /** Matches before the jump. */
  readonly match: string;
}

/** What is in the kernel, as far as it concerns us. */
export interface KernelTable {
  /** Our chains. */
  readonly chains: ReadonlySet<string>;
  /** Rules of built-in chains that lead into ours, as `iptables-save` prints them. */
  readonly jumps: readonly string[];
}

/** Reads the output of `iptables-save -t TABLE`. */
export function parseSaved(text: string, isOwn: (chain: string) => boolean): KernelTable {
  const chains = new Set<string>();
  const jumps: string[] = [];
  for (const line of text.split('\n')) {
    const chain = /^:(\S+) /.exec(line)?.[1];
    if (chain !== undefined && isOwn(chain)) chains.add(chain);
    const rule = /^-A (\S+) (?:.* )?-j (\S+)$/.exec(line);
    const [, from = '', to = ''] = rule ?? [];
    if (rule !== null && isOwn(to) && !isOwn(from)) jumps.push(line);
  }
  return { chains, jumps };
}

const JUMP_END = / -j (\S+)$/;

function isThere(jump: Jump, kernel: KernelTable): boolean {
  return kernel.jumps.some(
    (line) => line.startsWith(`-A ${jump.from} `) && JUMP_END.exec(line)?.[1] === jump.to,
  );
}

/**
 * The input that makes one table hold exactly these rules in our chains, in one step: our chains are emptied and
 * filled, those no longer wanted are deleted, jumps that are missing are put first in their chains.
 */
export function restoreText(
  table: 'filter' | 'nat',
  rules: TableRules,
  kernel: KernelTable,
  jumps: readonly Jump[],
): string {
  const gone = [...kernel.chains].filter((chain) => !rules.has(chain)).sort();
  const missing = jumps.filter((jump) => jump.table === table && !isThere(jump, kernel));
  const lines = [
    `*${table}`,
    ...[...rules.chains(), ...gone].map((chain) => `:${chain} - [0:0]`),
    ...missing.toReversed().map(({ from, to, match }) => `-I ${from} 1 ${match} -j ${to}`),
    ...rules.rules(),
    ...gone.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

/** The input that takes everything of ours out of one table. */
export function cleanupText(table: 'filter' | 'nat', kernel: KernelTable): string {
  const chains = [...kernel.chains].sort();
  const lines = [
    `*${table}`,
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...kernel.jumps.map((line) => line.replace(/^-A /, '-D ')),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}
