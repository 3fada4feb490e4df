/** Limits of authentication, allocation and streaming; each bounds a buffer, a cache, a loop or a wait. */
export const LIMITS = {
  /** Verified token signatures kept in memory; the oldest goes first. */
  verifiedTokens: 10_000,
  /** A token stays good this long after the deletion of its object was asked for, so that shutdown work ends well. */
  deletedTokenLeewayMs: 60_000,
  /** Random picks before the whole range is looked at. */
  randomClaimAttempts: 32,
  /** A claim younger than this may belong to a write that is still on its way. Longer than any request lives. */
  claimGraceMs: 120_000,
  /** The key of an item that was given back goes away after this long. */
  freedItemTtlSeconds: 60,
  /** Pause between two checks of the service allocations. */
  repairIntervalMs: 180_000,
} as const;
