/** Every bound of the apiserver, checked against each other at the end. */
import { invariant } from '@kubets/platform';

/** Largest request body. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Brackets in brackets, or dashes in a line, of a YAML body. */
export const MAX_YAML_DEPTH = 512;
/** Largest request head. */
export const MAX_HEADER_BYTES = 64 * 1024;
/** Requests under way on one connection. */
export const STREAMS_PER_CONNECTION = 1_000;
/** What a client may send of a body before anybody takes it: of one request, and of all on a connection. */
export const STREAM_WINDOW_BYTES = 64 * 1024;
export const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
/** Requests a client may give up on one connection: at once, and a second, before the connection is ended. */
export const STREAM_RESET_BURST = 20_000;
export const STREAM_RESETS_A_SECOND = 2_000;
/** Largest message on the component door; above the body limit for the envelope. */
export const MAX_GRPC_MESSAGE_BYTES = 8 * 1024 * 1024;

/** Keys read from the store at once while a cache fills. */
export const CACHE_PAGE_KEYS = 500;
/** Recent events a cache keeps for watches that resume, whatever their age. */
export const RING_EVENTS = 1_024;
/** Younger events are kept beyond that: whoever lost its connection, or reads behind, is back within this time. */
export const RING_FRESH_MS = 75_000;
/** And not even those beyond these two. */
export const RING_MAX_EVENTS = 65_536;
export const RING_BYTES = 32 * 1024 * 1024;
/** Own writes whose events have not come yet, a resource; what is beyond is parsed again. */
export const EXPECTED_WRITES = 2_048;
/** Events that watchers get in one write at most. */
export const UNTOLD_EVENTS = 256;
/** With so many watchers of a resource the events of a turn are gathered for them. */
export const MANY_WATCHERS = 32;
/** Longest pause between two rounds of telling them, each as long as the last round took. */
export const ROUND_PAUSE_MS = 50;
/** The store's members are asked for their version at most so often; when none answers, again after the other time. */
export const PROGRESS_SUPPORT_MS = 10_000;
export const PROGRESS_SUPPORT_RETRY_MS = 500;
/** A watch whose client has this much unread is cut off. */
export const MAX_WATCH_BACKLOG_BYTES = 8 * 1024 * 1024;
/** How long a read waits for a cache to catch up with the store. */
export const FRESH_WAIT_MS = 3_000;
/** How often progress is asked for while somebody waits for it. */
export const PROGRESS_POLL_MS = 100;
/** Interval of bookmarks on watches that take them. */
export const BOOKMARK_INTERVAL_MS = 30_000;

/** Attempts of an update that may be retried (no precondition of the caller's). */
export const UPDATE_ATTEMPTS = 6;
/** The store keeps at least this much history, and at most twice as much. */
export const COMPACTION_INTERVAL_MS = 300_000;
/** Values this server wrote of kinds that nobody watches, kept as the beginning of the next update. */
export const RECENT_VALUE_BYTES = 8 * 1024 * 1024;
/** Times a compare-and-swap is sent when its answer is lost, and the whole time of all of them. */
export const AMBIGUOUS_ATTEMPTS = 4;
export const SWAP_MS = 10_000;
/** With less time left it is not sent again: a member would hardly find out in it who leads now. */
export const SWAP_LEAST_MS = 2_500;
/** When the store cannot answer, clients are told to come back after this long. */
export const STORE_RETRY_SECONDS = 1;
/** Attempts to find a free generated name. */
export const GENERATE_NAME_ATTEMPTS = 8;
/** Reads of single keys under way at once; what comes meanwhile goes out together. */
export const READ_CALLS = 4;
/** Heartbeats of nodes wait at most this long for others to be served with, and so many are served in one go. */
export const HEARTBEAT_ROUND_MS = 50;
export const HEARTBEATS_A_ROUND = 100;
/** Keys in one such read; a stock etcd takes 128 steps in a transaction. */
export const READ_CALL_KEYS = 100;
/** Keys a page of a delete-collection, or of a filtered list from the store, reads. */
export const STORE_PAGE_KEYS = 500;
/** Objects of a delete-collection deleted at once. */
export const DELETE_CONCURRENCY = 8;
/** Operations in one JSON patch. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/** An HTTP/1.1 connection without a request is closed after this long, as the stock server does. */
export const IDLE_CONNECTION_MS = 90_000;

/** A request that finds no seat waits at most this long in its queue; then it is told to come back, */
export const MAX_QUEUE_WAIT_MS = 15_000;
/** … after this long. */
export const INFLIGHT_RETRY_SECONDS = 1;
/** Seats one request takes at most, and the objects a list reads for each. */
export const MAX_REQUEST_SEATS = 10;
export const OBJECTS_PER_SEAT = 100;
/** Answers above this are compressed for clients that ask. */
export const GZIP_THRESHOLD_BYTES = 128 * 1024;
/** Bytes of list items in one chunk of the component door. */
export const LIST_CHUNK_BYTES = 512 * 1024;
/** Creations in one call on the component door; each takes a seat of its own. */
export const MANY_ITEMS = 256;
/** Events in one batch of the component door. */
export const WATCH_BATCH_EVENTS = 256;
/** Watches that are ended one after the other are ended in parts, this far apart. */
export const WATCH_END_PAUSE_MS = 100;
/** A drain ends connections after this long. */
export const DRAIN_GRACE_MS = 5_000;

invariant(MAX_GRPC_MESSAGE_BYTES > 2 * MAX_BODY_BYTES, 'a body fits into a message', {});
invariant(MAX_WATCH_BACKLOG_BYTES > MAX_BODY_BYTES, 'an object fits into a watch backlog', {});
invariant(LIST_CHUNK_BYTES + MAX_BODY_BYTES < MAX_GRPC_MESSAGE_BYTES, 'a chunk fits', {});

/** Protobuf messages of cached objects that are kept beside their JSON bytes. */
export const PROTOBUF_CACHE_BYTES = 32 * 1024 * 1024;

/** Events a watch may be behind its conversion webhook. */
export const MAX_UNCONVERTED_EVENTS = 4_096;
/** Characters of an answer's warnings together; where they are more, of each of them. */
export const WARNING_RUNES = { total: 4_096, each: 256 } as const;
