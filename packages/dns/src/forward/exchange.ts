import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '@kubets/platform';
import { MAX_TCP_BYTES } from '../limits.ts';
import { DnsStream, framed } from '../wire/stream.ts';

export interface Upstream {
  host: string;
  port: number;
}

/** One query to one server. Resolves with the bytes of its answer. Rejects on silence or failure. */
export type Exchange = (
  upstream: Upstream,
  query: Buffer,
  options: { clock: Clock; timeoutMs: number },
) => Promise<Buffer>;

/**
 * Over UDP, from a socket of its own: the random port and the random id together are what an
 * attacker would have to guess (RFC 5452). The socket is connected, so only this server can answer.
 */
export const exchangeUdp: Exchange = (upstream, query, { clock, timeoutMs }) =>
  new Promise((resolve, reject) => {
    const socket = createSocket(upstream.host.includes(':') ? 'udp6' : 'udp4');
    const timer = clock.setTimeout(() => finish(new Error('no answer in time')), timeoutMs);
    let done = false;
    const finish = (outcome: Error | Buffer): void => {
      if (done) return;
      done = true;
      timer.cancel();
      socket.close();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    socket.on('error', finish);
    socket.on('message', (bytes) => {
      if (bytes.length >= 2 && bytes.readUInt16BE(0) === query.readUInt16BE(0)) finish(bytes);
    });
    socket.connect(upstream.port, upstream.host, () => {
      socket.send(query, (error) => {
        if (error) finish(error);
      });
    });
  });

/** Over TCP, for answers that do not fit into a datagram. */
export const exchangeTcp: Exchange = (upstream, query, { clock, timeoutMs }) =>
  new Promise((resolve, reject) => {
    const socket = connect(upstream.port, upstream.host);
    const timer = clock.setTimeout(() => finish(new Error('no answer in time')), timeoutMs);
    const finish = (outcome: Error | Buffer): void => {
      timer.cancel();
      socket.destroy();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const stream = new DnsStream(MAX_TCP_BYTES);
    socket.on('error', finish);
    socket.on('close', () => finish(new Error('connection closed before an answer')));
    socket.on('connect', () => socket.write(framed(query)));
    socket.on('data', (chunk) => {
      const [answer] = stream.push(chunk);
      if (answer) finish(answer);
    });
  });
