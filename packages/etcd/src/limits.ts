/** Every bound of the store's state side, in one place. Bytes, milliseconds and counts say so in their names. */

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Codec: buffer kept between encodings. */
  codecScratchBytes: 256 * KIB,
  /** Codec: nesting of messages (transactions in transactions). */
  messageDepth: 100,

  /** A request's size on the wire, as etcd's `--max-request-bytes`. */
  requestBytes: 1.5 * MIB,
  /** What a request may be larger than that before its stream is cut, so that the limit can be answered properly. */
  requestOverheadBytes: 512 * KIB,
  /** Operations in one transaction, at every level of nesting, as etcd's `--max-txn-ops`. */
  txnOps: 128,
  /** Learners at a time, as etcd's `--max-learners`. */
  learners: 1,
  /** Bytes of the writes that share one log entry; a larger single write has one to itself. */
  entryBytes: 1 * MIB,
  /** Writes under way at one member before more are refused. */
  writesWaiting: 50_000,
  /** Pause between looks for writes that have waited too long. */
  waiterSweepMs: 250,
  /** A write's patience where nobody has led for longer than an election takes. */
  leaderlessWriteMs: 2_000,
  /** More than lost members can have written that a survivor has not heard of. */
  recoverSkipsRevisions: 1_000_000_000,
  /** A write's patience, to which two election timeouts are added. */
  writeTimeoutMs: 5_000,
  /** Election timeouts without a leader before streams that ask for one are ended. */
  leaderlessElections: 3,
  /** Pause between looks whether a full store has space again. */
  quotaCheckMs: 1_000,
  /** How long calls under way may go on when the member stops. */
  drainMs: 2_000,
  /** Compaction by revisions looks this often; compaction by time ten times in its period or in this, if less. */
  revisionCompactionMs: 5 * 60_000,
  periodicCompactionMs: 60 * 60_000,
  /** Leases: pause between looks for expired ones, and how many are ended at a time. */
  leaseCheckMs: 500,
  leaseExpiriesAtOnce: 1_000,
  /** Leases: renewals of one stream that wait for their answer. */
  keepAlivesWaiting: 1_000,
  /** Auth: passwords waiting to be hashed, and how long the thread that hashes them outlives the last one. */
  passwordsWaiting: 1_000,
  passwordThreadIdleMs: 30_000,
  /** Auth: simple tokens in use; the oldest go first. */
  simpleTokens: 100_000,
  /** Auth: how long a simple token is good for after its last use, as etcd's `--auth-token-ttl`. */
  simpleTokenMs: 5 * 60_000,
  /** Auth: times a login is tried again because users or roles changed meanwhile. */
  loginTries: 10,

  /** Stored bytes before the store refuses writes that add to it, as etcd's `--quota-backend-bytes`. */
  quotaBackendBytes: 2 * 1024 * MIB,

  /** Door: streams of one connection, and the bytes a stream and a connection may have under way towards us. */
  streamsPerConnection: 1_000_000,
  streamWindowBytes: 1 * MIB,
  connectionWindowBytes: 16 * MIB,
  listenBacklog: 4_096,
  /** Door: how long a client may take to begin, and all headers of one of its calls. */
  openingMs: 10_000,
  headerBytes: 64 * KIB,
  /** Door: calls a client may give up on one connection, at once and a second. */
  resetBurst: 100_000,
  resetsPerSecond: 10_000,
  /** Door: small messages of one turn that are written together; buffers for messages to many, and how many are kept. */
  outboxBytes: 64 * KIB,
  frameBufferBytes: 256 * KIB,
  /** Door: frames up to here get a buffer of just their size. */
  smallFramesBytes: 16 * KIB,
  frameBuffersKept: 64,
  /** Pieces of one message that are kept while other streams may send the same. */
  sharedFrames: 64,
  /** Ranges: pairs from which on an answer is encoded while it is sent; bytes of it under way. */
  rangeStreamPairs: 100,
  rangeBacklogBytes: 1 * MIB,
  /** Door: a client connection that answers no ping for this long is closed. */
  clientPingMs: 20_000,

  /** Compaction: keys swept before other work gets its turn. Hashing: versions. */
  sweepKeysPerTurn: 2_000,
  hashedPerTurn: 5_000,
  /** Storage: how long changes may wait in memory before they are written. */
  storageFlushMs: 1_000,
  /** Storage: so many records are written at once: what the log's syncs then wait for on the same disk stays short. */
  storageFlushRecords: 4_000,
  /** Storage: changes put into a batch before other work gets its turn. */
  storageOpsPerTurn: 250,
  /** Storage: records encrypted anew before other writes get their turn. */
  refreshedPerTurn: 500,
  /** Storage: records waiting to be written before new writes are refused. */
  storageBacklogRecords: 2_000_000,
  /** History on disk: the smallest value it is worth it for, bytes written at once, bytes of one file. */
  shelfMinBytes: 64,
  shelfChunkBytes: 256 * KIB,
  shelfSegmentBytes: 16 * MIB,
  /** History on disk: chunks on their way, chunks kept in memory, values kept in memory after a failure. */
  shelfChunksWriting: 64,
  shelfChunksKept: 32,
  shelfRefusals: 10_000,
  /** Storage: tables LevelDB keeps open; each may be mapped into memory. */
  storageOpenTables: 24,
  /** Storage: blocks LevelDB keeps. Everything is read once, at the start, and never again. */
  storageCacheBytes: 1 * MIB,
  /** Snapshots: bytes of one chunk, and of one record. */
  snapshotChunkBytes: 256 * KIB,
  snapshotRecordBytes: 64 * MIB,
  /** Reading a stock etcd's database: how deep pages may lie, bytes of one page, buckets, leases. */
  databaseDepth: 32,
  databasePageBytes: 128 * MIB,
  databaseBuckets: 1_000,
  databaseLeases: 10_000_000,

  /** Watch: values read from history for one message; a revision is never split for it. */
  watchCatchUpBytes: 3 * MIB,
  /** Watch: events of one message for those who let their messages be split. */
  watchFragmentBytes: 1.5 * MIB,
  /** Watch: bytes of one write to a stream when a message goes to many of its watchers. */
  watchWriteBytes: 224 * KIB,
  watchersPerStream: 100_000,
  /** Watch: requests of one stream whose sender's rights are being looked at. */
  watchRequestsWaiting: 10_000,
  /** Watch: bytes waiting in one stream before its watchers fall back to catching up. */
  watchBufferBytes: 4 * MIB,
  /** Watch: pause between progress messages to quiet watchers that asked for them. */
  watchProgressMs: 10 * 60_000,

  /** Client: connections are given up for another endpoint after this long. */
  clientConnectMs: 3_000,
  /** Client: a request's whole time, retries included. */
  clientRequestMs: 10_000,
  /** Client: one try of a read, so that a member that hangs does not use up the whole time. */
  clientReadAttemptMs: 3_000,
  /** Client: longer than a member that has long been without a leader lets a write wait for one (`leaderlessWriteMs`). */
  clientNoLeaderMs: 2_500,
  /** Client: an answer's size. */
  clientAnswerBytes: 512 * MIB,
  /** Client: what a server may send ahead on a connection, and of each answer. */
  clientWindowBytes: 16 * MIB,
  /** Client: a connection that was silent for so long is tried beside the next call, and must answer soon. */
  clientQuietMs: 10_000,
  clientPingAnswerMs: 5_000,
  /** Client: a watch stream that is not confirmed by then is given up. */
  clientWatchOpenMs: 5_000,
  /** Client: how long a watch waits for the leader to be found before it opens its stream elsewhere. */
  clientLeaderWaitMs: 250,
  /** Client: pause before a retry, at first and at most. */
  clientRetryMs: 20,
  clientRetryMaxMs: 1_000,
} as const;
