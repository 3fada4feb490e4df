/** Programs of the system as child processes. */
import { spawn } from 'node:child_process';
import { NetworkFault } from '../../errors.ts';
import { COMMAND_OUTPUT_BYTES, COMMAND_TIMEOUT_MS } from '../limits.ts';
import type { Commands } from '../ports.ts';

/** @param prefix words before every command, such as `ip netns exec NAME` */
export function systemCommands(prefix: readonly string[] = []): Commands {
  return {
    run(program, args, input = '') {
      const [first = program, ...rest] = [...prefix, program, ...args];
      return new Promise((resolve, reject) => {
        const child = spawn(first, rest);
        // Not spawn's own timeout: that one goes on waiting for programs that could not even be started.
        const limit = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
        const out: Buffer[] = [];
        const err: Buffer[] = [];
        let bytes = 0;
        const take = (list: Buffer[]) => (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > COMMAND_OUTPUT_BYTES) child.kill('SIGKILL');
          else list.push(chunk);
        };
        child.stdout.on('data', take(out));
        child.stderr.on('data', take(err));
        // A program that ends before it has read everything says why by its exit code.
        child.stdin.on('error', () => undefined);
        child.on('error', (error) => {
          clearTimeout(limit);
          reject(new NetworkFault(`${program}: ${error.message}`, { cause: error }));
        });
        child.on('close', (code) => {
          clearTimeout(limit);
          if (code === 0) return resolve(Buffer.concat(out).toString('utf8'));
          const said = Buffer.concat(err).toString('utf8').trim();
          const how = code === null ? 'did not end in time' : `exit code ${code}`;
          return reject(new NetworkFault(`${program} ${args[0] ?? ''}: ${said || how}`));
        });
        child.stdin.end(input);
      });
    },
  };
}
