/** What the `kubets` command started ends with it, however that ended. */
import { Socket } from 'node:net';

/** The name of the variable that says which descriptor is a pipe from the command (`packages/cluster/bin/hand-over.js`). */
const PIPE = 'KUBETS_COMMAND_PIPE';

/**
 * Asks this process to stop (SIGTERM) when the command that runs it is gone. A signal the command gets it passes on; killed, it
 * cannot, but the pipe it holds is closed then. Without such a pipe this does nothing.
 */
export function endWithParent(): void {
  const fd = process.env[PIPE];
  if (fd === undefined) return;
  // It is no concern of what this process starts.
  delete process.env[PIPE];
  const pipe = new Socket({ fd: Number(fd), readable: true, writable: false });
  pipe.on('end', () => process.kill(process.pid, 'SIGTERM'));
  pipe.on('error', () => undefined);
  pipe.resume();
  pipe.unref();
}
