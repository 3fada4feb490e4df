import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import {
  emptyReply,
  isBad,
  optRecord,
  type Query,
  RCODE,
  readQuery,
  udpLimit,
  writeBad,
  writeReply,
} from './message.ts';
import { DnsStream, framed } from './stream.ts';

const query = (edns?: Query['edns']): Query => ({
  id: 7,
  question: { type: 'A', name: 'web.default.svc.cluster.local' },
  recursionDesired: true,
  edns,
});

const records = (count: number): Answer[] =>
  Array.from({ length: count }, (_, i) => ({
    type: 'A',
    name: 'web.default.svc.cluster.local',
    ttl: 5,
    data: `10.0.${Math.floor(i / 256)}.${i % 256}`,
  }));

const read = (
  bytes: Buffer,
): Packet & { flag_tc?: boolean; flag_aa?: boolean; flag_rd?: boolean } => decode(bytes);

describe('reading a query', () => {
  it('gives its question and what the client can take', () => {
    const bytes = encode({
      type: 'query',
      id: 7,
      flags: 0x0100,
      questions: [{ type: 'A', name: 'a.b' }],
      additionals: [{ ...optRecord(true), udpPayloadSize: 4096 }],
    });
    const found = readQuery(bytes);
    assert.ok(found && !isBad(found));
    assert.equal(found.id, 7);
    assert.equal(found.question.name, 'a.b');
    assert.equal(found.recursionDesired, true);
    assert.deepEqual(found.edns, { udpBytes: 4096, dnssecOk: true });
  });

  it('never answers responses or fragments', () => {
    assert.equal(readQuery(Buffer.alloc(11)), undefined);
    const response = encode({ type: 'response', id: 1, questions: [{ type: 'A', name: 'a' }] });
    assert.equal(readQuery(response), undefined);
  });

  const bad: [string, Buffer, number][] = [
    ['no question', encode({ type: 'query', id: 1, questions: [] }), RCODE.formatError],
    [
      'two questions',
      encode({
        type: 'query',
        id: 1,
        questions: [
          { type: 'A', name: 'a' },
          { type: 'A', name: 'b' },
        ],
      }),
      RCODE.formatError,
    ],
    [
      'another class',
      encode({
        type: 'query',
        id: 1,
        questions: [{ type: 'TXT', name: 'version.bind', class: 'CH' }],
      }),
      RCODE.refused,
    ],
    ['a zone update', Buffer.from('000128000000000000000000', 'hex'), RCODE.notImplemented],
    ['a cut-off question', Buffer.from('0001010000010000000000000361', 'hex'), RCODE.formatError],
  ];
  for (const [what, bytes, rcode] of bad) {
    it(`refuses ${what}`, () => {
      const found = readQuery(bytes);
      assert.ok(found && isBad(found));
      assert.equal(found.rcode, rcode);
      assert.equal(writeBad(found).readUInt16BE(0), 1);
    });
  }

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readQuery(Buffer.from(bytes));
      }),
      { numRuns: 500 },
    );
  });
});

describe('writing an answer', () => {
  it('repeats id and question and tells what it is', () => {
    const reply = { ...emptyReply(RCODE.ok, true), answers: records(1) };
    const packet = read(writeReply(query(), reply, 512));
    assert.equal(packet.id, 7);
    assert.equal(packet.questions?.[0]?.name, 'web.default.svc.cluster.local');
    assert.equal(packet.flag_aa, true);
    assert.equal(packet.flag_rd, true);
    assert.equal(packet.answers?.length, 1);
    assert.equal(packet.additionals?.length, 0);
  });

  it('speaks EDNS only with clients that do', () => {
    const bytes = writeReply(query({ udpBytes: 4096, dnssecOk: false }), emptyReply(0), 512);
    assert.equal(read(bytes).additionals?.[0]?.type, 'OPT');
  });

  it('keeps to the size and says when it had to cut', () => {
    const reply = { ...emptyReply(RCODE.ok, true), answers: records(200) };
    const bytes = writeReply(query(), reply, 512);
    assert.ok(bytes.length <= 512);
    assert.equal(read(bytes).flag_tc, true);
    assert.ok((read(bytes).answers?.length ?? 0) > 0);
    assert.equal(read(writeReply(query(), reply, 65_535)).answers?.length, 200);
  });

  it('drops additional records without calling it cut', () => {
    const reply = { ...emptyReply(RCODE.ok), answers: records(1), additionals: records(100) };
    const packet = read(writeReply(query(), reply, 512));
    assert.equal(packet.flag_tc, false);
    assert.equal(packet.answers?.length, 1);
  });

  it('gives clients 512 bytes, or what they ask for up to a limit', () => {
    assert.equal(udpLimit(query()), 512);
    assert.equal(udpLimit(query({ udpBytes: 100, dnssecOk: false })), 512);
    assert.equal(udpLimit(query({ udpBytes: 900, dnssecOk: false })), 900);
    assert.equal(udpLimit(query({ udpBytes: 4096, dnssecOk: false })), 1232);
  });
});

describe('a stream', () => {
  it('gives the same messages however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (messages, cuts) => {
          const whole = Buffer.concat(messages.map((m) => framed(Buffer.from(m))));
          const stream = new DnsStream(65_535);
          const found: Buffer[] = [];
          for (let at = 0, i = 0; at < whole.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            found.push(...stream.push(whole.subarray(at, at + size)));
            at += size;
          }
          assert.deepEqual(
            found.map((m) => [...m]),
            messages.map((m) => [...m]),
          );
        },
      ),
    );
  });
});
