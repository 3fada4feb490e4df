/** `kubets chaos check HISTORY` and `kubets chaos list`. */
import { resolve } from 'node:path';
import { readHistory } from '../history/file.ts';
import { judge } from '../history/judge.ts';
import { SCENARIOS } from '../plan/scenarios.ts';
import { reportHtml } from '../report/report.ts';
import { TARGETS } from '../runtime/targets.ts';
import type { Io } from './io.ts';
import { summary, write } from './run.ts';

/** @returns whether nothing was wrong */
export async function check(file: string, report: string | undefined, io: Io): Promise<boolean> {
  const history = await readHistory(resolve(file));
  const one = { history, verdict: judge(history) };
  io.out(summary(one));
  if (report !== undefined) {
    write(resolve(report), reportHtml({ runs: [one], command: `npx kubets chaos check ${file}` }));
    io.out(`report: ${resolve(report)}\n`);
  }
  return one.verdict.ok;
}

export function list(io: Io): void {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length));
  io.out('Scenarios:\n');
  for (const { name, what, ingredients } of SCENARIOS) {
    const kinds = [...new Set(ingredients.map(({ kind }) => kind))].join(', ');
    io.out(`  ${name.padEnd(width)}  ${what}\n  ${' '.repeat(width)}  (${kinds})\n`);
  }
  io.out(`Targets: ${TARGETS.join(', ')}, or the data directory of a running cluster\n`);
}
