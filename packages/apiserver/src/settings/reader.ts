/**
 * Reads configuration documents (AuthenticationConfiguration and the like) strictly: what is not known is refused, as the stock
 * server does. A reader says what stands at one place; what is not there is read as empty.
 */
import { isJsonObject } from '@kubets/api';
import { ConfigError, errorMessage, parseDurationMs, yamlLibrary } from '@kubets/platform';

/** Takes a value, undefined when there is none. Tells `complain` what is wrong, and goes on. */
export type Reader<T> = (value: unknown, at: string, complain: (what: string) => void) => T;

/** What a reader makes. */
export type Read<R> = R extends Reader<infer T> ? T : never;

const isAbsent = (value: unknown): value is undefined | null =>
  value === undefined || value === null;

/** A text; empty when there is none. */
export const text: Reader<string> = (value, at, complain) => {
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') complain(`${at} must be a text`);
  return typeof value === 'string' ? value : '';
};

/** True or false; false when there is none. */
export const truth: Reader<boolean> = (value, at, complain) => {
  if (!isAbsent(value) && typeof value !== 'boolean') complain(`${at} must be true or false`);
  return value === true;
};

/** A whole number; undefined when there is none. */
export const wholeNumber: Reader<number | undefined> = (value, at, complain) => {
  if (isAbsent(value)) return undefined;
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  complain(`${at} must be a whole number`);
  return undefined;
};

/** Milliseconds of a text such as `10s`, which may be negative; 0 when there is none. */
export const durationMs: Reader<number> = (value, at, complain) => {
  if (isAbsent(value)) return 0;
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/s.exec(String(value)) ?? [];
  const ms =
    typeof value === 'string' && !/^[1-9]\d*$/.test(rest) ? parseDurationMs(rest) : undefined;
  if (ms === undefined) complain(`${at} must be a duration such as 10s`);
  return sign === '-' ? -(ms ?? 0) : (ms ?? 0);
};

/** What may be left out, where that means something else than empty. */
export const optional =
  <T>(one: Reader<T>): Reader<T | undefined> =>
  (value, at, complain) =>
    isAbsent(value) ? undefined : one(value, at, complain);

/** A list; empty when there is none. */
export const listOf =
  <T>(one: Reader<T>): Reader<readonly T[]> =>
  (value, at, complain) => {
    if (isAbsent(value)) return [];
    if (Array.isArray(value)) return value.map((item, i) => one(item, `${at}[${i}]`, complain));
    complain(`${at} must be a list`);
    return [];
  };

type Fields = Readonly<Record<string, Reader<unknown>>>;

/** An object with these fields and no others; all of them empty when there is none. */
export const struct =
  <F extends Fields>(fields: F): Reader<{ readonly [K in keyof F]: Read<F[K]> }> =>
  (value, at, complain) => {
    if (!isAbsent(value) && !isJsonObject(value)) complain(`${at} must be an object`);
    const given = isJsonObject(value) ? value : {};
    const inside = (name: string): string => (at === '' ? name : `${at}.${name}`);
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(fields, name)) complain(`unknown field "${inside(name)}"`);
    }
    const read = Object.entries(fields).map(([name, one]) => [
      name,
      one(given[name], inside(name), complain),
    ]);
    return Object.fromEntries(read) as { readonly [K in keyof F]: Read<F[K]> };
  };

/** A kind of document. */
export interface DocumentKind<F extends Fields> {
  readonly kind: string;
  /** Of the group `apiserver.config.k8s.io`, the preferred first. */
  readonly versions: readonly string[];
  readonly fields: F;
}

const GROUP = 'apiserver.config.k8s.io';

function parsed(source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = yamlLibrary().parse(source, { maxAliasCount: 0 });
  } catch (error) {
    throw new ConfigError(errorMessage(error));
  }
  if (value === null) throw new ConfigError('empty config data');
  if (!isJsonObject(value)) throw new ConfigError('the file holds no object');
  return value;
}

/** Reads the YAML or JSON text of a document. @throws ConfigError that tells everything that is wrong */
export function readDocument<F extends Fields>(
  source: string,
  { kind, versions, fields }: DocumentKind<F>,
): { readonly [K in keyof F]: Read<F[K]> } {
  const { apiVersion, kind: given, ...rest } = parsed(source);
  if (given !== kind || !versions.some((version) => apiVersion === `${GROUP}/${version}`)) {
    const found = `${String(apiVersion ?? '')}, Kind=${String(given ?? '')}`;
    throw new ConfigError(`expected ${GROUP}/${versions[0]}, Kind=${kind}, got ${found}`);
  }
  const complaints: string[] = [];
  const read = struct(fields)(rest, '', (what) => complaints.push(what));
  if (complaints.length === 0) return read;
  throw new ConfigError(`strict decoding error: ${complaints.join(', ')}`);
}
