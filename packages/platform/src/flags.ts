/** Command-line flags and YAML config from one declaration: names, types, defaults, limits, help. */
import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage } from './errors.ts';
import { yamlLibrary } from './yaml.ts';

export type Raw = string | number | boolean | readonly unknown[];

/** One flag: how its text becomes a value, and what the help says. */
export interface Flag<T> {
  readonly parse: (raw: Raw, name: string) => T;
  readonly help: string;
  readonly placeholder: string;
  readonly isBoolean: boolean;
  /** Whether the flag may be given again and again, each time with more values. */
  readonly isList: boolean;
  /** Of a list: whether one word may hold several values, with commas between. */
  readonly isSplit: boolean;
  readonly required: boolean;
  readonly defaultText: string | undefined;
  /** Environment variable that stands in when the flag is not given. */
  readonly env: string | undefined;
}

export type FlagSet = Readonly<Record<string, Flag<unknown>>>;

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

/** The parsed values of a flag set; keys are the flag names in camelCase. */
export type ConfigOf<F extends FlagSet> = {
  readonly [K in keyof F & string as Camel<K>]: F[K] extends Flag<infer T> ? T : never;
};

interface Common {
  readonly help: string;
  readonly required?: boolean;
  readonly env?: string;
}

interface FlagDraft<T> extends Common {
  readonly placeholder: string;
  readonly default?: unknown;
  readonly isBoolean?: boolean;
  readonly isList?: boolean;
  readonly isSplit?: boolean;
  readonly parse: (raw: Raw, name: string) => T;
}

function makeFlag<T>(draft: FlagDraft<T>): Flag<T> {
  const { default: fallback } = draft;
  const shown = Array.isArray(fallback) ? fallback.join(',') : fallback;
  return {
    parse: draft.parse,
    help: draft.help,
    placeholder: draft.placeholder,
    isBoolean: draft.isBoolean ?? false,
    isList: draft.isList ?? false,
    isSplit: draft.isSplit ?? true,
    required: draft.required ?? false,
    defaultText: shown === undefined ? undefined : String(shown),
    env: draft.env,
  };
}

const bad = (name: string, raw: unknown, want: string): never => {
  throw new ConfigError(`--${name}: "${String(raw)}" is not ${want}`);
};

function parseInteger(raw: Raw, name: string, min: number, max: number): number {
  const value = typeof raw === 'number' ? raw : Number(String(raw).trim() || 'x');
  const fits = Number.isSafeInteger(value) && value >= min && value <= max;
  return fits ? value : bad(name, raw, `a whole number from ${min} to ${max}`);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration as Go writes it: `500ms`, `15s`, `1m30s`, `2h`; a bare number is milliseconds.
 * @returns milliseconds, or undefined when the text is no duration
 */
export function parseDurationMs(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0);
  }
  return totalMs;
}

function parseList(raw: Raw): readonly string[] {
  const items = Array.isArray(raw) ? raw.map(String) : String(raw).split(',');
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

/** The words for on and off, as Go's flags take them. */
const SWITCH_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false] as const),
]);

/** On or off; undefined for a word that is neither. */
export const switchOf = (raw: Raw): boolean | undefined => SWITCH_WORDS.get(String(raw));

const parseBool = (raw: Raw, name: string): boolean =>
  switchOf(raw) ?? bad(name, raw, 'true or false');

const itemsOf = (raw: Raw): readonly string[] =>
  Array.isArray(raw) ? raw.map(String) : [String(raw)];

/** A value is there when the flag is required or has a default; otherwise it may be undefined. */
type Presence<O, T> = O extends { required: true } | { default: unknown } ? T : T | undefined;

