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

  /** The rules of one chain. */
  rulesOf(chain: string): readonly string[] {
    return this.#chains.get(chain) ?? [];
  }

  rules(): string[] {
    return linesOf(this, this.chains());
  }
}

const linesOf = (table: TableRules, chains: readonly string[]): string[] =>
  chains.flatMap((chain) => table.rulesOf(chain).map((rule) => `-A ${chain} ${rule}`));

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
  /** It refuses, so it has to stand before what others accept. */
  readonly leads?: boolean;
}

/** What is in the kernel, as far as it concerns us. */
export interface KernelTable {
  /** Our chains, with the number of rules in each. */
  readonly chains: ReadonlyMap<string, number>;
  /** Rules of built-in chains that lead into ours, as `iptables-save` prints them. */
  readonly jumps: readonly string[];
  /** Those of them that stand behind a rule of somebody else. */
  readonly late: ReadonlySet<string>;
}

/** Reads the output of `iptables-save -t TABLE`. */
export function parseSaved(text: string, isOwn: (chain: string) => boolean): KernelTable {
  const chains = new Map<string, number>();
  const jumps: string[] = [];
  const late = new Set<string>();
  const shared = new Set<string>();
  for (const line of text.split('\n')) {
    const chain = /^:(\S+) /.exec(line)?.[1];
    if (chain !== undefined && isOwn(chain)) chains.set(chain, 0);
    const from = /^-A (\S+)/.exec(line)?.[1] ?? '';
    const count = chains.get(from);
    if (count !== undefined) chains.set(from, count + 1);
    else if (isOwn(/ -j (\S+)$/.exec(line)?.[1] ?? '')) {
      jumps.push(line);
      if (shared.has(from)) late.add(line);
    } else if (from !== '') shared.add(from);
  }
  return { chains, jumps, late };
}

const JUMP_END = / -j (\S+)$/;

/** The rules in the kernel that are this jump. */
function linesFor(jump: Jump, kernel: KernelTable): string[] {
  return kernel.jumps.filter(
    (line) => line.startsWith(`-A ${jump.from} `) && JUMP_END.exec(line)?.[1] === jump.to,
  );
}

/** Leading jumps of chains in which somebody put himself before one of them: they are to be put first again. */
function overtaken(jumps: readonly Jump[], kernel: KernelTable): Jump[] {
  const leading = jumps.filter((jump) => jump.leads);
  const isLate = (jump: Jump): boolean =>
    linesFor(jump, kernel).some((line) => kernel.late.has(line));
  const chains = new Set(leading.filter(isLate).map((jump) => jump.from));
  return leading.filter((jump) => chains.has(jump.from));
}

/** The chains whose rules are not known to be in the kernel as they should be. */
function outdated(rules: TableRules, kernel: KernelTable, loaded?: TableRules): string[] {
  if (loaded === undefined) return rules.chains();
  return rules.chains().filter((chain) => {
    const wanted = rules.rulesOf(chain);
    if (kernel.chains.get(chain) !== wanted.length) return true;
    const there = loaded.rulesOf(chain);
    return wanted.length !== there.length || wanted.some((rule, at) => rule !== there[at]);
  });
}

/** What one table is to hold, and what is known of it. */
export interface TableChange {
  readonly table: 'filter' | 'nat';
  readonly rules: TableRules;
  readonly kernel: KernelTable;
  readonly jumps: readonly Jump[];
  /** What was loaded last; absent: the contents of chains are not known. */
  readonly loaded?: TableRules | undefined;
}

/**
 * The input that makes one table hold exactly these rules in our chains, in one step: chains that differ are emptied
 * and filled, those no longer wanted are deleted, jumps that are missing, or stand too late, are put first in their
 * chains.
 * @returns '' when there is nothing to do
 */
export function restoreText({ table, rules, kernel, jumps, loaded }: TableChange): string {
  const fresh = outdated(rules, kernel, loaded);
  const gone = [...kernel.chains.keys()].filter((chain) => !rules.has(chain)).sort();
  const here = jumps.filter((jump) => jump.table === table);
  const moved = overtaken(here, kernel);
  const missing = here.filter(
    (jump) => moved.includes(jump) || linesFor(jump, kernel).length === 0,
  );
  if (fresh.length + gone.length + missing.length === 0) return '';
  const lines = [
    `*${table}`,
    ...[...fresh, ...gone].map((chain) => `:${chain} - [0:0]`),
    ...moved.flatMap((jump) => linesFor(jump, kernel)).map((line) => line.replace(/^-A /, '-D ')),
    ...missing.toReversed().map(({ from, to, match }) => `-I ${from} 1 ${match} -j ${to}`),
    ...linesOf(rules, fresh),
    ...gone.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

/** The input that takes everything of ours out of one table. */
export function cleanupText(table: 'filter' | 'nat', kernel: KernelTable): string {
  const chains = [...kernel.chains.keys()].sort();
  const lines = [
    `*${table}`,
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...kernel.jumps.map((line) => line.replace(/^-A /, '-D ')),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}
