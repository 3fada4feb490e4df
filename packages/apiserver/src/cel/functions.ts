/** The functions Kubernetes adds to the language: lists, regular expressions, URLs, quantities, and what other files have. */
import { Quantity } from '@kubets/api';
import type { Environment } from '@marcbachmann/cel-js';
import { addAuthorizationFunctions } from './authorization-functions.ts';
import { addFormatFunctions } from './format-functions.ts';
import { addNetworkFunctions } from './network-functions.ts';
import { addSetFunctions, addTextFunctions } from './text-functions.ts';

type Comparable = string | number | bigint | Date;

const less = (a: unknown, b: unknown): boolean => (a as Comparable) < (b as Comparable);

function extreme(list: readonly unknown[], isBetter: (a: unknown, b: unknown) => boolean): unknown {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error('min/max called on empty list');
  return rest.reduce((best, one) => (isBetter(one, best) ? one : best), first);
}

function sum(list: readonly unknown[]): unknown {
  if (list.some((one) => typeof one === 'number')) {
    return list.reduce((total: number, one) => total + Number(one), 0);
  }
  return list.reduce((total: bigint, one) => total + BigInt(one as bigint), 0n);
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === typeof b && String(a) === String(b) && typeof a !== 'object');
}

function lists(env: Environment): void {
  env
    .registerFunction('list.isSorted(): bool', (list: unknown[]) =>
      list.every((one, i) => i === 0 || !less(one, list[i - 1])),
    )
    .registerFunction('list.sum(): dyn', sum)
    .registerFunction('list.min(): dyn', (list: unknown[]) => extreme(list, less))
    .registerFunction('list.max(): dyn', (list: unknown[]) => extreme(list, (a, b) => less(b, a)))
    .registerFunction('list.indexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findIndex((one) => same(one, wanted))),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], wanted: unknown) =>
      BigInt(list.findLastIndex((one) => same(one, wanted))),
    );
}

function texts(env: Environment): void {
  const found = (text: string, pattern: string): string =>
    new RegExp(pattern, 'u').exec(text)?.[0] ?? '';
  const all = (text: string, pattern: string, limit = -1n): string[] => {
    const matches = [...text.matchAll(new RegExp(pattern, 'gu'))].map((match) => match[0]);
    return limit < 0n ? matches : matches.slice(0, Number(limit));
  };
  env
    .registerFunction('string.find(string): string', found)
    .registerFunction('string.findAll(string): list<string>', all)
    .registerFunction('string.findAll(string, int): list<string>', all);
}

function urls(env: Environment): void {
  const isUrl = (text: string): boolean => text.startsWith('/') || URL.canParse(text);
  const parse = (text: string): UrlValue => {
    if (!isUrl(text)) throw new Error(`URL parse error during conversion from string: ${text}`);
    return new UrlValue(text);
  };
  env
    .registerType('kubernetes.URL', UrlValue)
    .registerFunction('isURL(string): bool', isUrl)
    .registerFunction('url(string): kubernetes.URL', parse)
    .registerFunction('kubernetes.URL.getScheme(): string', (url: UrlValue) => url.scheme)
    .registerFunction('kubernetes.URL.getHost(): string', (url: UrlValue) => url.parts.host)
    .registerFunction('kubernetes.URL.getHostname(): string', (url: UrlValue) => url.hostname)
    .registerFunction('kubernetes.URL.getPort(): string', (url: UrlValue) => url.parts.port)
    .registerFunction('kubernetes.URL.getEscapedPath(): string', (url: UrlValue) => url.path)
    .registerFunction(
      'kubernetes.URL.getQuery(): map<string, list<string>>',
      (url: UrlValue) => url.query,
    );
}

class UrlValue {
  readonly parts: URL;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.parts = new URL(text, 'none://none');
  }

  get scheme(): string {
    return this.#text.startsWith('/') ? '' : this.parts.protocol.replace(/:$/, '');
  }

  get hostname(): string {
    return this.parts.hostname.replace(/^\[|\]$/g, '');
  }

  get path(): string {
    return this.parts.pathname;
  }

  get query(): Record<string, string[]> {
    const found: Record<string, string[]> = {};
    for (const [name, value] of this.parts.searchParams) {
      found[name] = [...(found[name] ?? []), value];
    }
    return found;
  }
}

class QuantityValue {
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }
}

function isQuantity(text: string): boolean {
  try {
    Quantity.parse(text);
    return true;
  } catch {
    return false;
  }
}

function quantities(env: Environment): void {
  const of = (text: string): QuantityValue => new QuantityValue(Quantity.parse(text));
  const compare = (a: QuantityValue, b: QuantityValue): number => a.quantity.cmp(b.quantity);
  const type = 'kubernetes.Quantity';
  env
    .registerType(type, QuantityValue)
    .registerFunction('isQuantity(string): bool', isQuantity)
    .registerFunction(`quantity(string): ${type}`, of)
    .registerFunction(`${type}.isGreaterThan(${type}): bool`, (a, b) => compare(a, b) > 0)
    .registerFunction(`${type}.isLessThan(${type}): bool`, (a, b) => compare(a, b) < 0)
    .registerFunction(`${type}.compareTo(${type}): int`, (a, b) => BigInt(compare(a, b)))
    .registerFunction(`${type}.sign(): int`, (a: QuantityValue) =>
      BigInt(a.quantity.cmp(Quantity.zero)),
    )
    .registerFunction(`${type}.isInteger(): bool`, ({ quantity }: QuantityValue) =>
      fitsInt(quantity.nanos),
    )
    .registerFunction(`${type}.asInteger(): int`, ({ quantity }: QuantityValue) => {
      if (!fitsInt(quantity.nanos)) throw new Error('cannot convert value to integer');
      return quantity.nanos / NANO;
    })
    .registerFunction(
      `${type}.asApproximateFloat(): double`,
      (a: QuantityValue) => Number(a.quantity.nanos) / 1e9,
    );
}

const NANO = 1_000_000_000n;
const INT_BITS = 64;

const fitsInt = (nanos: bigint): boolean =>
  nanos % NANO === 0n && BigInt.asIntN(INT_BITS, nanos / NANO) === nanos / NANO;

function sums(env: Environment): void {
  const type = 'kubernetes.Quantity';
  type Two = 'add' | 'sub';
  for (const name of ['add', 'sub'] satisfies Two[]) {
    const of = (a: Quantity, b: Quantity): QuantityValue =>
      new QuantityValue(name === 'add' ? a.add(b) : a.sub(b));
    env
      .registerFunction(`${type}.${name}(${type}): ${type}`, (a: QuantityValue, b: QuantityValue) =>
        of(a.quantity, b.quantity),
      )
      .registerFunction(`${type}.${name}(int): ${type}`, (a: QuantityValue, b: bigint) =>
        of(a.quantity, Quantity.of(b)),
      );
  }
}

/** Adds all of them. */
export function addFunctions(env: Environment): void {
  lists(env);
  texts(env);
  urls(env);
  quantities(env);
  sums(env);
  addTextFunctions(env);
  addSetFunctions(env);
  addNetworkFunctions(env);
  addFormatFunctions(env);
  addAuthorizationFunctions(env);
}
