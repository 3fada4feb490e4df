import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { MAX_UDP_BYTES, PLAIN_UDP_BYTES } from '../limits.ts';

/** Response codes in use (RFC 1035 §4.1.1, RFC 6891). */
export const RCODE = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const HEADER_BYTES = 12;
const OPCODE_MASK = 0x7800;
const RESPONSE_BIT = 0x8000;
const DO_BIT = 0x8000;

/** A client's question, read. */
export interface Query {
  id: number;
  question: Question;
  recursionDesired: boolean;
  /** Present when the client speaks EDNS; the largest UDP answer it takes. */
  edns: { udpBytes: number; dnssecOk: boolean } | undefined;
}

/** A message that is no usable query: what to answer, or nothing at all. */
export interface BadQuery {
  id: number;
  rcode: number;
}

/**
 * Reads a message from a client. `undefined`: not to be answered (too short, or itself a response,
 * which must never be answered, or two servers could talk for ever).
 */
export function readQuery(bytes: Buffer): Query | BadQuery | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2);
  if (flags & RESPONSE_BIT) return undefined;
  if (flags & OPCODE_MASK) return { id, rcode: RCODE.notImplemented };
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    // Whatever is wrong with it, the client is told that it cannot be read.
    return { id, rcode: RCODE.formatError };
  }
  const [question, ...more] = packet.questions ?? [];
  if (!question || more.length > 0) return { id, rcode: RCODE.formatError };
  if (question.class !== undefined && question.class !== 'IN') return { id, rcode: RCODE.refused };
  return {
    id,
    question,
    recursionDesired: (flags & RECURSION_DESIRED) !== 0,
    edns: ednsOf(packet),
  };
}

function ednsOf(packet: Packet): Query['edns'] {
  const opt = packet.additionals?.find((a): a is OptAnswer => a.type === 'OPT');
  if (!opt) return undefined;
  return { udpBytes: opt.udpPayloadSize, dnssecOk: (opt.flags & DO_BIT) !== 0 };
}

export const isBad = (query: Query | BadQuery): query is BadQuery => 'rcode' in query;

/** What to say to a query. */
export interface Reply {
  rcode: number;
  authoritative: boolean;
  answers: Answer[];
  authorities: Answer[];
  additionals: Answer[];
}

export const emptyReply = (rcode: number, authoritative = false): Reply => ({
  rcode,
  authoritative,
  answers: [],
  authorities: [],
  additionals: [],
});

/** Bytes a UDP answer to this client may have. */
export function udpLimit(query: Query): number {
  const asked = query.edns?.udpBytes ?? PLAIN_UDP_BYTES;
  return Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, asked));
}

/** The message for a client, cut to `maxBytes` with the TC bit set when it does not fit. */
export function writeReply(query: Query, reply: Reply, maxBytes: number): Buffer {
  const whole = encodeReply(query, reply, false);
  if (whole.length <= maxBytes) return whole;
  // Additional records may go without a word; answers may not.
  const bare = encodeReply(query, { ...reply, additionals: [] }, false);
  if (bare.length <= maxBytes) return bare;
  for (let keep = reply.answers.length - 1; keep > 0; keep = Math.floor(keep / 2)) {
    const answers = reply.answers.slice(0, keep);
    const cut = encodeReply(query, { ...reply, answers, additionals: [] }, true);
    if (cut.length <= maxBytes) return cut;
  }
  return encodeReply(query, emptyReply(reply.rcode, reply.authoritative), true);
}

function encodeReply(query: Query, reply: Reply, truncated: boolean): Buffer {
  const flags =
    reply.rcode |
    RECURSION_AVAILABLE |
    (query.recursionDesired ? RECURSION_DESIRED : 0) |
    (reply.authoritative ? AUTHORITATIVE_ANSWER : 0) |
    (truncated ? TRUNCATED_RESPONSE : 0);
  return encode({
    type: 'response',
    id: query.id,
    flags,
    questions: [query.question],
    answers: reply.answers,
    authorities: reply.authorities,
    additionals: query.edns
      ? [...reply.additionals, optRecord(query.edns.dnssecOk)]
      : reply.additionals,
  });
}

/** The answer to a message that could not be read as a query: its header only. */
export function writeBad(bad: BadQuery): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt16BE(bad.id, 0);
  buffer.writeUInt16BE(RESPONSE_BIT | RECURSION_AVAILABLE | bad.rcode, 2);
  return buffer;
}

export function optRecord(dnssecOk: boolean): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_UDP_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: dnssecOk ? DO_BIT : 0,
    flag_do: dnssecOk,
    options: [],
  };
}
