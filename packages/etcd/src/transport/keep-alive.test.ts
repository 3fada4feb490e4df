import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Http2Session } from 'node:http2';
import { test } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { keepAlive } from './keep-alive.ts';
import { PING_ANSWER_MS, PING_EVERY_MS } from './limits.ts';

class FakeSession extends EventEmitter {
  closed = false;
  destroyed = false;
  pings: (() => void)[] = [];

  ping(answered: () => void): boolean {
    this.pings.push(answered);
    return true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function watched() {
  const session = new FakeSession();
  const clock = new ManualClock();
  const asSession: unknown = session;
  keepAlive(asSession as Http2Session, clock);
  return { session, clock };
}

test('a connection that answers is kept', () => {
  const { session, clock } = watched();
  for (let n = 1; n <= 5; n += 1) {
    clock.advance(PING_EVERY_MS);
    assert.equal(session.pings.length, n);
    session.pings.at(-1)?.();
  }
  assert.equal(session.destroyed, false);
});

test('one that does not answer is closed, and nothing of it goes on', () => {
  const { session, clock } = watched();
  clock.advance(PING_EVERY_MS + PING_ANSWER_MS - 1);
  assert.equal(session.destroyed, false);
  clock.advance(1);
  assert.equal(session.destroyed, true);
  assert.equal(clock.pendingTimers, 0);
});
