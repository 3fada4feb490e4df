/** The bounds of the package. Times are milliseconds. */

/** The least time between two loads of rules: changes meanwhile go together. */
export const MIN_SYNC_MS = 200;
/** How often everything is compared with the kernel and loaded again, in case somebody else changed it. */
export const FULL_SYNC_MS = 30_000;
/** Waits after a load that failed. */
export const RETRY_MS = { initial: 500, max: 30_000 } as const;
/** How long one command of the system may take. */
export const COMMAND_TIMEOUT_MS = 120_000;
/** How long to wait for another program that holds the lock of iptables, in seconds. */
export const LOCK_WAIT_SECONDS = 5;
/** Output of a command beyond this many bytes is an error. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Connections the userspace mode holds open at once. */
export const MAX_USERSPACE_CONNECTIONS = 4_096;
/** A UDP client that was silent this long is forgotten. */
export const UDP_IDLE_MS = 60_000;
/** UDP clients remembered for one port. */
export const MAX_UDP_CLIENTS = 1_024;
/** How long a dial to an endpoint may take. */
export const DIAL_TIMEOUT_MS = 3_000;
/** Times neighbours are told about an address, one second apart. */
export const ANNOUNCE_COUNT = 2;
/** How long telling them may take, in seconds. */
export const ANNOUNCE_LIMIT_SECONDS = 3;
/** Addresses told about at once. */
export const MAX_ANNOUNCERS = 8;
/** How long a request to a health check node port may take, and a connection without one may last. */
export const HEALTH_REQUEST_MS = 5_000;
/** Connections of one health check node port. */
export const MAX_HEALTH_CONNECTIONS = 64;
/** Rules that could not be loaded for this long make the node unhealthy to load balancers; the stock proxy's two full periods. */
export const HEALTH_PATIENCE_MS = 2 * FULL_SYNC_MS;
/** Changes whose way into the rules is measured at once; more are not, while loads fail. */
export const MAX_TRIGGERS = 4_096;