/** The kinds of flags. */
export const flag = {
  string: <const O extends Common & { default?: string }>(o: O): Flag<Presence<O, string>> =>
    makeFlag({ placeholder: 'TEXT', ...o, parse: (raw) => String(raw) as Presence<O, string> }),

  int: <const O extends Common & { default?: number; min?: number; max?: number }>(
    o: O,
  ): Flag<Presence<O, number>> => {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = o;
    const parse = (raw: Raw, name: string) =>
      parseInteger(raw, name, min, max) as Presence<O, number>;
    return makeFlag({ placeholder: 'N', ...o, parse });
  },

  /** A number that need not be whole. */
  number: <const O extends Common & { default?: number; min?: number; max?: number }>(
    o: O,
  ): Flag<Presence<O, number>> => {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = o;
    const parse = (raw: Raw, name: string): Presence<O, number> => {
      const value = Number(String(raw).trim() || 'x');
      const fits = value >= min && value <= max;
      return (fits ? value : bad(name, raw, `a number from ${min} to ${max}`)) as Presence<
        O,
        number
      >;
    };
    return makeFlag({ placeholder: 'N', ...o, parse });
  },

  bool: <const O extends Common & { default?: boolean }>(o: O): Flag<boolean> =>
    makeFlag({ placeholder: '', default: false, ...o, isBoolean: true, parse: parseBool }),

  /** Milliseconds from `15s`, `1m30s`, `500ms`. */
  durationMs: <const O extends Common & { default?: string }>(o: O): Flag<Presence<O, number>> =>
    makeFlag({
      placeholder: 'DURATION',
      ...o,
      parse: (raw, name) =>
        (parseDurationMs(String(raw)) ??
          bad(name, raw, 'a duration such as 500ms, 15s or 1m30s')) as Presence<O, number>,
    }),

  /** Comma-separated on the command line, a sequence in YAML. Empty when absent. */
  list: <const O extends Common & { default?: readonly string[] }>(o: O): Flag<readonly string[]> =>
    makeFlag({
      placeholder: 'A,B,…',
      isList: true,
      ...(o.required === true ? {} : { default: [] }),
      ...o,
      parse: parseList,
    }),

  /** One value each time it is given, commas included. Empty when absent. */
  repeated: (o: Common): Flag<readonly string[]> =>
    makeFlag({
      ...{ placeholder: 'TEXT', isList: true, isSplit: false, default: [] },
      ...o,
      parse: (raw) => itemsOf(raw).filter((item) => item !== ''),
    }),

  enum: <const V extends string, const O extends Common & { values: readonly V[]; default?: V }>(
    o: O & { values: readonly V[] },
  ): Flag<Presence<O, V>> =>
    makeFlag({
      placeholder: o.values.join('|'),
      ...o,
      parse: (raw, name) =>
        (o.values.find((value) => value === raw) ??
          bad(name, raw, `one of ${o.values.join(', ')}`)) as Presence<O, V>,
    }),
};

/** The name a flag's value has in the configuration: `tls-cert-file` is `tlsCertFile`. */
export const camel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());

/** The nearest known name, for "did you mean". */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance <= 3 && (best === undefined || distance < best.distance)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_unused, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const left = (next[j - 1] ?? 0) + 1;
      const up = (row[j] ?? 0) + 1;
      next.push(Math.min(left, up, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function unknownFlag(name: string, flags: FlagSet): never {
  const near = nearest(name, Object.keys(flags));
  const hint = near === undefined ? 'see --help' : `did you mean --${near}?`;
  throw new ConfigError(`unknown flag --${name}; ${hint}`);
}

/** The flags as they stand on the command line: `--name value`, `--name=value`, `--bool`, `--no-bool`. */
function readArgv(argv: readonly string[], flags: FlagSet): Map<string, Raw> {
  const given = new Map<string, Raw>();
  const take = (name: string, value: Raw): void => {
    const known = flags[name];
    const before = known?.isList === true ? given.get(name) : undefined;
    const items = known?.isSplit === false ? itemsOf : parseList;
    given.set(name, before === undefined ? value : [...items(before), ...items(value)]);
  };
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (!word.startsWith('-')) {
      throw new ConfigError(`unexpected argument "${word}"; flags start with --`);
    }
    const [name = '', ...rest] = word.replace(/^--?/, '').split('=');
    const known = flags[name];
    const negated = name.startsWith('no-') ? flags[name.slice(3)] : undefined;
    if (known === undefined && negated?.isBoolean === true) given.set(name.slice(3), false);
    else if (known === undefined) unknownFlag(name, flags);
    else if (rest.length > 0) take(name, rest.join('='));
    else if (known.isBoolean) given.set(name, true);
    else {
      const value = argv[++i];
      if (value === undefined) throw new ConfigError(`--${name} needs a value`);
      take(name, value);
    }
  }
  return given;
}

function isRaw(value: unknown): value is Raw {
  return ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value);
}

