/** Every bound of the tool, in one place. Milliseconds, bytes and counts say so in their names. */
export const LIMITS = {
  /** Faults of one run. */
  faults: 100_000,
  /** Members of a cluster the tool starts. */
  members: 7,
  /** Entries a member keeps in its log: so few that logs are cut and snapshots sent while a run lasts. */
  logEntries: 1_000,
  /** A client's request, from sending to giving up on the answer. */
  requestMs: 1_500,
  /** How long a client waits for a connection before it takes another member for its next request. */
  connectMs: 400,
  /** A request to the Kubernetes API, and a rolling deployment while masters fail. */
  kubeRequestMs: 3_000,
  rolloutMs: 120_000,
  /** One try of the probe that measures how long nothing can be written, and the pause between tries. */
  probeMs: 300,
  probePauseMs: 10,
  /** How often each member is asked whether it leads. */
  leaderPollMs: 100,
  /** Without an acknowledged write for so long, although a majority is well, the cluster counts as stuck. */
  progressMs: 60_000,
  /** A member that was ended serves again within this. */
  backMs: 60_000,
  /** A new cluster serves within this. */
  readyMs: 60_000,
  /** Watchers have seen everything within this after the traffic has ended. */
  watchersMs: 60_000,
  /** What watchers of a cluster that is stuck can still tell is waited for so long. */
  stuckMs: 5_000,
  /** Leases end within their time, and this on top for changes of leader. */
  leaseGraceMs: 30_000,
  /** A command that changes the machine (ip, mount, iptables). */
  commandMs: 20_000,
  /** The longest a fault may last; its guard undoes it then. */
  faultMs: 600_000,
  /** Disks of members, when the scenario needs some: what a disk holds, and what lies behind it. */
  diskBytes: 400 * 1024 * 1024,
  diskBackingBytes: 320 * 1024 * 1024,
  /** Operations kept for the verdict. */
  operations: 2_000_000,
  /** Bytes kept of what a member says. */
  outputBytes: 64 * 1024,
} as const;
