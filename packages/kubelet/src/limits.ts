/** Every bound of the kubelet, in one place. Times are milliseconds unless the name says otherwise. */

/** Where the door is unless it is told otherwise. */
export const DEFAULT_DOOR_PORT = 10_250;
/** How often the runtime is asked for changes nobody announced. */
export const RELIST_PERIOD_MS = 1_000;
/** A pod is looked at again after this long even when nothing happened: volumes are refreshed then. */
export const POD_RESYNC_MS = 60_000;
/** Files of running pods are compared with their sources this often, at the next look. */
export const VOLUME_REFRESH_MS = 45_000;
/** A failed look at a pod is repeated after this long. */
export const POD_RETRY_MS = 2_000;

/** A pod's status waits this long for its next change before it is sent. */
export const STATUS_GATHER_MS = 10;

/** Crashing containers and failing image pulls wait this long at first, then twice as long each time … */
export const BACKOFF_INITIAL_MS = 10_000;
/** … up to this. Quiet for twice as long, the wait starts afresh. */
export const BACKOFF_MAX_MS = 300_000;

/** The node's lease is renewed this often … */
export const LEASE_RENEW_MS = 10_000;
/** … and lasts this many seconds without renewal. */
export const LEASE_DURATION_SECONDS = 40;
/** The node's status is looked at this often … */
export const NODE_STATUS_CHECK_MS = 10_000;
/** … and sent at least this often. */
export const NODE_STATUS_REPORT_MS = 300_000;

/** … and more often until the node is ready: this long between the first looks, up to that between later ones. */
export const NODE_STARTUP_CHECK_MS = 200;
export const NODE_STARTUP_MAX_MS = 2_000;

/** A container that is stopped gets at least this many seconds. */
export const MIN_GRACE_SECONDS = 1;
/** Grace of pods that were deleted while the kubelet did not look. */
export const ORPHAN_GRACE_SECONDS = 1;
export const DEFAULT_GRACE_SECONDS = 30;

/** Dead containers kept per container name, for `logs --previous`. */
export const DEAD_CONTAINERS_KEPT = 1;
/** A log file larger than this is rotated; … */
export const LOG_MAX_BYTES = 10 * 1024 * 1024;
/** … this many files are kept per container, the current one included. */
export const LOG_MAX_FILES = 3;
/** How often log sizes, dead containers and images are looked after. */
export const HOUSEKEEPING_MS = 30_000;

/** Longest termination message read from a file, and from the log as a fallback. */
export const TERMINATION_MESSAGE_BYTES = 4_096;
export const TERMINATION_LOG_BYTES = 2_048;
export const TERMINATION_LOG_LINES = 80;

/** Most bytes of a probe's HTTP answer that are read; its output in an event is cut to the second number. */
export const PROBE_BODY_BYTES = 10 * 1024;
export const PROBE_OUTPUT_CHARS = 1_024;
/** Redirects an HTTP probe follows. */
export const MAX_PROBE_REDIRECTS = 10;
/** Longest lifecycle HTTP hook. */
export const HOOK_HTTP_TIMEOUT_MS = 30_000;

/** How long a ConfigMap or Secret that was read stays good for the next pod. */
export const OBJECT_CACHE_MS = 3_000;
/** Most ConfigMaps and Secrets remembered. */
export const OBJECT_CACHE_ENTRIES = 5_000;
/** Service account tokens live this long by default and are replaced after this share of their life. */
export const TOKEN_SECONDS = 3_607;
export const TOKEN_REFRESH_SHARE = 0.8;

/** Deadlines of calls to the runtime. */
export const RUNTIME_CALL_MS = 120_000;
export const IMAGE_PULL_MS = 600_000;

/** Sandboxes and containers one node makes at the same time: more only wait for each other in the runtime. */
export const MAKING_AT_ONCE = 6;
export const DEFAULT_MAX_PODS = 110;

/** Streaming: bytes held for a slow reader before the other side is paused, frames and headers accepted. */
export const STREAM_BUFFER_BYTES = 1024 * 1024;
export const SPDY_MAX_FRAME_BYTES = 16 * 1024 * 1024 - 1;
export const SPDY_CHUNK_BYTES = 32 * 1024;
export const SPDY_WINDOW_BYTES = 64 * 1024;
/** Connections to the kubelet's door. */
export const DOOR_MAX_CONNECTIONS = 1_000;
/** A log line longer than this is cut when it is read back. */
export const LOG_LINE_MAX_BYTES = 256 * 1024;
/** Chunk size of log reads. */
export const LOG_READ_BYTES = 64 * 1024;
/** Search path of a pod: at most this many domains and characters. */
export const DNS_MAX_SEARCHES = 32;
export const DNS_MAX_SEARCH_CHARS = 2_048;
export const DNS_MAX_SERVERS = 3;
/** A followed log looks whether its container still runs this often. */
export const LOG_FOLLOW_CHECK_MS = 1_000;
/** How often a certificate request is looked at, at first and later, and how long one is waited for. */
export const CERTIFICATE_POLL_MS = 100;
export const CERTIFICATE_POLL_MAX_MS = 2_000;
export const CERTIFICATE_WAIT_MS = 15 * 60_000;
/** Pauses between tries to renew a certificate. */
export const CERTIFICATE_RETRY_MS = 500;
export const CERTIFICATE_RETRY_MAX_MS = 60_000;
/** A certificate's age is looked at this often. */
export const CERTIFICATE_LOOK_MS = 60_000;
/** One try at the API with a bootstrap token, and the longest answer. */
export const BOOTSTRAP_TRY_MS = 5_000;
export const BOOTSTRAP_ANSWER_BYTES = 1024 * 1024;
/** Ports of one port-forward over channels: each has two, and a channel is one byte. */
export const MAX_FORWARDED_PORTS = 120;

/** How long a pod may take to accept a connection asked for at the door; the apiserver waits as long. */
export const POD_CONNECT_MS = 10_000;
/** Verdicts of the apiserver about who may ask for what, and whose a token is, kept at most. */
export const DOOR_VERDICTS = 1_000;
