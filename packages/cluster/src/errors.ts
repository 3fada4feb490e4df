import { ConfigError } from '@kubets/platform';

/** Starting the cluster failed for a reason the user can mend; the message says how. Exit code 1. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}

/** Not finished in time, and maybe only slow: what was begun stays and can be gone on with. */
export class LateError extends StartError {}

/** The cluster does not know the token, or does not yet: a new one counts once the controller-manager has signed with it. */
export class TokenError extends ConfigError {}
