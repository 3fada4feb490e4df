/** Starting the cluster failed for a reason the user can mend; the message says how. Exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