/**
 * Takes a configuration file of another kind, as the stock counterpart of a process reads it.
 * @returns the values of flags that it gives; undefined: it holds flags by name. @throws ConfigError
 */
export type ForeignFile = (content: object) => ReadonlyMap<string, Raw> | undefined;

function readConfigFile(
  file: string,
  flags: FlagSet,
  foreign: ForeignFile | undefined,
): ReadonlyMap<string, Raw> {
  let content: unknown;
  try {
    content = yamlLibrary().parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new ConfigError(`cannot read --config ${file}: ${errorMessage(error)}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`--config ${file}: expected a mapping of flag names to values`);
  }
  try {
    const read = foreign?.(content);
    if (read !== undefined) return read;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`--config ${file}: ${error.message}`);
  }
  const given = new Map<string, Raw>();
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(flags, name)) unknownFlag(name, flags);
    if (!isRaw(value)) throw new ConfigError(`--config ${file}: ${name} is not a plain value`);
    given.set(name, value);
  }
  return given;
}

/** Which flags of a configuration somebody gave, be it with their default value. */
const givenFlags = new WeakMap<object, ReadonlySet<string>>();

/** Whether a flag was given, for flags that exclude what stands elsewhere. False for objects {@link parseFlags} did not make. */
export function isFlagGiven(config: object, name: string): boolean {
  return givenFlags.get(config)?.has(name) === true;
}

/**
 * Command line over environment over `--config` file over defaults.
 * @throws ConfigError naming the flag that is unknown, missing or malformed
 */
export function parseFlags<F extends FlagSet>(
  flags: F,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
  foreign?: ForeignFile,
): ConfigOf<F> {
  const given = readArgv(argv, flags);
  const configFile = given.get('config');
  const fromFile =
    configFile === undefined ? undefined : readConfigFile(String(configFile), flags, foreign);
  const config: Record<string, unknown> = {};
  const named = new Set<string>();
  for (const [name, one] of Object.entries(flags)) {
    const fromEnv = one.env === undefined ? undefined : env[one.env];
    const said = given.get(name) ?? fromEnv ?? fromFile?.get(name);
    if (said !== undefined) named.add(name);
    const raw = said ?? one.defaultText;
    if (raw === undefined && one.required)
      throw new ConfigError(`--${name} is required: ${one.help}`);
    config[camel(name)] = raw === undefined ? undefined : one.parse(raw, name);
  }
  givenFlags.set(config, named);
  return config as ConfigOf<F>;
}

/** The text of `--help`. */
export function helpText(program: string, summary: string, flags: FlagSet): string {
  const lines = Object.entries(flags).map(([name, one]) => {
    const left = `  --${name}${one.placeholder === '' ? '' : ` ${one.placeholder}`}`;
    const fallback =
      one.defaultText === undefined || one.defaultText === ''
        ? ''
        : ` (default ${one.defaultText})`;
    const must = one.required ? ' (required)' : '';
    return `${left}\n      ${one.help}${fallback}${must}`;
  });
  return `${program}: ${summary}\n\nFlags:\n${lines.join('\n')}\n`;
}
