/** Running programs in tests: results as values, time limits everywhere. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const repo: string = join(import.meta.dirname, '..', '..');

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], o: RunOptions = {}): Promise<Result> {
  const { NODE_TEST_CONTEXT: _ours, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: repo, env: { ...inherited, ...o.env } });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), o.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    child.once('error', reject);
    // 'exit', not 'close': a daemon it left behind may hold the pipes.
    child.once('exit', (code) => {
      clearTimeout(limit);
      setImmediate(() => resolve({ code, out, err }));
    });
    // A program that does not read its input is not at fault.
    child.stdin.on('error', () => undefined);
    child.stdin.end(o.input ?? '');
  });
}

/** Runs a program that has to succeed; its standard output. */
export async function must(command: string, args: readonly string[], o: RunOptions = {}) {
  const result = await run(command, args, o);
  if (result.code === 0) return result.out;
  const line = [command, ...args].join(' ');
  throw new Error(`${line} ended with ${result.code}: ${result.err.trim() || result.out.trim()}`);
}

const findOnPath = (name: string): boolean =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .concat('/usr/sbin', '/sbin')
    .some((dir) => existsSync(join(dir, name)));

/** Makes sure a program is there, from Debian's packages if need be. */
export async function needProgram(name: string, debianPackage: string): Promise<void> {
  if (findOnPath(name)) return;
  if (process.getuid?.() !== 0) {
    throw new Error(`this test needs ${name}; install ${debianPackage}`);
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const timeoutMs = 300_000;
  await must('apt-get', ['update', '-qq'], { env, timeoutMs });
  await must('apt-get', ['install', '-y', '-qq', debianPackage], { env, timeoutMs });
}

/** Tries until it holds: waits for a state of the world, never for an amount of time. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  attempt: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`not within ${limitMs} ms: ${what}: ${why}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
