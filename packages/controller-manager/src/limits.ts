/** Every number that bounds the control loops. Durations in milliseconds unless the name says else. */

/** Most pods one reconcile of a ReplicaSet creates or deletes; the rest follows on the next pass. */
export const REPLICA_BURST = 500;

/** First batch of a slow start; each later batch doubles while nothing fails. */
export const SLOW_START_INITIAL_BATCH = 1;

/** After this long an unseen creation or deletion no longer holds a controller back. */
export const EXPECTATION_TIMEOUT_MS = 300_000;

/** Most addresses in one EndpointSlice. */
export const MAX_ENDPOINTS_PER_SLICE = 100;

/** Most addresses in one Endpoints object; further ones are cut and an annotation says so. */
export const MAX_ENDPOINTS_PER_OBJECT = 1000;

/** Most addresses of one subset of an Endpoints object that are shown in a slice. */
export const MAX_MIRRORED_ADDRESSES = 1000;

/** Workers per controller: enough to overlap round trips, few enough to keep memory flat. */
export const DEFAULT_CONCURRENCY = 5;

/**
 * The same for Deployments and ReplicaSets: bringing up a small one is half a dozen answers to wait for, one after the other,
 * and with few at a time those waits are all that limits how fast a cluster fills up.
 */
export const REPLICA_CONCURRENCY = 25;

/** Objects asked for in one page when a loop reads a whole resource. */
export const LIST_PAGE_SIZE = 500;

/** How long a namespace whose content is still going away waits before it is looked at again. */
export const NAMESPACE_RETRY_MS = 1_000;

/** Parallel deletions while a namespace is emptied. */
export const NAMESPACE_DELETE_CONCURRENCY = 8;

/** Finished pods kept in the whole cluster before the oldest are removed. */
export const TERMINATED_POD_THRESHOLD = 12_500;

/** Period of the pod garbage collection. */
export const POD_GC_PERIOD_MS = 20_000;

/** A pod's node must be missing for this long before the pod is removed. */
export const POD_GC_QUARANTINE_MS = 40_000;

/** Nodes per second that may be tainted NoExecute in a healthy zone. */
export const NODE_EVICTION_RATE = 0.1;

/** The same in a zone where most nodes are unhealthy, if the zone is large. */
export const SECONDARY_NODE_EVICTION_RATE = 0.01;

/** Zones up to this size get no evictions at all while most of their nodes are unhealthy. */
export const LARGE_ZONE_THRESHOLD = 50;

/** Share of unhealthy nodes from which a zone counts as disrupted. */
export const UNHEALTHY_ZONE_THRESHOLD = 0.55;

/** A node that was never heard of gets this long at first. */
export const NODE_STARTUP_GRACE_MS = 60_000;

/** A name server whose node does not exist this long after it registered belongs to a node that was removed. */
export const MISSING_NODE_GRACE_MS = 120_000;

/** Owners known to be gone that the garbage collector remembers. */
export const ABSENT_OWNER_CACHE = 500;

/** Objects the garbage collector looks at at once; each waits for two answers. The stock process's number. */
export const GC_CONCURRENCY = 20;
/** How long the first lists of custom kinds may take before collection begins without them. */
export const GC_CUSTOM_KINDS_WAIT_MS = 30_000;

/** How often extension servers are asked what kinds they have. */
export const EXTENSION_KINDS_PERIOD_MS = 30_000;

/** Attempts to find a free ReplicaSet name before the loop gives up until its next pass. */
export const MAX_HASH_COLLISIONS = 16;

/** Longest status or event message a controller writes. */
export const MAX_MESSAGE_LENGTH = 1024;

/** From so many missed runs of a CronJob on its author is told. */
export const MANY_MISSED_RUNS = 100;

/** Wait before a Job tries again after its first failed pod; doubles with each further one. */
export const JOB_BACKOFF_MS = 10_000;
export const JOB_BACKOFF_MAX_MS = 600_000;

/** Pods of one Job released or removed at once. */
export const JOB_FINALIZER_CONCURRENCY = 16;

/** Most daemon pods one pass creates or deletes. */
export const DAEMON_BURST = 250;

/** Wait before a daemon that failed on a node is replaced again; doubles with each failure. */
export const DAEMON_BACKOFF_MS = 1_000;
export const DAEMON_BACKOFF_MAX_MS = 900_000;

/** An eviction whose pod is still there after this long is taken to have failed. */
export const DISRUPTION_TIMEOUT_MS = 120_000;

/** How often an autoscaler looks at its target, and how many do at once. */
export const AUTOSCALER_PERIOD_MS = 15_000;
export const AUTOSCALER_CONCURRENCY = 5;

/** Without a window of its own an autoscaler goes down to the highest count that was wanted in this time. */
export const AUTOSCALER_DOWNSCALE_WINDOW_MS = 300_000;

/** Objects that come and go within this time are counted once, together. */
export const QUOTA_SETTLE_MS = 500;

/** A quota is counted anew at least this often. */
export const QUOTA_RESYNC_MS = 300_000;

/** Certificates are valid this much before they were signed: clocks differ. */
export const CSR_BACKDATE_MS = 300_000;

/** Certificates shorter than this do not lose time to {@link CSR_BACKDATE_MS}. */
export const CSR_SHORT_MS = 8 * 3_600_000;

/** No certificate is signed for less. */
export const CSR_MIN_DURATION_MS = 600_000;

/** Approved, denied and failed requests are kept this long. */
export const CSR_DECIDED_KEPT_MS = 3_600_000;

/** Requests nobody decides on are kept this long. */
export const CSR_PENDING_KEPT_MS = 24 * 3_600_000;

/** Period of the removal of old certificate requests. */
export const CSR_CLEAN_PERIOD_MS = 600_000;

/** Wait before a serving certificate that does not fit its node is looked at again. */
export const CSR_RECHECK_MS = 2_000;

/** A silent node that does not let go of a volume for this long has it taken away. */
export const DETACH_TIMEOUT_MS = 360_000;

/** How often a volume that is still mounted is looked at. */
export const DETACH_RETRY_MS = 5_000;

/** Workers of each loop over certificate requests. */
export const CSR_CONCURRENCY = 2;

/** A name the server completes is at most 63 characters, five of them drawn. */
export const MAX_GENERATED_PREFIX = 58;
