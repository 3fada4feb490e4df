/**
 * Guards: small shells outside of this process that undo what the tool did, whatever becomes of the tool.
 *
 * - A **fault's guard** sleeps for the fault's time and then undoes it. It is on its way before the fault is made. The tool, when it
 *   undoes the fault itself, runs the same script first and ends the guard afterwards; scripts may therefore run twice.
 * - The **janitor** of a run reads from a pipe the tool never writes to. It ends when the tool ends, in order or not, and then
 *   cleans up what the run has built.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { LIMITS } from '../limits.ts';
import { shell } from './shell.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Something broken that will be mended: by `undo`, or by its guard at its time. */
export interface Guarded {
  undo(): Promise<void>;
}

export interface Breakage {
  /** What it is, for error messages: "cut m1 off". */
  readonly what: string;
  readonly inject: string;
  /** Puts things right; harmless when they are right. */
  readonly undo: string;
  /** The fault's own end. */
  readonly expiresMs: number;
}

/** Makes a fault that ends by itself. @throws ChaosError when it cannot be made; it is undone then */
export async function breakGuarded({ what, inject, undo, expiresMs }: Breakage): Promise<Guarded> {
  const seconds = (Math.min(expiresMs, LIMITS.faultMs) / 1_000).toFixed(3);
  const guard = spawn('sh', ['-c', `sleep ${seconds}\n${undo}`, 'kubets-chaos-guard'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, PATH },
  });
  guard.unref();
  await once(guard, 'spawn');
  const mend = async (): Promise<void> => {
    await shell(undo, `undo: ${what}`);
    dismiss(guard);
  };
  try {
    await shell(inject, what);
  } catch (error) {
    await mend();
    throw error;
  }
  return { undo: mend };
}

/** Ends the guard with its `sleep`: they are a process group of their own. */
function dismiss(guard: ChildProcess): void {
  if (guard.pid === undefined || guard.exitCode !== null || guard.signalCode !== null) return;
  try {
    process.kill(-guard.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** Cleans up after the run, at the latest when this process is gone. */
export class Janitor {
  readonly #shell: ChildProcess;

  /** @param script must do as much as it can: no step may hinder the next */
  constructor(script: string) {
    this.#shell = spawn('sh', ['-c', `read -r _\n${script}`, 'kubets-chaos-janitor'], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, PATH },
    });
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
  }

  /** Cleans up now. */
  async dismiss(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    this.#shell.ref();
    const ended = once(this.#shell, 'exit');
    this.#shell.stdin?.end();
    await ended;
  }
}
