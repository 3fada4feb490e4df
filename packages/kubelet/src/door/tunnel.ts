/** Connections whose bytes are handed on as they are: SPDY clients, and port-forward through a WebSocket. */
import type { Duplex } from 'node:stream';
import { joinStreams } from '@kubets/platform';
import type { RawData, WebSocket } from 'ws';
import { STREAM_BUFFER_BYTES } from '../limits.ts';
import type { RawTunnel } from '../ports.ts';

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** SPDY inside a WebSocket, as kubectl's port-forward speaks it. */
export const TUNNEL_PROTOCOL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`;

/** Answers a SPDY client's upgrade and joins it to the runtime. */
export function joinSockets(client: Duplex, head: Buffer, tunnel: RawTunnel): void {
  const { socket, protocol } = tunnel;
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ];
  client.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (tunnel.head.length > 0) client.write(tunnel.head);
  if (head.length > 0) socket.write(head);
  void joinStreams(client, socket);
}

/** Joins a WebSocket whose binary messages are pieces of a byte stream to the runtime. */
export function joinWebSocket(client: WebSocket, tunnel: RawTunnel): void {
  const { socket } = tunnel;
  const send = (data: Buffer): void => {
    client.send(data, () => {
      if (client.bufferedAmount < STREAM_BUFFER_BYTES / 2) socket.resume();
    });
    if (client.bufferedAmount > STREAM_BUFFER_BYTES) socket.pause();
  };
  client.on('message', (data: RawData) => {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (!socket.write(bytes)) client.pause();
  });
  socket.on('drain', () => client.resume());
  socket.on('data', send);
  socket.on('close', () => client.close());
  socket.on('error', () => client.close());
  // What the client sent before it went still goes to the pod.
  client.on('close', () => socket.destroySoon());
  client.on('error', () => socket.destroy());
  if (tunnel.head.length > 0) send(tunnel.head);
}
