/** Faults of the control loops themselves; faults of the API are `ApiError` from `@kubets/api`. */

/** A reconcile saw a cache that has not caught up with a write; the queue tries again soon. */
export class StaleCacheError extends Error {
  constructor(what: string) {
    super(`the cache is behind: ${what}`);
    this.name = 'StaleCacheError';
  }
}

/** Work that must be retried although no single call failed, such as a namespace not yet empty. */
export class UnfinishedError extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'UnfinishedError';
  }
}
