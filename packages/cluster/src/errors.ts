import { ConfigError } from '@kubets/platform';

/** Starting the cluster failed for a reason the user can mend; the message says how. Exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** The cluster does not know the token, or does not yet: a new one counts once the controller-manager has signed with it. */
export class TokenError extends ConfigError {}
