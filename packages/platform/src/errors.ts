/** The user gave something that cannot work. Its message is one line that says what to do; the process exits with code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The code property of a system error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
