/** What a command may do to the outside, apart from the cluster itself. */
export interface Io {
  readonly isTerminal: boolean;
  /** Results, for pipes. */
  out(text: string): void;
  /** Progress and messages for people. */
  err(text: string): void;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Aborted by a second Ctrl-C: stop at once, in whatever order. */
  readonly insisted: AbortSignal;
  /** Tells a waiting parent that the cluster is ready. */
  ready(): void;
}
