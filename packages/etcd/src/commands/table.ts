/** Rows as etcdctl's `-w table` draws them. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head.map((title) => title.toUpperCase()), ...rows];
  const widths = head.map((_title, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const line = (row: readonly string[]): string =>
    `|${widths.map((width, i) => ` ${(row[i] ?? '').padEnd(width)} `).join('|')}|\n`;
  return `${rule}${line(all[0] ?? [])}${rule}${rows.map(line).join('')}${rule}`;
}

/** A member's or a lease's id as people see it. */
export function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
