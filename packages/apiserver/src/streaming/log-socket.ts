/** Logs over a WebSocket, as browsers read them: each message is a piece of the log, `binary.k8s.io`. */
import type { IncomingMessage } from 'node:http';
import { type Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import type { StreamRequest } from '../ports.ts';

/** As text, for clients that cannot take bytes. */
const BASE64 = 'base64.binary.k8s.io';
const PROTOCOLS = ['binary.k8s.io', BASE64];
const NORMAL_CLOSURE = 1_000;
/** What a client may send; nothing of it means anything. */
const MAX_PAYLOAD_BYTES = 4_096;

const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_PAYLOAD_BYTES,
  handleProtocols: (offered) => PROTOCOLS.find((one) => offered.has(one)) ?? false,
});

/**
 * Sends a log as messages and closes the connection at its end. Nothing is written to the client before the log
 * is open, so that a refusal is an answer of its own.
 * @param open gives the log; `undefined`: there is none yet
 */
export async function sendLogMessages(
  o: { stream: StreamRequest; socket: Duplex; head: Buffer },
  open: (signal: AbortSignal) => Promise<IncomingMessage | undefined>,
): Promise<void> {
  const gone = new AbortController();
  o.socket.once('close', () => gone.abort());
  o.socket.on('error', () => o.socket.destroy());
  const log = await open(gone.signal);
  const { promise, resolve } = Promise.withResolvers<WebSocket>();
  sockets.handleUpgrade(o.stream.request as IncomingMessage, o.socket, o.head, resolve);
  const client = await promise;
  // A client that goes away takes the log with it: `gone` says so.
  client.on('error', () => client.terminate());
  try {
    await pipeline(log ?? Readable.from([]), messagesTo(client), { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    client.close(NORMAL_CLOSURE);
  }
}

/** At the client's pace: a piece is done when it is sent. */
function messagesTo(client: WebSocket): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const message = client.protocol === BASE64 ? chunk.toString('base64') : chunk;
      client.send(message, done);
    },
  });
}
