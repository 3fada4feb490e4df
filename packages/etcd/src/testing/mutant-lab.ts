/** Makes a copy of the package, breaks it, and sees whether the simulation notices. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutants.ts';

const SRC = join(import.meta.dirname, '..');
const ROOT = join(SRC, '..', '..', '..');

/** The mutated text of its file. @throws Error when the file has changed so that the mutant no longer fits */
export function mutate({ name, file, find, replace }: Mutant): string {
  const parts = readFileSync(join(SRC, file), 'utf8').split(find);
  if (parts.length !== 2)
    throw new Error(`mutant ${name} fits ${parts.length - 1} places of ${file}`);
  return parts.join(replace);
}

export interface Verdict {
  readonly mutant: Mutant;
  /** Seeds run until it was noticed; undefined when it was not. */
  readonly seedsNeeded: number | undefined;
  readonly finding: string;
}

export interface LabOptions {
  readonly steps: number;
  readonly firstSeed: number;
}

/** Runs a broken copy until the simulation notices, or its seeds are used up. */
export async function examine(mutant: Mutant, options: LabOptions): Promise<Verdict> {
  const dir = mkdtempSync(join(tmpdir(), 'etcd-mutant-'));
  try {
    const copy = join(dir, 'packages', 'etcd');
    mkdirSync(copy, { recursive: true });
    cpSync(SRC, join(copy, 'src'), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts'),
    });
    cpSync(join(SRC, '..', 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'proto'), join(dir, 'proto'));
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    writeFileSync(join(copy, 'src', mutant.file), mutate(mutant));
    return await simulate(join(copy, 'src', 'testing', 'sim-main.ts'), mutant, options);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function simulate(main: string, mutant: Mutant, options: LabOptions): Promise<Verdict> {
  const { steps, firstSeed } = options;
  const counts = ['--seed', firstSeed, '--steps', steps, '--seeds', mutant.seeds].map(String);
  const args = [...counts, ...(mutant.args ?? [])];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  await once(child, 'close');
  const failed = /seed (\d+) FAILED/.exec(out)?.[1];
  const finding = err.split('\n').find((line) => line.trim() !== '') ?? '';
  // A copy that does not even load proves nothing.
  if (failed === undefined && child.exitCode !== 0) throw new Error(`${mutant.name}: ${err}`);
  const seedsNeeded = failed === undefined ? undefined : Number(failed) - firstSeed + 1;
  return { mutant, seedsNeeded, finding };
}
