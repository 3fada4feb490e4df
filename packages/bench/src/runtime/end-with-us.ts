/** Children that are not to outlive the run. */
import type { ChildProcess } from 'node:child_process';

/** A signal that is not the terminal's reaches this process alone: what it started is ended when it ends. */
export function endWithUs<T extends ChildProcess>(child: T): T {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return child;
}
