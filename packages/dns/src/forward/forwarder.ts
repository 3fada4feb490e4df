import { type Clock, errorMessage, type Logger, type Random } from '@kubets/platform';
import { decode, encode, type Packet, type Question } from 'dns-packet';
import { MAX_FORWARDS, UPSTREAM_TIMEOUT_MS, UPSTREAM_TRIES } from '../limits.ts';
import { normalName } from '../names.ts';
import { emptyReply, optRecord, RCODE, type Reply } from '../wire/message.ts';
import { AnswerCache } from './cache.ts';
import { type Exchange, exchangeTcp, exchangeUdp, type Upstream } from './exchange.ts';

const RCODE_MASK = 0x0f;
const RECURSION_DESIRED_FLAG = 0x0100;

export interface ForwarderOptions {
  upstreams: readonly Upstream[];
  clock: Clock;
  random: Random;
  log: Logger;
  udp?: Exchange;
  tcp?: Exchange;
}

/**
 * Asks other servers for names that are not the cluster's. Never throws: without an upstream, when
 * all are silent, or when too many questions wait already, the answer is a server failure.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache: AnswerCache;
  readonly #waiting = new Map<string, Promise<Reply>>();
  /** The server that answered last is asked first. */
  #preferred = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#cache = new AnswerCache(() => options.clock.monotonicMs());
  }

  /** Questions that wait for an upstream now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async ask(question: Question, dnssecOk: boolean): Promise<Reply> {
    const key = `${question.type} ${normalName(question.name)} ${dnssecOk}`;
    const cached = this.#cache.get(key);
    if (cached) return cached;
    const known = this.#waiting.get(key);
    if (known) return known;
    if (this.#options.upstreams.length === 0 || this.#waiting.size >= MAX_FORWARDS) {
      return emptyReply(RCODE.serverFailure);
    }
    const asked = this.#askUpstreams(question, dnssecOk)
      .then((reply) => {
        this.#cache.set(key, reply);
        return reply;
      })
      .finally(() => this.#waiting.delete(key));
    this.#waiting.set(key, asked);
    return asked;
  }

  async #askUpstreams(question: Question, dnssecOk: boolean): Promise<Reply> {
    const { upstreams, log } = this.#options;
    let last: Reply = emptyReply(RCODE.serverFailure);
    for (let attempt = 0; attempt < UPSTREAM_TRIES; attempt++) {
      const index = (this.#preferred + attempt) % upstreams.length;
      const upstream = upstreams[index];
      if (!upstream) break;
      try {
        const reply = await this.#askOne(upstream, question, dnssecOk);
        last = reply;
        if (reply.rcode === RCODE.serverFailure || reply.rcode === RCODE.refused) continue;
        this.#preferred = index;
        return reply;
      } catch (error) {
        log.debug({ upstream: upstream.host, reason: errorMessage(error) }, 'upstream failed');
      }
    }
    return last;
  }

  async #askOne(upstream: Upstream, question: Question, dnssecOk: boolean): Promise<Reply> {
    const { clock, random, udp = exchangeUdp, tcp = exchangeTcp } = this.#options;
    const query = encode({
      type: 'query',
      id: random.int(65_536),
      flags: RECURSION_DESIRED_FLAG,
      questions: [question],
      additionals: [optRecord(dnssecOk)],
    });
    const options = { clock, timeoutMs: UPSTREAM_TIMEOUT_MS };
    const first = readAnswer(await udp(upstream, query, options), query, question);
    if (!first.truncated) return first.reply;
    return readAnswer(await tcp(upstream, query, options), query, question).reply;
  }
}

/** @throws Error when the message is no answer to this query */
function readAnswer(
  bytes: Buffer,
  query: Buffer,
  question: Question,
): { reply: Reply; truncated: boolean } {
  const packet: Packet & { flag_tc?: boolean } = decode(bytes);
  if (packet.id !== query.readUInt16BE(0)) throw new Error('answer to another query');
  const answered = packet.questions?.[0];
  const rcode = (packet.flags ?? 0) & RCODE_MASK;
  if (answered === undefined && rcode === RCODE.ok) throw new Error('answer without a question');
  if (answered && !sameQuestion(answered, question)) throw new Error('answer to another question');
  const reply: Reply = {
    rcode,
    authoritative: false,
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
    additionals: (packet.additionals ?? []).filter((record) => record.type !== 'OPT'),
  };
  return { reply, truncated: packet.flag_tc === true };
}

function sameQuestion(a: Question, b: Question): boolean {
  return a.type === b.type && normalName(a.name) === normalName(b.name);
}
