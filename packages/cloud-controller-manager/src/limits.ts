/** Every number that bounds the loops. Durations in milliseconds unless the name says else. */

/** Longest message in an event. */
export const MAX_MESSAGE_LENGTH = 1024;

/** Nodes named in an event; more are counted only. */
export const MAX_NAMED_NODES = 10;

/** Services worked on at once, at most: a provider may take long for each. */
export const MAX_SERVICE_SYNCS = 50;

/** Nodes initialised at once, at most. */
export const MAX_NODE_SYNCS = 50;

/** Largest `--cloud-config` that is read, in bytes. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
