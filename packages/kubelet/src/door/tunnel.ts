/** Connections whose bytes are handed on as they are: SPDY clients, and port-forward through a WebSocket. */
import type { Duplex } from 'node:stream';
import { joinStreams } from '@kubets/platform';
import type { RawData, WebSocket } from 'ws';
import type { RawTunnel } from '../ports.ts';
import { PacedSender } from './paced-sender.ts';

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
const NORMAL_CLOSURE = 1_000;
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
  const sender = new PacedSender(client, (paused) => {
    if (paused) socket.pause();
    else socket.resume();
  });
  const end = (): void => sender.close(NORMAL_CLOSURE);
  client.on('message', (data: RawData) => {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (!socket.write(bytes)) client.pause();
  });
  socket.on('drain', () => client.resume());
  socket.on('data', (data) => sender.send(data));
  socket.on('close', end);
  socket.on('error', end);
  // What the client sent before it went still goes to the pod.
  client.on('close', () => socket.destroySoon());
  client.on('error', () => socket.destroy());
  if (tunnel.head.length > 0) sender.send(tunnel.head);
}
