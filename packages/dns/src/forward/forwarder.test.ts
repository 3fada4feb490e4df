import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { type Answer, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet';
import { CACHE_ENTRIES, CACHE_MAX_SECONDS, MAX_FORWARDS } from '../limits.ts';
import { emptyReply, RCODE } from '../wire/message.ts';
import { AnswerCache, lifetimeSeconds } from './cache.ts';
import type { Exchange, Upstream } from './exchange.ts';
import { Forwarder } from './forwarder.ts';

const first: Upstream = { host: '192.0.2.1', port: 53 };
const second: Upstream = { host: '192.0.2.2', port: 53 };
const question = { type: 'A' as const, name: 'www.example.org' };
const record = (ttl: number, data = '203.0.113.1'): Answer => ({
  type: 'A',
  name: 'www.example.org',
  ttl,
  data,
});
const soa = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name: 'example.org',
  ttl,
  data: { mname: 'a', rname: 'b', minimum },
});

/** An upstream that answers each query with these records. */
const answering =
  (answers: Answer[], flags = 0): Exchange =>
  async (_upstream, query) => {
    const { id = 0, questions = [] } = decode(query);
    return encode({ type: 'response', id, flags, questions, answers });
  };

interface World {
  forwarder: Forwarder;
  clock: ManualClock;
  asked: string[];
}

function world(options: { udp: Exchange; tcp?: Exchange; upstreams?: Upstream[] }): World {
  const clock = new ManualClock();
  const asked: string[] = [];
  const spy =
    (name: string, inner: Exchange): Exchange =>
    (upstream, query, o) => {
      asked.push(`${name} ${upstream.host}`);
      return inner(upstream, query, o);
    };
  const refuse: Exchange = async () => {
    throw new Error('not expected');
  };
  const forwarder = new Forwarder({
    upstreams: options.upstreams ?? [first, second],
    clock,
    random: seededRandom(3),
    log: silentLogger,
    udp: spy('udp', options.udp),
    tcp: spy('tcp', options.tcp ?? refuse),
  });
  return { forwarder, clock, asked };
}

describe('forwarding', () => {
  it('asks once and remembers for the time to live', async () => {
    const { forwarder, clock, asked } = world({ udp: answering([record(60)]) });
    await forwarder.ask(question, false);
    clock.advance(20_000);
    const cached = await forwarder.ask({ ...question, name: 'WWW.example.ORG' }, false);
    assert.equal(asked.length, 1);
    assert.deepEqual(cached.answers, [{ ...record(40), class: 'IN', flush: false }]);
    clock.advance(41_000);
    await forwarder.ask(question, false);
    assert.equal(asked.length, 2);
  });

  it('asks once for the same question from many', async () => {
    const { forwarder, asked } = world({ udp: answering([record(60)]) });
    const replies = await Promise.all([1, 2, 3].map(() => forwarder.ask(question, false)));
    assert.equal(asked.length, 1);
    assert.ok(replies.every((reply) => reply.answers.length === 1));
  });

  it('goes to the next server when one is silent, and stays there', async () => {
    const udp: Exchange = (upstream, query, o) =>
      upstream === first
        ? Promise.reject(new Error('silence'))
        : answering([record(0)])(upstream, query, o);
    const { forwarder, asked } = world({ udp });
    assert.equal((await forwarder.ask(question, false)).rcode, RCODE.ok);
    await forwarder.ask(question, false);
    assert.deepEqual(asked, ['udp 192.0.2.1', 'udp 192.0.2.2', 'udp 192.0.2.2']);
  });

  it('goes to the next server when one fails or refuses', async () => {
    const udp: Exchange = (upstream, query, o) =>
      answering([record(0)], upstream === first ? RCODE.refused : 0)(upstream, query, o);
    const { forwarder } = world({ udp });
    assert.equal((await forwarder.ask(question, false)).rcode, RCODE.ok);
  });

  it('fails when all are silent, after a limited number of tries', async () => {
    const udp: Exchange = async () => {
      throw new Error('silence');
    };
    const { forwarder, asked } = world({ udp });
    assert.equal((await forwarder.ask(question, false)).rcode, RCODE.serverFailure);
    assert.equal(asked.length, 3);
  });

  it('fails at once without a server', async () => {
    const { forwarder } = world({ udp: answering([]), upstreams: [] });
    assert.equal((await forwarder.ask(question, false)).rcode, RCODE.serverFailure);
  });

  it('takes a cut answer’s whole from TCP', async () => {
    const { forwarder, asked } = world({
      udp: answering([], TRUNCATED_RESPONSE),
      tcp: answering([record(1), record(1, '203.0.113.2')]),
    });
    assert.equal((await forwarder.ask(question, false)).answers.length, 2);
    assert.deepEqual(asked, ['udp 192.0.2.1', 'tcp 192.0.2.1']);
  });

  it('does not believe answers to another question or query', async () => {
    const other: Exchange = async (_upstream, query) => {
      const { id = 0 } = decode(query);
      const questions = [{ type: 'A' as const, name: 'evil.example.org' }];
      return encode({ type: 'response', id, questions, answers: [record(60)] });
    };
    const wrongId: Exchange = async (_upstream, query) => {
      const { id = 0, questions = [] } = decode(query);
      return encode({ type: 'response', id: (id + 1) % 65_536, questions, answers: [record(60)] });
    };
    for (const udp of [other, wrongId]) {
      const { forwarder } = world({ udp });
      assert.equal((await forwarder.ask(question, false)).rcode, RCODE.serverFailure);
    }
  });

  it('refuses more than it can carry', async () => {
    const never: Exchange = () => new Promise(() => undefined);
    const { forwarder } = world({ udp: never });
    for (let i = 0; i < MAX_FORWARDS; i++) {
      void forwarder.ask({ ...question, name: `n${i}.example.org` }, false);
    }
    assert.equal(forwarder.waiting, MAX_FORWARDS);
    const one = await forwarder.ask({ ...question, name: 'more.example.org' }, false);
    assert.equal(one.rcode, RCODE.serverFailure);
  });
});

describe('how long an answer is kept', () => {
  const cases: [string, ReturnType<typeof emptyReply>, number][] = [
    ['the shortest time to live', { ...emptyReply(0), answers: [record(60), record(20)] }, 20],
    ['not for ever', { ...emptyReply(0), answers: [record(86_400)] }, CACHE_MAX_SECONDS],
    ['"no" as the zone says', { ...emptyReply(3), authorities: [soa(600, 10)] }, 10],
    ['"no" not for long', { ...emptyReply(3), authorities: [soa(600, 600)] }, 30],
    ['"no" without a zone not at all', emptyReply(3), 0],
    ['failures not at all', { ...emptyReply(2), authorities: [soa(600, 10)] }, 0],
  ];
  for (const [what, reply, seconds] of cases) {
    it(what, () => assert.equal(lifetimeSeconds(reply), seconds));
  }

  it('keeps a limited number, the last used ones', () => {
    const cache = new AnswerCache(() => 0);
    const reply = { ...emptyReply(0), answers: [record(60)] };
    cache.set('first', reply);
    for (let i = 1; i < CACHE_ENTRIES; i++) cache.set(`n${i}`, reply);
    assert.ok(cache.get('first'));
    cache.set('last', reply);
    assert.equal(cache.size, CACHE_ENTRIES);
    assert.ok(cache.get('first'));
    assert.equal(cache.get('n1'), undefined);
  });
});
