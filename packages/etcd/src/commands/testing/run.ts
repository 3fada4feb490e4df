/** Commands run in this process, with what they print caught. */

import { systemClock } from '@kubets/platform';
import { nodeDisk } from '../../wal/runtime/node-disk.ts';
import { runCommand } from '../program.ts';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param argv the words after `kubets etcd` */
export const runForTest = (...argv: readonly string[]): Promise<CommandResult> =>
  runIn([], ...argv);

/** The same, on a machine with data directories. */
export async function runIn(
  dataDirs: readonly string[],
  ...argv: readonly string[]
): Promise<CommandResult> {
  let [out, err] = ['', ''];
  const io = {
    out(text: string) {
      out += text;
    },
    err(text: string) {
      err += text;
    },
    ...{ clock: systemClock, signal: new AbortController().signal, dataDirs },
  };
  const code = await runCommand(argv, { io, disk: nodeDisk });
  return { code, out, err };
}

/** The same, for a command that must succeed. @returns what it printed */
export async function mustRun(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await runForTest(...argv);
  if (code !== 0) throw new Error(`kubets etcd ${argv.join(' ')} ended with ${code}: ${err}`);
  return out;
}
