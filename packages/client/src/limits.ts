/** The bounds of the package. Times are milliseconds. */

/** How long one call may take, the tries on other endpoints included. */
export const CALL_DEADLINE_MS = 10_000;
/** How long a read may take on one endpoint before another one is asked. */
export const READ_TRY_MS = 4_000;
/** How long a list may bring nothing. It moves a whole resource, so how long all of it takes depends on the cluster. */
export const LIST_DEADLINE_MS = 60_000;
/** How long to wait for a connection to one endpoint while others are left to try. */
export const CONNECT_TRY_MS = 1_500;
/** How long a failed endpoint is passed over. */
export const ENDPOINT_PAUSE_MS = 1_000;
/** The pause between two rounds over all endpoints. */
export const ROUND_PAUSE_MS = 200;
/** Creations that travel in one call: so many, of so many bytes together, and such calls under way at once. */
export const BATCH_ITEMS = 128;
export const BATCH_BYTES = 1024 * 1024;
export const BATCHES_IN_FLIGHT = 4;
/** Creations that wait for one of these calls; further ones are refused. */
export const BATCH_WAITING = 16_384;
/** The largest message taken from an apiserver. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** An unanswered ping this old ends a connection, so that a stopped process is noticed. */
export const KEEPALIVE_INTERVAL_MS = 5_000;
export const KEEPALIVE_TIMEOUT_MS = 5_000;

/** Waits between the tries of an informer to list or watch. */
export const REFLECTOR_BACKOFF_MS = { initial: 200, max: 10_000 } as const;
/** A watch that lived this long counts as a success: the wait starts again from the shortest. */
export const WATCH_HEALTHY_MS = 5_000;

/** How long a queue's workers, or a list that is taken over, go on before others get their turn. */
export const TURN_MS = 8;

/** Waits of a work queue after failures of one key. */
export const QUEUE_BACKOFF_MS = { base: 5, max: 60_000 } as const;

/** Events waiting to be written; the oldest are dropped beyond that. */
export const MAX_PENDING_EVENTS = 1_000;
/** Events remembered so that a repetition raises a count instead of making a new object. */
export const MAX_REMEMBERED_EVENTS = 4_096;
/** Events written side by side; those about one object always follow one another. */
export const EVENT_LANES = 64;
/** How long stopping waits for events that are still to be written. */
export const FLUSH_LIMIT_MS = 2_000;
/** How long stopping waits for the lease to be handed over. */
export const RELEASE_LIMIT_MS = 2_000;
/** Tries to write one event. */
export const MAX_EVENT_TRIES = 8;
export const EVENT_BACKOFF_MS = { initial: 200, max: 5_000 } as const;
/** Events one source may write about one object at once, and how soon a further one is allowed. */
export const EVENT_BURST = 25;
export const EVENT_REFILL_MS = 300_000;

/** Changes the in-memory API keeps for watches that start in the past. */
export const FAKE_HISTORY = 10_000;
