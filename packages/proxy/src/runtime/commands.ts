import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { errorMessage } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import { COMMAND_TIMEOUT_MS, MAX_OUTPUT_BYTES } from '../limits.ts';
import type { CommandRunner } from '../ports.ts';

/** Runs commands as child processes, optionally all behind a prefix such as `ip netns exec NAME`. */
export class ChildCommands implements CommandRunner {
  readonly #prefix: readonly string[];

  constructor(prefix: readonly string[] = []) {
    this.#prefix = prefix;
  }

  run(command: string, args: readonly string[], input = ''): Promise<string> {
    const [program = command, ...rest] = [...this.#prefix, command, ...args];
    return new Promise((resolve, reject) => {
      const child = spawn(program, rest);
      // Not spawn's own timeout: that one goes on waiting for programs that could not even be started.
      const limit = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      let bytes = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
        else out.push(chunk);
      });
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      // A program that ends before it has read everything says why by its exit code.
      child.stdin.on('error', () => undefined);
      child.on('error', (error) => {
        clearTimeout(limit);
        reject(new CommandError(command, undefined, error.message));
      });
      child.on('close', (code) => {
        clearTimeout(limit);
        const stderr = Buffer.concat(err).toString('utf8');
        if (code === 0) resolve(Buffer.concat(out).toString('utf8'));
        else reject(new CommandError(command, code ?? undefined, stderr));
      });
      child.stdin.end(input);
    });
  }
}

/** A kernel setting and why it is wanted. */
interface Setting {
  readonly path: string;
  readonly why: string;
}

const SETTINGS: readonly Setting[] = [
  { path: 'net/ipv4/ip_forward', why: 'pods reach other networks' },
  { path: 'net/ipv4/conf/all/route_localnet', why: 'node ports answer on 127.0.0.1' },
  { path: 'net/bridge/bridge-nf-call-iptables', why: 'pods of one bridge reach services' },
];

/**
 * Switches on what routing needs.
 * @returns what could not be switched on, in words
 */
export async function prepareKernel(commands: CommandRunner): Promise<string[]> {
  const problems: string[] = [];
  await commands.run('modprobe', ['br_netfilter']).catch(() => undefined);
  for (const { path, why } of SETTINGS) {
    try {
      await writeFile(`/proc/sys/${path}`, '1');
    } catch (error) {
      problems.push(`${path.replaceAll('/', '.')} (so that ${why}): ${errorMessage(error)}`);
    }
  }
  return problems;
}
