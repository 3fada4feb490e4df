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
  /** Stored bytes before the store refuses writes that add to it, as etcd's `--quota-backend-bytes`. */
  quotaBackendBytes: 2 * 1024 * MIB,

  /** Client: connections are given up for another endpoint after this long. */
  clientConnectMs: 3_000,
  /** Client: a request's whole time, retries included. */
  clientRequestMs: 10_000,
  /** Client: one try of a read, so that a member that hangs does not use up the whole time. */
  clientReadAttemptMs: 3_000,
  /** Client: an answer's size. */
  clientAnswerBytes: 512 * MIB,
  /** Client: a watch stream that is not confirmed by then is given up. */
  clientWatchOpenMs: 5_000,
  /** Client: pause before a retry, at first and at most. */
  clientRetryMs: 20,
  clientRetryMaxMs: 1_000,
} as const;
