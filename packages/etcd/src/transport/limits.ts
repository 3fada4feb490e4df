/** Limits of the network between members. */

/** Version of the protocol between members. */
export const PROTOCOL_VERSION = 1;
/** Messages are put into frames of about this size. */
export const FRAME_BYTES = 1024 * 1024;
/** What may wait for one member; more is dropped, and Raft sends it again. */
export const MAX_QUEUE_BYTES = 64 * 1024 * 1024;
export const MAX_QUEUE_MESSAGES = 16_384;
/** Largest frame taken: one frame of messages plus the largest single entry. */
export const MAX_FRAME_BYTES = 128 * 1024 * 1024;
/** Snapshot chunks are passed on in pieces of at most this size. */
export const SNAPSHOT_CHUNK_BYTES = 1024 * 1024;
/** A broken connection is tried again after this long, doubling up to the maximum. */
export const RECONNECT_MIN_MS = 50;
export const RECONNECT_MAX_MS = 1_000;
/** A peer that refuses us (another cluster, another version) is asked again this seldom. */
export const REFUSED_RETRY_MS = 5_000;
/** A peer that takes the connection and says nothing is given up after this long. */
export const ACCEPT_TIMEOUT_MS = 10_000;
/** Connections whose other end is gone without a word are noticed within these two together. */
export const PING_EVERY_MS = 10_000;
export const PING_ANSWER_MS = 5_000;
/** What a sender may have under way to us on one stream, and on one connection. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
/** What a peer may have under way to us in answers, which say how a call went. */
export const ANSWER_WINDOW_BYTES = 64 * 1024;
/** Calls a peer may have under way on one connection: its stream, a snapshot, and questions. */
export const MAX_CALLS = 64;
export const MAX_HEADER_BYTES = 16 * 1024;
/** Calls a peer may give up: at once, and a second. */
export const RESET_BURST = 100;
export const RESETS_PER_SECOND = 10;
/** A connection that does not begin as HTTP/2 does is given up after this long. */
export const OPENING_MS = 10_000;
/** Addresses remembered of those who have said hello. */
export const MAX_MET = 64;
/** How long a member that joins waits for one peer's answer. */
export const MEMBERS_TIMEOUT_MS = 3_000;
/** How long answers may take to go out when the member stops. */
export const DRAIN_MS = 100;
