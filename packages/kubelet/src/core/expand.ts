/**
 * Replaces `$(NAME)` by its value; `$$` stands for one dollar, and a name nobody knows stays as written.
 * The rule is the one the API documents for `command`, `args` and `env`.
 */
export function expandVariables(
  text: string,
  lookup: (name: string) => string | undefined,
): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$(?:\$|\(([^()]*)\))/g, (whole, name: string | undefined) => {
    if (whole === '$$') return '$';
    return lookup(name ?? '') ?? whole;
  });
}
