/** What commands have of the world. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Aborted by Ctrl-C: end in order. */
  readonly signal: AbortSignal;
  /** Wall time in milliseconds. */
  now(): number;
}
