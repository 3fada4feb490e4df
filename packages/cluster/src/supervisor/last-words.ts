/** The most telling line at the end of a log. Pure. */

interface LogLine {
  readonly msg?: unknown;
  readonly level?: unknown;
}

function textOf(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const parsed = JSON.parse(line) as LogLine;
    return typeof parsed.msg === 'string' ? parsed.msg : line;
  } catch {
    // A line cut off by the process's death is shown as it is.
    return line;
  }
}

/** @param tail the end of a log file */
export function lastWords(tail: string): string {
  const lines = tail.split('\n').filter((line) => line.trim() !== '');
  const last = lines.at(-1)?.trim();
  if (last === undefined) return 'it said nothing';
  // A crash of the runtime ends with its version; the error stands above the stack.
  if (!/^Node\.js v\d/.test(last)) return textOf(last);
  return lines.findLast((line) => /^(\w*Error|SyntaxError)\b.*: /.test(line)) ?? last;
}
