/**
 * Flags of a stock counterpart that this project has no use for, so that what was written for it starts unchanged: each is
 * taken, with a reason why nothing has to be done, or refused, with a reason why it must not be passed over.
 */
import { ConfigError } from './errors.ts';
import { camel, type Flag, type Raw, switchOf } from './flags.ts';

export interface StockFlag {
  /** Why nothing has to be done; of a flag that is refused: what would be lost. */
  readonly why: string;
  /** It may stand without a value. */
  readonly isSwitch?: boolean;
  /** Values that ask for what is so anyway: nothing is said of them, and they are never refused. The empty text is one. */
  readonly asIs?: readonly string[];
  /** Any other value ends the start. */
  readonly isRefused?: boolean;
}

export type StockFlags = Readonly<Record<string, StockFlag>>;

function readValue({ isSwitch = false, isRefused = false, asIs = [], why }: StockFlag) {
  return (raw: Raw, name: string): string => {
    const state = isSwitch ? switchOf(raw) : undefined;
    if (isSwitch && state === undefined) {
      throw new ConfigError(`--${name}: "${String(raw)}" is not true or false`);
    }
    const value = state === undefined ? String(raw) : String(state);
    if (isRefused && value !== '' && !asIs.includes(value)) {
      throw new ConfigError(`--${name}: ${why}`);
    }
    return value;
  };
}

function flagFor(stock: StockFlag): Flag<string | undefined> {
  const { isSwitch = false, isRefused = false, asIs = [], why } = stock;
  const taken = isRefused
    ? `not supported${asIs.length > 0 ? ` except ${asIs.join(', ')}` : ''}`
    : 'taken without effect';
  return {
    parse: readValue(stock),
    help: `${taken}: ${why}`,
    placeholder: isSwitch ? '' : 'TEXT',
    isBoolean: isSwitch,
    ...{ isList: false, isSplit: true, required: false, defaultText: undefined, env: undefined },
  };
}

/** The flags of a table. Parsing one that is refused throws a ConfigError that begins with its name. */
export function stockFlags<T extends StockFlags>(
  table: T,
): { readonly [K in keyof T & string]: Flag<string | undefined> } {
  const made = Object.entries(table).map(([name, stock]) => [name, flagFor(stock)]);
  return Object.fromEntries(made) as { [K in keyof T & string]: Flag<string | undefined> };
}

/** What was asked for and is not done, for the log: flag and reason. */
export function withoutEffect(table: StockFlags, config: object): { flag: string; why: string }[] {
  return Object.entries(table).flatMap(([name, { why, asIs = [] }]) => {
    const value: unknown = Reflect.get(config, camel(name));
    if (value === undefined || value === '' || asIs.includes(String(value))) return [];
    return [{ flag: `--${name}`, why }];
  });
}
