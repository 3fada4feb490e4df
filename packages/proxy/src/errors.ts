/** A command of the system failed. Its message carries what the command said. */
export class CommandError extends Error {
  readonly command: string;
  /** The exit code; undefined when it could not be run or was killed. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(command: string, exitCode: number | undefined, stderr: string) {
    super(`${command} failed (${exitCode ?? 'not run'}): ${stderr.trim() || 'no output'}`);
    this.name = 'CommandError';
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}
