/** One connection for unary calls, against a server that falls silent. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '@kubets/platform';
import { serviceMethods } from '../codec/index.ts';
import { CODE } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { startEtcd } from '../server/solo.ts';
import { UnaryChannel } from './unary-channel.ts';

const RANGE = serviceMethods('etcdserverpb.KV').Range;

describe('a connection for unary calls', () => {
  it('that has died while nobody used it is given up soon after the next call', async (t) => {
    const etcd = await startEtcd({ memory: true });
    t.after(() => etcd.stop());
    const sockets: Socket[] = [];
    // A way to the store that can be stopped without a word.
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
    const address = tunnel.address();
    assert.ok(typeof address === 'object' && address !== null && RANGE !== undefined);
    let aheadMs = 0;
    /** The time a ping may take is over at once when time is ahead. */
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + aheadMs,
      setTimeout: (fn, ms) =>
        systemClock.setTimeout(fn, ms === LIMITS.clientPingAnswerMs && aheadMs > 0 ? 0 : ms),
    };
    const channel = new UnaryChannel({ name: `127.0.0.1:${address.port}`, tls: undefined, clock });
    t.after(() => channel.close());
    assert.equal(await channel.reach(10_000), undefined);
    const call = { method: RANGE, request: { key: Buffer.from('/k') }, timeoutMs: 60_000 };
    assert.ok('value' in (await channel.send(call)));
    for (const socket of sockets) socket.unpipe().pause();
    aheadMs = LIMITS.clientQuietMs;
    const sent = await channel.send(call);
    assert.ok('error' in sent && sent.error.code === CODE.unavailable);
    assert.equal(channel.isReady, false);
    const again = await channel.reach(10_000);
    assert.equal(again, undefined, 'a new connection is made');
  });
});
