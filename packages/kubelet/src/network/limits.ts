/** Bounds of the network agent. Times in milliseconds. */

/** One program of the system. */
export const COMMAND_TIMEOUT_MS = 30_000;
/** What one may print: ten thousand routes are a few megabytes. */
export const COMMAND_OUTPUT_BYTES = 32 * 1024 * 1024;
/** Changes of nodes are gathered this long … */
export const NETWORK_SETTLE_MS = 100;
/** … and the kernel is compared with the plan this often even when nothing changed: others may have meddled. */
export const NETWORK_RESYNC_MS = 30_000;
/** Waits between attempts after a failure. */
export const NETWORK_RETRY_MS = { base: 500, max: 30_000 } as const;

/** Marks our routes in the kernel (`ip route show proto 107`), so that no others are touched. */
export const ROUTE_PROTOCOL = 107;
/** VXLAN: the network's number, IANA's port, and what the encapsulation takes of each packet. */
export const VXLAN_ID = 27_509;
export const VXLAN_PORT = 4_789;
export const VXLAN_OVERHEAD_BYTES = 50;
