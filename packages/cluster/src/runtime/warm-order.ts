/** The order of modules in which each is asked for by itself before another one's import brings it along. Pure. */

const RELATIVE_IMPORT = /(?:^|\n)(?:import|export)(?! type)[^;]*?from '(\.[^']*)'/g;

/** The relative specifiers a module imports for more than types. */
export function relativeImports(source: string): string[] {
  return [...source.matchAll(RELATIVE_IMPORT)].map((match) => match[1] ?? '');
}

/** @returns `files`, each after those of them that it imports, directly or not */
export function leavesFirst(
  files: readonly string[],
  importsOf: (file: string) => readonly string[],
): string[] {
  const wanted = new Set(files);
  const order = new Set<string>();
  const entered = new Set<string>();
  const visit = (file: string): void => {
    if (!wanted.has(file) || entered.has(file)) return;
    entered.add(file);
    for (const one of importsOf(file)) visit(one);
    order.add(file);
  };
  for (const file of files) visit(file);
  return [...order];
}
