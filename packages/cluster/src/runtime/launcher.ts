import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { allocatorOf, invariant } from '@kubets/platform';
import type { Child, ChildExit, ChildRequest, Launcher } from '../ports.ts';

/** Marks every process of a cluster, so that leftovers of a killed supervisor can be found and ended. */
export const CLUSTER_MARK = 'KUBETS_CLUSTER';

/** What children inherit: no secrets of the user's shell, only what programs need to run. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_COMPILE_CACHE', 'NODE_OPTIONS'];

function childEnvironment(dataDir: string, name: string): Record<string, string> {
  const env: Record<string, string> = { [CLUSTER_MARK]: dataDir, ...allocatorOf(name) };
  for (const inherited of INHERITED) {
    const value = process.env[inherited];
    if (value !== undefined) env[inherited] = value;
  }
  return env;
}

/** Children write their logs to files of their own and sit in process groups of their own. */
export function systemLauncher(dataDir: string): Launcher {
  return {
    launch(request: ChildRequest): Child {
      const log = openSync(request.logFile, 'a', 0o600);
      const child = spawn(request.command, request.args, {
        stdio: ['ignore', log, log],
        env: childEnvironment(dataDir, request.name),
        cwd: dataDir,
        // Ctrl-C reaches the supervisor alone, which then stops everything in order.
        detached: true,
      });
      closeSync(log);
      const exited = new Promise<ChildExit>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }));
        child.once('error', () => resolve({ code: 127, signal: null }));
      });
      const { pid } = child;
      invariant(pid !== undefined, 'the command can be run', { command: request.command });
      return { pid, exited, kill: (signal) => child.kill(signal) };
    },
  };
}
