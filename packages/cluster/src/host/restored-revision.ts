/** Revisions a millisecond that the store of a cluster may give out on the average. */
const PER_MS = 10;

/**
 * How many revisions a restored store skips, so that it goes on behind everything anybody has seen: who watches from a
 * revision the store has not reached would wait for it unnoticed. A fixed number is not enough: the store that was lost
 * may have skipped as many itself, when it was recovered or restored. So it is the time: of two restorations of
 * one backup the later one goes on further, by more than what may have been written between them.
 * @param nowMs since 1970
 */
export const skippedByRestore = (nowMs: number): number => Math.floor(nowMs) * PER_MS;
