/** Every number that bounds the supervisor. */
export const limits = {
  /** Odd counts only make sense: an even one adds cost, not tolerance (Raft paper, §2). */
  maxMasters: 7,
  maxNodes: 16,
  maxHollowNodes: 10_000,
  maxExpectedNodes: 30_000,
  /** Below this much free space a store would soon refuse to write. */
  minFreeBytes: 512 * 1024 * 1024,
  /** A process that dies this often before it was ever ready makes the start fail. */
  startAttempts: 3,
  restartInitialMs: 200,
  restartMaxMs: 10_000,
  /** Staying up this long earns a process a fresh back-off. */
  stableAfterMs: 30_000,
  /** Time a process gets between SIGTERM and SIGKILL. */
  stopGraceMs: 12_000,
  readyTimeoutMs: 120_000,
  /** A runtime that is started only to take its pods down. */
  wakeTimeoutMs: 30_000,
  probeIntervalMs: 150,
  probeTimeoutMs: 1_000,
  warmTimeoutMs: 60_000,
  logFileBytes: 64 * 1024 * 1024,
  frontDoorConnections: 10_000,
  frontDoorConnectMs: 1_000,
  certificateDays: 365,
  caDays: 3_650,
  renewBeforeDays: 60,
  /** Processes of one host; a stage of a host waits as long as it takes. */
  storeCallMs: 5_000,
  /** A snapshot, or its restoration. */
  storeCommandMs: 600_000,
  /** Masters are looked up this often. */
  mastersLookMs: 10_000,
  /** A host that cannot start tries again after this long. */
  hostRetryMs: 5_000,
  hostLookMs: 300,
  /** Certificates of a running master are looked at this often. */
  certificateLookMs: 6 * 3_600_000,
  conflictTries: 5,
  joinRequestMs: 10_000,
  /** Each of the cluster's ports answers a joining host within this time. */
  reachMs: 3_000,
  joinAnswerBytes: 1024 * 1024,
  /** Clocks may differ by this much: certificates are dated back five minutes. */
  clockSkewMs: 120_000,
  tokenTtlMs: 24 * 3_600_000,
  /** Pods without a wish of their own stay bound to a node that is away for this long. */
  lostNodeTolerationSeconds: 30,
  certificateKeyTtlMs: 2 * 3_600_000,
} as const;
