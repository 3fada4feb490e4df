/** Limits of authentication, admission, allocation and streaming; each bounds a buffer, a cache or a wait. */
export const LIMITS = {
  /** Verified token signatures kept in memory; the oldest goes first. */
  verifiedTokens: 10_000,
  /** A token stays good this long after the deletion of its object was asked for, so that shutdown work ends well. */
  deletedTokenLeewayMs: 60_000,
  /** Attempts at a compare-and-swap before a write gives up with a conflict. */
  casAttempts: 64,
} as const;
