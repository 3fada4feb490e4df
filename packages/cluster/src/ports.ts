/** What the supervisor needs of the world. */

/** A running operating-system process. */
export interface Child {
  readonly pid: number;
  /** Resolves once, when it has ended. */
  readonly exited: Promise<ChildExit>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ChildRequest {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
}

/** Starts processes. Throws when the command cannot be run at all. */
export interface Launcher {
  launch(request: ChildRequest): Child;
}

/** Asks whether a process serves. Resolves to undefined when ready, else to the reason. */
export interface Prober {
  probe(port: number): Promise<string | undefined>;
}
