/** A table of nftables under construction, and the scripts that bring it into the kernel. Pure. */

/** The family and name of our table; the stock proxy's, so that only one of the two is ever in force. */
export const TABLE = 'ip kube-proxy';

interface Chain {
  /** `type … hook … priority …;` of a chain the kernel calls by itself; '' of one that is only jumped to. */
  readonly hook: string;
  readonly rules: string[];
}

/** Maps and sets. Elements of sets are the kernel's business. */
interface Container {
  readonly kind: 'map' | 'set';
  /** What stands between the braces of its definition. */
  readonly definition: string;
  /** Of maps: key → verdict. */
  readonly elements: Map<string, string>;
}

/** Collects chains, maps and sets by name. */
export class NftTable {
  readonly chains = new Map<string, Chain>();
  readonly containers = new Map<string, Container>();

  /** Makes a chain, empty if need be; one that is there stays as it is. */
  chain(name: string, hook = ''): this {
    if (!this.chains.has(name)) this.chains.set(name, { hook, rules: [] });
    return this;
  }

  /** Appends a rule, given in nft's words. */
  add(chain: string, ...words: readonly string[]): void {
    this.chain(chain).chains.get(chain)?.rules.push(words.join(' '));
  }

  map(name: string, type: string): this {
    this.containers.set(name, {
      kind: 'map',
      definition: `type ${type} : verdict;`,
      elements: new Map(),
    });
    return this;
  }

  /** Puts an element into a map; the first for a key counts. */
  element(map: string, key: string, verdict: string): void {
    const elements = this.containers.get(map)?.elements;
    if (elements !== undefined && !elements.has(key)) elements.set(key, verdict);
  }

  set(name: string, definition: string): this {
    this.containers.set(name, { kind: 'set', definition, elements: new Map() });
    return this;
  }
}

/** How many rules each chain and how many elements each map has: what of the kernel's table is compared. */
export type Census = ReadonlyMap<string, number>;

export function census(table: NftTable): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, { rules }] of table.chains) counts.set(`chain ${name}`, rules.length);
  for (const [name, { kind, elements }] of table.containers) {
    counts.set(`${kind} ${name}`, elements.size);
  }
  return counts;
}

interface ListedRow {
  readonly chain?: { readonly name: string };
  readonly rule?: { readonly chain: string };
  readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly set?: { readonly name: string };
}

/** Reads the output of `nft -j list table`. */
export function parseListed(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const { nftables } = JSON.parse(text) as { nftables: readonly ListedRow[] };
  for (const { chain, rule, map, set } of nftables) {
    if (chain !== undefined) counts.set(`chain ${chain.name}`, 0);
    if (map !== undefined) counts.set(`map ${map.name}`, map.elem?.length ?? 0);
    // What a set remembers comes and goes with clients.
    if (set !== undefined) counts.set(`set ${set.name}`, 0);
    if (rule === undefined) continue;
    const name = `chain ${rule.chain}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

export function sameCensus(a: Census, b: Census): boolean {
  return a.size === b.size && [...a].every(([name, count]) => b.get(name) === count);
}

const lines = (list: readonly string[]): string =>
  list.length === 0 ? '' : `${list.join('\n')}\n`;

const addContainer = (name: string, { kind, definition }: Container): string =>
  `add ${kind} ${TABLE} ${name} { ${definition} }`;
const addChain = (name: string, { hook }: Chain): string =>
  `add chain ${TABLE} ${name}${hook === '' ? '' : ` { ${hook} }`}`;
const addRules = (name: string, { rules }: Chain): string[] =>
  rules.map((rule) => `add rule ${TABLE} ${name} ${rule}`);
const addElement = (map: string, key: string, verdict: string): string =>
  `add element ${TABLE} ${map} { ${key} : ${verdict} }`;

const elementsOf = (table: NftTable | undefined, map: string): ReadonlyMap<string, string> =>
  table?.containers.get(map)?.elements ?? new Map();

/** The script that puts the table in the place of whatever was there, in one transaction. */
export function replaceScript(table: NftTable): string {
  // Added first, since deleting what is not there is an error.
  const fresh = [`add table ${TABLE}`, `delete table ${TABLE}`, `add table ${TABLE}`];
  return lines(fresh) + changeScript(table, new NftTable());
}

/**
 * The script that makes the kernel's table, known to be `loaded`, hold what is wanted, in one transaction. Things are made before
 * they are named, and deleted when nothing names them any more.
 * @returns '' when there is nothing to do
 */
export function changeScript(wanted: NftTable, loaded: NftTable): string {
  const newContainers = [...wanted.containers].filter(([name]) => !loaded.containers.has(name));
  const newChains = [...wanted.chains].filter(([name]) => !loaded.chains.has(name));
  const goneChains = [...loaded.chains.keys()].filter((name) => !wanted.chains.has(name));
  const goneContainers = [...loaded.containers].filter(([name]) => !wanted.containers.has(name));
  const kept = [...wanted.chains].filter(([name]) => loaded.chains.has(name));
  const changed = kept.filter(([name, { rules }]) => {
    const before = loaded.chains.get(name)?.rules ?? [];
    return rules.length !== before.length || rules.some((rule, at) => rule !== before[at]);
  });
  const refill = [...changed.map(([name]) => name), ...goneChains];
  return lines([
    ...newContainers.map(([name, container]) => addContainer(name, container)),
    ...newChains.map(([name, chain]) => addChain(name, chain)),
    ...oldElements(wanted, loaded),
    ...refill.map((name) => `flush chain ${TABLE} ${name}`),
    ...[...newChains, ...changed].flatMap(([name, chain]) => addRules(name, chain)),
    ...newElements(wanted, loaded),
    ...goneChains.map((name) => `delete chain ${TABLE} ${name}`),
    ...goneContainers.map(([name, { kind }]) => `delete ${kind} ${TABLE} ${name}`),
  ]);
}

function oldElements(wanted: NftTable, loaded: NftTable): string[] {
  return [...loaded.containers].flatMap(([map, { elements }]) =>
    [...elements].flatMap(([key, verdict]) =>
      elementsOf(wanted, map).get(key) === verdict
        ? []
        : [`delete element ${TABLE} ${map} { ${key} }`],
    ),
  );
}

function newElements(wanted: NftTable, loaded: NftTable): string[] {
  return [...wanted.containers].flatMap(([map, { elements }]) =>
    [...elements].flatMap(([key, verdict]) =>
      elementsOf(loaded, map).get(key) === verdict ? [] : [addElement(map, key, verdict)],
    ),
  );
}
