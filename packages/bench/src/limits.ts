/** The bounds of the benchmark of nodes. Times are milliseconds. */

/** Streams on one connection, whatever more the server would allow. */
export const MAX_STREAMS = 1_000;
/** Requests side by side on one connection. */
export const REQUESTS_A_SESSION = 100;
export const WINDOW_BYTES = 8 * 1024 * 1024;
export const REQUEST_TIMEOUT_MS = 60_000;
/** Requests of one process of hollow nodes under way at once; more wait in it. */
export const REQUESTS_IN_FLIGHT = 64;
/** Waits between the tries of one request. */
export const RETRY_MS = { initial: 200, max: 5_000 } as const;

/** What a kubelet does by the clock. */
export const LEASE_RENEW_MS = 10_000;
export const LEASE_SECONDS = 40;
export const NODE_CHECK_MS = 10_000;
export const NODE_REPORT_MS = 300_000;

/** Hollow nodes of one process. */
export const NODES_A_PROCESS = 2_500;
/** How often processes of hollow nodes say how they are, and how often everything is looked at. */
export const SAMPLE_MS = 2_000;
export const SAVE_MS = 10_000;
/** Time between two writes of the probe. */
export const PROBE_MS = 250;
export const PROBE_TIMEOUT_MS = 2_000;
/** Longer between two answered writes of the probe, and the API counts as away. */
export const OUTAGE_MS = 1_000;
/** Writes of the coordinator under way at once. */
export const COORDINATOR_IN_FLIGHT = 48;
/** A phase that makes no step for so long has failed. */
export const STALL_MS = 180_000;
