/** Names of fields as expressions can write them. */

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

export const isReserved = (word: string): boolean => RESERVED.has(word);

const SIGNS: readonly [RegExp, string][] = [
  [/__/g, '__underscores__'],
  [/\./g, '__dot__'],
  [/-/g, '__dash__'],
  [/\//g, '__slash__'],
];

/** The name of a field in expressions; undefined for one that cannot be written. */
export function escapeName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][\w./-]*$/.test(name)) return undefined;
  return SIGNS.reduce((text, [sign, word]) => text.replaceAll(sign, word), name);
}
