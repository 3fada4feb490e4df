/** The bounds of the package. Times are milliseconds. */

/** The wait of a pod after its first failed try, and the longest. */
export const POD_BACKOFF_MS = { initial: 1_000, max: 10_000 } as const;
/** A pod nobody could help is tried again after this time all the same. */
export const UNSCHEDULABLE_FLUSH_MS = 5 * 60_000;
/** How often waiting pods are looked over. */
export const QUEUE_TICK_MS = 250;
/** Bindings under way at once. */
export const MAX_BINDINGS_IN_FLIGHT = 256;
/** How long a pod waits for its claims to be bound before it is tried again. */
export const VOLUME_WAIT_MS = 10 * 60_000;
/** How long scheduling goes on before other work of the process gets its turn. */
export const SLICE_MS = 10;
/** Clusters up to this size are searched whole. */
export const MIN_FEASIBLE_NODES = 100;
/** The least share of the nodes that is searched for feasible ones, in percent. */
export const MIN_FEASIBLE_PERCENT = 5;
/** What a container without requests counts for in scores: 100m and 200 MiB. */
export const ASSUMED_CPU_MILLI = 100;
export const ASSUMED_MEMORY_BYTES = 200 * 1024 * 1024;
/** The highest score a plugin gives before weights. */
export const MAX_NODE_SCORE = 100;
/** How much a required term of a pod that is there counts as a wish. */
export const ASSUMED_HARD_AFFINITY_WEIGHT = 1;
/** Nodes compared for preemption: at least so many, or this share of the nodes in percent. */
export const MIN_PREEMPTION_NODES = 100;
export const MIN_PREEMPTION_PERCENT = 10;
/** The same for pods whose filters look at the whole cluster: each try of theirs costs much more. */
export const PREEMPTION_NODES_WIDE = 10;
/** How long an extender may take where its configuration says nothing, and how much it may answer, in bytes. */
export const EXTENDER_TIMEOUT_MS = 5_000;
export const MAX_EXTENDER_ANSWER_BYTES = 128 * 1024 * 1024;
/** The highest score of an extender. */
export const MAX_EXTENDER_SCORE = 10;
