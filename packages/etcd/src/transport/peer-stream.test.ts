/** The way out to a peer, with the connection in the test's hands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { CODE } from '../errors.ts';
import type { PeerMessage } from '../host/ports.ts';
import { FRAME_HEAD_BYTES } from '../server/frames.ts';
import { decodeMessages } from './codec.ts';
import {
  ACCEPT_TIMEOUT_MS,
  FRAME_BYTES,
  MAX_QUEUE_MESSAGES,
  RECONNECT_MAX_MS,
  REFUSED_RETRY_MS,
} from './limits.ts';
import { readBatch } from './messages.ts';
import type { CallListener, PeerCall } from './peer-link.ts';
import { PeerStream } from './peer-stream.ts';

class FakeCall implements PeerCall {
  readonly listener: CallListener;
  readonly written: ReturnType<typeof readBatch>[] = [];
  /** What waits to be told that its frame was taken. */
  #waiting: (() => void)[] = [];
  isSlow = false;

  constructor(listener: CallListener) {
    this.listener = listener;
  }

  write(frame: Buffer, onTaken: () => void = () => undefined): void {
    this.written.push(readBatch(frame.subarray(FRAME_HEAD_BYTES)));
    this.#waiting.push(onTaken);
    if (!this.isSlow) this.drain();
  }

  drain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const told of waiting) told();
  }

  end(): void {}

  cancel(): void {}

  /** Messages of all frames, the hello left out. */
  messages(): PeerMessage[] {
    return this.written
      .slice(1)
      .flatMap((batch) => decodeMessages(batch.messages ?? Buffer.alloc(0)));
  }
}

function setUp() {
  const calls: FakeCall[] = [];
  const events: string[] = [];
  let closes = 0;
  const clock = new ManualClock();
  const stream = new PeerStream({
    connect: () => ({
      call: (_path, listener) => {
        const call = new FakeCall(listener);
        calls.push(call);
        return call;
      },
      close: () => {
        closes += 1;
      },
    }),
    hello: { version: 1, clusterId: 1n, from: 1n, to: 2n, peerUrls: [] },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    onUp: () => events.push('up'),
    onDown: () => events.push('down'),
    onUnreachable: () => events.push('unreachable'),
  });
  const last = (): FakeCall => {
    const call = calls.at(-1);
    assert.ok(call);
    return call;
  };
  const fail = (code: number): void => last().listener.onOver({ code, details: 'gone' });
  const open = (): void => last().listener.onOpen();
  return { stream, calls, last, open, fail, events, clock, closes: () => closes };
}

const message = (context = 0): PeerMessage => ({
  type: 'readIndex',
  from: 1n,
  to: 2n,
  term: 1,
  context,
});

test('it says hello first and holds messages back until it is let in', () => {
  const { stream, last, events, open } = setUp();
  stream.send(message(1));
  stream.flush();
  assert.deepEqual(last().written.length, 1);
  assert.ok(last().written[0]?.hello);
  open();
  assert.deepEqual(last().messages(), [message(1)]);
  assert.deepEqual(events, ['up']);
  assert.ok(stream.connected);
});

test('what is queued together travels together, up to the size of a frame', () => {
  const { stream, last, open } = setUp();
  open();
  for (let n = 0; n < 10; n += 1) stream.send(message(n));
  stream.flush();
  assert.equal(last().written.length, 2);
  const data = Buffer.alloc(FRAME_BYTES / 2 + 1);
  const big: PeerMessage = {
    type: 'forward',
    from: 1n,
    to: 2n,
    term: 1,
    requestId: 1,
    kind: 'normal',
    data,
  };
  for (let n = 0; n < 3; n += 1) stream.send(big);
  stream.flush();
  assert.equal(last().written.length, 5, 'each in a frame of its own');
  assert.equal(last().messages().length, 13);
});

