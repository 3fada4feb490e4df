/** Commands that change the machine. Every script runs under `set -e` in sh, so that half of it is never taken for all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** `/usr/sbin` holds most of what is needed, and is not in everybody's PATH. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** @returns what the script printed @throws ChaosError with what it complained of */
export async function shell(script: string, what: string): Promise<string> {
  const child = spawn('sh', ['-ec', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH, LC_ALL: 'C' },
    timeout: LIMITS.commandMs,
    killSignal: 'SIGKILL',
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  await once(child, 'close');
  if (child.exitCode === 0) return out;
  const why = err.trim().split('\n').slice(-3).join('; ') || `exit code ${child.exitCode}`;
  throw new ChaosError(`cannot ${what}: ${why}`);
}

/** The program's path, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  for (const dir of PATH.split(delimiter)) {
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** @throws ChaosError that says which package has the program */
export function needPrograms(programs: Readonly<Record<string, string>>, why: string): void {
  const missing = Object.keys(programs).filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => programs[name]))].join(' ');
  throw new ChaosError(
    `${why} needs ${missing.join(', ')}; on Debian: apt-get update && apt-get install -y ${packages}`,
  );
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** A text as one word of a script. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
