import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { errorMessage } from '@kubets/platform';
import { RuntimeFault } from '../../errors.ts';
import type { RawTunnel } from '../../ports.ts';

const CONNECT_TIMEOUT_MS = 30_000;

function bodyOf(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      if (text.length < 1_024) text += chunk;
    });
    answer.on('close', () => resolve(text.slice(0, 1_024).trim()));
  });
}

/**
 * Asks a streaming endpoint of the runtime to switch to SPDY/3.1.
 * @param url the address the runtime handed out; good for one use
 * @param protocols what may be spoken on top, by preference: `v4.channel.k8s.io`, `portforward.k8s.io`
 * @throws RuntimeFault when it answers anything but 101
 */
export function openSpdyUpgrade(url: string, protocols: string): Promise<RawTunnel> {
  return new Promise((resolve, reject) => {
    const ask = request(url, {
      method: 'POST',
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': protocols,
        'Content-Length': '0',
      },
      timeout: CONNECT_TIMEOUT_MS,
    });
    ask.on('upgrade', (answer, socket, head) => {
      const protocol = String(answer.headers['x-stream-protocol-version'] ?? '');
      (socket as Socket).setNoDelay(true);
      socket.setTimeout(0);
      // The client may have gone meanwhile, and nobody listens then.
      socket.on('error', () => undefined);
      resolve({ socket: socket as Socket, head, protocol });
    });
    ask.on('response', (answer) => {
      void bodyOf(answer).then((body) => {
        const why = `streaming endpoint answered ${answer.statusCode}: ${body}`;
        reject(new RuntimeFault(why, { notFound: answer.statusCode === 404 }));
      });
    });
    ask.on('timeout', () => ask.destroy(new Error('timed out')));
    ask.on('error', (error) => {
      reject(new RuntimeFault(`streaming endpoint: ${errorMessage(error)}`, { cause: error }));
    });
    ask.end();
  });
}
