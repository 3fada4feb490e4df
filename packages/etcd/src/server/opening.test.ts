import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FLAG, frameBytes, PREFACE, settingsFrame, TYPE } from '../client/http2/frame.ts';
import { Opening } from './opening.ts';

function headers(authority: string, flags = 0x4, around = [Buffer.alloc(0), Buffer.alloc(0)]) {
  const [before = Buffer.alloc(0), after = Buffer.alloc(0)] = around;
  const block = [Buffer.from([0x83, 0x41, authority.length]), Buffer.from(authority)];
  return frameBytes(TYPE.headers, flags, 1, Buffer.concat([before, ...block, after]));
}

const SETTINGS = settingsFrame([]);
const ACK = frameBytes(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0));
const DATA = frameBytes(TYPE.data, FLAG.endStream, 1, Buffer.from('hello'));
const PING = frameBytes(TYPE.ping, 0, 0, Buffer.alloc(8));

/** What is handed on, with the bytes arriving `size` at a time. */
function open(bytes: Buffer, size = bytes.length): Buffer | undefined {
  const opening = new Opening();
  let handed: Buffer | undefined;
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    handed = handed === undefined ? opening.push(chunk) : Buffer.concat([handed, chunk]);
  }
  return handed;
}

describe('the opening of a connection', () => {
  it('ends with the first headers, mended, and without the acknowledgement, however it is cut', () => {
    const sent = Buffer.concat([PREFACE, SETTINGS, ACK, headers('http://h:1'), DATA]);
    const expected = Buffer.concat([PREFACE, SETTINGS, headers('http:--h:1'), DATA]);
    for (const size of [1, 7, 30, sent.length]) assert.deepEqual(open(sent, size), expected);
  });

  it('waits for the acknowledgement behind requests, and takes one out only', () => {
    const head = Buffer.concat([PREFACE, SETTINGS, headers('a'), DATA]);
    assert.equal(open(head), undefined);
    assert.deepEqual(open(Buffer.concat([head, ACK, ACK])), Buffer.concat([head, ACK]));
  });

  it('keeps padding and priority of the headers', () => {
    const around = [Buffer.from([3, 0, 0, 0, 0, 9]), Buffer.alloc(3)];
    const sent = Buffer.concat([PREFACE, ACK, headers('a/b', 0x2c, around)]);
    assert.deepEqual(open(sent), Buffer.concat([PREFACE, headers('a-b', 0x2c, around)]));
  });

  it('ends with whatever else a client sends that wants an answer', () => {
    const sent = Buffer.concat([PREFACE, SETTINGS, ACK, PING]);
    assert.deepEqual(open(sent), Buffer.concat([PREFACE, SETTINGS, PING]));
  });

  it('without a request keeps what came, and knows whether the client listens', () => {
    const opening = new Opening();
    assert.equal(opening.push(Buffer.concat([PREFACE, SETTINGS])), undefined);
    assert.equal(opening.acknowledged, false);
    assert.equal(opening.push(ACK), undefined);
    assert.equal(opening.acknowledged, true);
    assert.deepEqual(opening.rest(), Buffer.concat([PREFACE, SETTINGS]));
  });
});
