/** Every number that bounds the name server. */

/** Time clients may keep a cluster record: short, as pods come and go. */
export const CLUSTER_TTL_SECONDS = 5;

/** Largest answer over UDP for a client without EDNS (RFC 1035 §4.2.1). */
export const PLAIN_UDP_BYTES = 512;

/** Largest answer over UDP we send or ask for: above it, packets are fragmented on common links. */
export const MAX_UDP_BYTES = 1232;

/** Largest message over TCP (RFC 1035 §4.2.2: a 16-bit length). */
export const MAX_TCP_BYTES = 65_535;

/** TCP connections open at once; further ones are closed. */
export const MAX_TCP_CONNECTIONS = 256;

/** A TCP connection without a complete query for this long is closed. */
export const TCP_IDLE_MS = 10_000;

/** Queries of one TCP connection worked on at once. */
export const MAX_TCP_PIPELINE = 16;

/** Queries waiting for an upstream server at once; further ones fail at once. */
export const MAX_FORWARDS = 512;

/** How long one upstream server is waited for. */
export const UPSTREAM_TIMEOUT_MS = 2_000;

/** Tries per query, over all upstream servers. */
export const UPSTREAM_TRIES = 3;

/** Answers kept from upstream, and how long at most. */
export const CACHE_ENTRIES = 2_000;
export const CACHE_MAX_SECONDS = 300;
/** The same for "there is no such name". */
export const CACHE_MAX_NEGATIVE_SECONDS = 30;

/** Aliases followed for one question. */
export const MAX_CNAME_STEPS = 8;

/** How often the server makes sure that it is registered. */
export const REGISTER_PERIOD_MS = 30_000;
/** The same while it is not. */
export const REGISTER_RETRY_MS = 2_000;
