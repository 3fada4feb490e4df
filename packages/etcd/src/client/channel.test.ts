/** One connection, against a server that falls silent. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Clock, systemClock } from '@kubets/platform';
import { type MethodPlan, serviceMethods } from '../codec/index.ts';
import { CODE, type EtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { startEtcd } from '../server/solo.ts';
import { Channel } from './channel.ts';

const RANGE = serviceMethods('etcdserverpb.KV').Range as MethodPlan;
const WATCH = serviceMethods('etcdserverpb.Watch').Watch as MethodPlan;

/** A store, and a channel to it whose way can be stopped without a word. */
async function silenceable(t: TestContext, clock: Clock) {
  const etcd = await startEtcd({ memory: true });
  t.after(() => etcd.stop());
  const sockets: Socket[] = [];
  const tunnel = createServer((socket) => {
    const onward = connect(etcd.clientPort, '127.0.0.1');
    sockets.push(socket, onward);
    for (const each of [socket, onward]) each.on('error', () => undefined);
    socket.pipe(onward);
    onward.pipe(socket);
  });
  tunnel.listen(0, '127.0.0.1');
  await once(tunnel, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    tunnel.close();
  });
  const { port } = tunnel.address() as AddressInfo;
  const channel = new Channel({ name: `127.0.0.1:${port}`, tls: undefined, clock });
  t.after(() => channel.close());
  const silence = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { channel, silence };
}

describe('a connection', () => {
  it('that has died while nobody used it is given up soon after the next call', async (t) => {
    let aheadMs = 0;
    /** The time a ping may take is over at once when time is ahead. */
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + aheadMs,
      setTimeout: (fn, ms) =>
        systemClock.setTimeout(fn, ms === LIMITS.clientPingAnswerMs && aheadMs > 0 ? 0 : ms),
    };
    const { channel, silence } = await silenceable(t, clock);
    assert.equal(await channel.reach(10_000), undefined);
    const call = { method: RANGE, request: { key: Buffer.from('/k') }, timeoutMs: 60_000 };
    assert.ok('value' in (await channel.send(call)));
    silence();
    aheadMs = LIMITS.clientQuietMs;
    const sent = await channel.send(call);
    assert.ok('error' in sent && sent.error.code === CODE.unavailable);
    assert.equal(channel.isReady, false);
    const again = await channel.reach(10_000);
    assert.equal(again, undefined, 'a new connection is made');
  });

  it('is looked after while a stream on it is silent', async (t) => {
    let aheadMs = 0;
    const looks: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + aheadMs,
      setTimeout: (fn, ms) => {
        if (ms !== LIMITS.clientQuietMs) return systemClock.setTimeout(fn, aheadMs > 0 ? 0 : ms);
        looks.push(fn);
        return { cancel: () => undefined };
      },
    };
    const { channel, silence } = await silenceable(t, clock);
    assert.equal(await channel.reach(5_000), undefined);
    const created = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<EtcdError>();
    const createRequest = { key: Buffer.from('/k') };
    const stream = channel.stream(
      WATCH,
      { createRequest },
      {
        onMessage: () => created.resolve(),
        onEnd: ended.resolve,
      },
    );
    await created.promise;
    assert.equal(looks.length, 1);
    looks.shift()?.();
    assert.equal(channel.isReady, true, 'it has just been heard of');
    silence();
    aheadMs = LIMITS.clientQuietMs;
    looks.shift()?.();
    assert.equal((await ended.promise).code, CODE.unavailable);
    assert.equal(channel.isReady, false);
    assert.equal(stream?.write({ progressRequest: {} }), false);
  });
});
