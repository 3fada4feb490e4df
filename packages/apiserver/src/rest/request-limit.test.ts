import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { configMap, testRegistry } from '../testing/index.ts';
import { inTime, limitMsOf, longestRequestMs } from './request-limit.ts';
import { bodyOf, openDoor } from './testing.ts';

const PATH = '/api/v1/namespaces/default/configmaps';

describe('the limit of a request', () => {
  const info = { verb: 'get', isResourceRequest: true, subresource: '' };
  const limit = (more: Partial<typeof info>, timeout = '') =>
    limitMsOf({ ...info, ...more }, new URLSearchParams({ timeout }), 60_000);

  it('is what the client wants, as far as the server allows', () => {
    const wanted = ['', '5s', '2m', '0s', '-1s', 'soon'].map((text) => limit({}, text));
    assert.deepEqual(wanted, [60_000, 5_000, 60_000, 60_000, 60_000, 60_000]);
  });

  it('is none for watches, logs, sessions and proxies', () => {
    assert.equal(limit({ verb: 'watch' }, '5s'), undefined);
    for (const subresource of ['attach', 'exec', 'log', 'portforward', 'proxy']) {
      assert.equal(limit({ subresource }), undefined, subresource);
    }
    assert.equal(limit({ isResourceRequest: false, subresource: 'log' }), 60_000);
    assert.equal(limit({ subresource: 'status' }), 60_000);
  });

  it('has to leave some time', () => {
    assert.equal(longestRequestMs(1), 1);
    assert.throws(() => longestRequestMs(0), /^ConfigError: --request-timeout must be more than 0/);
  });
});

describe('work in time', () => {
  it('ends as it ends, and leaves no timer', async () => {
    const clock = new ManualClock();
    const o = { limitMs: 10, clock, onLate: () => assert.fail('late') };
    await inTime(Promise.resolve(), o);
    await assert.rejects(inTime(Promise.reject(new Error('no')), o), /^Error: no$/);
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('a request that takes too long', () => {
  it('is answered with 504, and what comes of it later harms nobody', async (t) => {
    const registry = testRegistry();
    const clock = new ManualClock();
    const door = await openDoor(registry, clock);
    t.after(() => {
      door.close();
      registry.caches.close();
    });
    const { store } = registry;
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const swap = store.swap.bind(store);
    const written = Promise.withResolvers<void>();
    store.swap = async (...args) => {
      reached.resolve();
      await released.promise;
      const result = await swap(...args);
      written.resolve();
      return result;
    };
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(configMap('a'));
    const asked = door.open('POST', `${PATH}?timeout=5s`, { headers, body });
    await reached.promise;
    clock.advance(5_000);
    const answer = await asked;
    assert.equal(answer.statusCode, 504);
    const { code, reason, message } = JSON.parse(String(await bodyOf(answer))) as Record<
      string,
      unknown
    >;
    const why = 'Timeout: request did not complete within the allotted timeout';
    assert.deepEqual([code, reason, message], [504, 'Timeout', why]);
    released.resolve();
    await written.promise;
    const found = await door.open('GET', `${PATH}/a`);
    await bodyOf(found);
    assert.equal(found.statusCode, 200);
  });

  it('writes nothing once its client was told so', async (t) => {
    const slow = { reached: Promise.withResolvers<void>(), go: Promise.withResolvers<void>() };
    const admission = {
      async admit(): Promise<void> {
        slow.reached.resolve();
        await slow.go.promise;
      },
      validate: () => undefined,
    };
    const registry = testRegistry({ admission });
    const clock = new ManualClock();
    const door = await openDoor(registry, clock);
    t.after(() => {
      door.close();
      registry.caches.close();
    });
    const begun: string[] = [];
    const swap = registry.store.swap.bind(registry.store);
    registry.store.swap = (key, ...rest) => {
      begun.push(key);
      return swap(key, ...rest);
    };
    const headers = { 'content-type': 'application/json' };
    const asked = (name: string) =>
      door.open('POST', `${PATH}?timeout=5s`, { headers, body: JSON.stringify(configMap(name)) });
    const late = asked('late');
    await slow.reached.promise;
    clock.advance(5_000);
    assert.equal((await late).statusCode, 504);
    slow.go.resolve();
    const inTimeToo = await asked('in-time');
    assert.equal(inTimeToo.statusCode, 201);
    assert.deepEqual(begun, ['/registry/configmaps/default/in-time']);
  });
});