test('a slow connection is waited for', () => {
  const { stream, last, open } = setUp();
  open();
  last().isSlow = true;
  stream.send(message(1));
  stream.flush();
  stream.send(message(2));
  stream.flush();
  assert.equal(last().messages().length, 1);
  last().isSlow = false;
  last().drain();
  assert.equal(last().messages().length, 2);
});

test('what comes while a frame is on its way goes in the next one, together', () => {
  const { stream, last, open } = setUp();
  open();
  last().isSlow = true;
  for (let n = 0; n < 5; n += 1) {
    stream.send(message(n));
    stream.flush();
  }
  assert.deepEqual(last().messages(), [message(0)]);
  last().drain();
  assert.deepEqual(last().messages(), [0, 1, 2, 3, 4].map(message));
  assert.equal(last().written.length, 3, 'the hello, and two frames');
});

test('the queue has an end', () => {
  const { stream, last, events, open } = setUp();
  open();
  last().isSlow = true;
  stream.send(message());
  stream.flush();
  for (let n = 0; n < MAX_QUEUE_MESSAGES; n += 1) stream.send(message(n));
  assert.deepEqual(events, ['up']);
  stream.send(message());
  assert.deepEqual(events, ['up', 'unreachable']);
});

test('a break is reported once, what was queued is dropped, and it comes back', () => {
  const { stream, calls, last, fail, events, clock, open } = setUp();
  open();
  fail(CODE.unavailable);
  assert.deepEqual(events, ['up', 'down', 'unreachable']);
  stream.send(message());
  assert.equal(events.at(-1), 'unreachable');
  clock.advance(RECONNECT_MAX_MS * 2);
  assert.equal(calls.length, 2);
  open();
  assert.deepEqual(last().messages(), []);
  assert.equal(events.at(-1), 'up');
});

test('failing to connect is not a loss of the peer', () => {
  const { fail, events } = setUp();
  fail(CODE.unavailable);
  assert.deepEqual(events, []);
});

test('attempts become rarer, and rarest after a refusal', () => {
  const { calls, fail, clock } = setUp();
  for (let n = 0; n < 12; n += 1) {
    fail(CODE.unavailable);
    clock.advance(RECONNECT_MAX_MS * 2);
  }
  assert.equal(calls.length, 13);
  fail(CODE.failedPrecondition);
  clock.advance(REFUSED_RETRY_MS - 1);
  assert.equal(calls.length, 13);
  clock.advance(1);
  assert.equal(calls.length, 14);
});

test('a peer that shows itself is connected at once', () => {
  const { stream, calls, fail, clock, open } = setUp();
  fail(CODE.unavailable);
  stream.hurry();
  assert.equal(calls.length, 2);
  stream.hurry();
  open();
  clock.advance(60_000);
  assert.equal(calls.length, 2, 'one attempt, not two');
});

test('a peer that takes the connection and says nothing is given up', () => {
  const { stream, calls, last, events, clock, closes } = setUp();
  const [first] = calls;
  stream.send(message());
  clock.advance(ACCEPT_TIMEOUT_MS - 1);
  assert.equal(closes(), 0);
  clock.advance(1);
  assert.equal(closes(), 1);
  assert.deepEqual(events, ['unreachable'], 'what waited is lost');
  clock.advance(RECONNECT_MAX_MS);
  assert.equal(calls.length, 2);
  first?.listener.onOpen();
  first?.listener.onOver({ code: CODE.unavailable, details: 'late' });
  assert.equal(stream.connected, false);
  last().listener.onOpen();
  assert.ok(stream.connected);
});

test('closed means closed', () => {
  const { stream, calls, fail, events, clock, open, closes } = setUp();
  open();
  stream.close();
  fail(CODE.cancelled);
  clock.advance(60_000);
  stream.send(message());
  assert.equal(closes(), 1);
  assert.equal(calls.length, 1);
  assert.deepEqual(events, ['up', 'unreachable']);
  assert.equal(stream.link, undefined);
  assert.equal(clock.pendingTimers, 0);
});
