/** What commands get of the world. */

import type { Clock } from '@kubets/platform';

export interface Io {
  /** Results, for pipes. */
  out(text: string): void;
  /** Progress and messages for people. */
  err(text: string): void;
  readonly clock: Clock;
  /** Where a cluster of this machine may be, the likeliest first. */
  readonly dataDirs: readonly string[];
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** A command has done its work, and what it found is not good: exit code 1 without a message of its own. */
export class CommandFailure extends Error {
  override name = 'CommandFailure';
}
