/** The way out to a peer, with the connection in the test's hands. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import type { PeerMessage } from '../host/ports.ts';
import { decodeMessages } from './codec.ts';
import { FRAME_BYTES, MAX_QUEUE_MESSAGES, RECONNECT_MAX_MS, REFUSED_RETRY_MS } from './limits.ts';
import { PeerStream } from './peer-stream.ts';
import type { BatchWire, PeersClient } from './wire.ts';

class FakeCall extends EventEmitter {
  readonly written: BatchWire[] = [];
  full = false;
  cancelled = false;

  write(batch: BatchWire): boolean {
    this.written.push(batch);
    return !this.full;
  }

  cancel(): void {
    this.cancelled = true;
  }

  /** Messages of all frames, the hello left out. */
  messages(): PeerMessage[] {
    return this.written
      .slice(1)
      .flatMap((batch) => decodeMessages(batch.messages ?? Buffer.alloc(0)));
  }
}

function setUp() {
  const calls: FakeCall[] = [];
  const ends: ((err: ServiceError | null) => void)[] = [];
  const events: string[] = [];
  const clock = new ManualClock();
  const client: unknown = {
    Stream: (done: (err: ServiceError | null) => void) => {
      const call = new FakeCall();
      calls.push(call);
      ends.push(done);
      return call;
    },
    close: () => events.push('closed'),
  };
  const stream = new PeerStream({
    makeClient: () => client as PeersClient,
    hello: { version: 1, cluster_id: '1', from: '1', to: '2', peer_urls: [] },
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
  const fail = (code: number): void => {
    const err = Object.assign(new Error('gone'), { code, details: 'gone' });
    ends.at(-1)?.(err as ServiceError);
  };
  return { stream, calls, last, fail, events, clock };
}

const message = (context = 0): PeerMessage => ({
  type: 'readIndex',
  from: 1n,
  to: 2n,
  term: 1,
  context,
});

test('it says hello first and holds messages back until it is let in', () => {
  const { stream, last, events } = setUp();
  stream.send(message(1));
  stream.flush();
  assert.deepEqual(last().written.length, 1);
  assert.ok(last().written[0]?.hello);
  last().emit('metadata');
  assert.deepEqual(last().messages(), [message(1)]);
  assert.deepEqual(events, ['up']);
  assert.ok(stream.connected);
});

test('what is queued together travels together, up to the size of a frame', () => {
  const { stream, last } = setUp();
  last().emit('metadata');
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
  const { stream, last } = setUp();
  last().emit('metadata');
  last().full = true;
  stream.send(message(1));
  stream.flush();
  stream.send(message(2));
  stream.flush();
  assert.equal(last().messages().length, 1);
  last().full = false;
  last().emit('drain');
  assert.equal(last().messages().length, 2);
});

test('the queue has an end', () => {
  const { stream, last, events } = setUp();
  last().emit('metadata');
  last().full = true;
  stream.send(message());
  stream.flush();
  for (let n = 0; n < MAX_QUEUE_MESSAGES; n += 1) stream.send(message(n));
  assert.deepEqual(events, ['up']);
  stream.send(message());
  assert.deepEqual(events, ['up', 'unreachable']);
});

test('a break is reported once, what was queued is dropped, and it comes back', () => {
  const { stream, calls, last, fail, events, clock } = setUp();
  last().emit('metadata');
  fail(status.UNAVAILABLE);
  assert.deepEqual(events, ['up', 'down', 'unreachable']);
  stream.send(message());
  assert.equal(events.at(-1), 'unreachable');
  clock.advance(RECONNECT_MAX_MS * 2);
  assert.equal(calls.length, 2);
  last().emit('metadata');
  assert.deepEqual(last().messages(), []);
  assert.equal(events.at(-1), 'up');
});

test('failing to connect is not a loss of the peer', () => {
  const { fail, events } = setUp();
  fail(status.UNAVAILABLE);
  assert.deepEqual(events, []);
});

test('attempts become rarer, and rarest after a refusal', () => {
  const { calls, fail, clock } = setUp();
  for (let n = 0; n < 12; n += 1) {
    fail(status.UNAVAILABLE);
    clock.advance(RECONNECT_MAX_MS * 2);
  }
  assert.equal(calls.length, 13);
  fail(status.FAILED_PRECONDITION);
  clock.advance(REFUSED_RETRY_MS - 1);
  assert.equal(calls.length, 13);
  clock.advance(1);
  assert.equal(calls.length, 14);
});

test('a peer that shows itself is connected at once', () => {
  const { stream, calls, fail, clock } = setUp();
  fail(status.UNAVAILABLE);
  stream.hurry();
  assert.equal(calls.length, 2);
  stream.hurry();
  clock.advance(60_000);
  assert.equal(calls.length, 2, 'one attempt, not two');
});

test('closed means closed', () => {
  const { stream, calls, last, fail, events, clock } = setUp();
  last().emit('metadata');
  const call = last();
  stream.close();
  fail(status.CANCELLED);
  clock.advance(60_000);
  stream.send(message());
  assert.ok(call.cancelled);
  assert.equal(calls.length, 1);
  assert.deepEqual(events, ['up', 'closed', 'unreachable']);
  assert.equal(stream.client, undefined);
  assert.equal(clock.pendingTimers, 0);
});
