/** `kubets chaos self-test`: does the tool notice stores that are broken on purpose? */
import { ChaosError } from '../errors.ts';
import { examine } from '../self-test/lab.ts';
import { PLANTED } from '../self-test/planted.ts';
import type { Io } from './io.ts';

const SAID_CHARS = 160;

export interface SelfTestFlags {
  readonly only?: readonly string[];
  readonly seed: number;
}

/** @returns whether every planted bug was noticed */
export async function selfTest({ only, seed }: SelfTestFlags, io: Io): Promise<boolean> {
  for (const name of only ?? []) {
    if (PLANTED.some((one) => one.name === name)) continue;
    const names = PLANTED.map((one) => one.name).join(', ');
    throw new ChaosError(`there is no planted bug "${name}"; there are: ${names}`);
  }
  const chosen = PLANTED.filter(({ name }) => only === undefined || only.includes(name));
  io.out('| planted bug | what is broken | faults | within | noticed after | what was said |\n');
  io.out('|---|---|---|---|---|---|\n');
  let unnoticed = 0;
  for (const planted of chosen) {
    const { name, what, kind, within } = planted;
    const finding = await examine(planted, { seed, signal: io.signal });
    if (finding.after === undefined) unnoticed += 1;
    const said = finding.what.replace(/[|`\n]/g, ' ').slice(0, SAID_CHARS);
    const cells = [`\`${name}\``, what, kind, within, finding.after ?? 'NOT NOTICED', said];
    io.out(`| ${cells.join(' | ')} |\n`);
    if (io.signal.aborted) return false;
  }
  return unnoticed === 0;
}
