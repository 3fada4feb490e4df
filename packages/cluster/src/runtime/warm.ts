import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, systemClock } from '@kubets/platform';
import { readIfThere } from '../files.ts';
import { limits } from '../limits.ts';

export interface WarmOptions {
  /** NODE_COMPILE_CACHE; undefined: nothing is done. */
  readonly cacheDir: string | undefined;
  readonly nodeBinary: string;
  /** The flags the programs run with: compiled code fits only processes with the same ones. */
  readonly nodeFlags: readonly string[];
  readonly packagesDir: string;
  readonly roles: readonly string[];
  readonly say: (line: string) => void;
}

/** Changes whenever a source file, the dependencies, Node.js or its flags do. */
function fingerprint({ packagesDir, nodeFlags }: WarmOptions): string {
  const hash = createHash('sha256').update(`${process.version} ${nodeFlags.join(' ')}\n`);
  const lock = join(packagesDir, '..', 'package-lock.json');
  const sources = readdirSync(packagesDir, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\/src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'))
    .sort()
    .map((file) => join(packagesDir, file));
  for (const file of [...sources, lock]) {
    const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function run(options: WarmOptions, mode: 'import' | 'require'): Promise<boolean> {
  const main = join(import.meta.dirname, 'warm-main.ts');
  const args = [...options.nodeFlags, main, mode, options.packagesDir, ...options.roles];
  const child = spawn(options.nodeBinary, args, {
    stdio: 'ignore',
    env: { ...process.env, NODE_COMPILE_CACHE: options.cacheDir },
  });
  return new Promise((resolve) => {
    // Not spawn's own `timeout`: its timer outlives a program that could not be started.
    const limit = systemClock.setTimeout(() => child.kill('SIGKILL'), limits.warmTimeoutMs);
    const done = (isWarm: boolean): void => {
      limit.cancel();
      resolve(isWarm);
    };
    child.once('exit', (code) => done(code === 0));
    child.once('error', () => done(false));
  });
}

/**
 * Compiles the programs once before many processes start from them: a process that must turn TypeScript into JavaScript by
 * itself starts slower and keeps some 25 MB more. Does nothing when it was done for these very files, and never fails: a cold
 * start is slow, not wrong.
 */
export async function warmPrograms(options: WarmOptions): Promise<void> {
  const { cacheDir } = options;
  if (cacheDir === undefined || cacheDir === '') return;
  const stampFile = join(cacheDir, 'warm-stamp');
  try {
    const stamp = fingerprint(options);
    if (readIfThere(stampFile) === stamp) return;
    const done = await Promise.all([run(options, 'import'), run(options, 'require')]);
    if (done.includes(false)) return;
    mkdirSync(cacheDir, { recursive: true });
    writeFileSync(stampFile, stamp);
  } catch (error) {
    options.say(`the compiled programs cannot be kept in ${cacheDir}: ${errorMessage(error)}`);
  }
}
