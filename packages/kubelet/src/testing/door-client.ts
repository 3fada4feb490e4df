/** A client of the kubelet's door, as the apiserver is one: HTTPS with a certificate, kubectl's WebSocket protocols. */
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { TlsMaterial } from '@kubets/platform';
import { WebSocket } from 'ws';
import { clientTls } from './certificates.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Sends a GET and gives the answer as soon as its head is there. */
export function open(
  port: number,
  path: string,
  tls: TlsMaterial = clientTls(),
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const ask = request({ host: '127.0.0.1', port, path, ...tls, agent: false });
    ask.on('response', resolve);
    ask.on('error', reject);
    ask.end();
  });
}

export async function get(port: number, path: string, tls?: TlsMaterial): Promise<Answer> {
  const answer = await open(port, path, tls);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}

export interface ExecOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** The Status on the error channel. */
  readonly status: {
    readonly status?: string;
    readonly reason?: string;
    readonly message?: string;
  };
  readonly exitCode: number | undefined;
}

export interface ExecInput {
  /** Sent, then closed. */
  readonly stdin?: string;
  readonly resize?: { readonly Width: number; readonly Height: number };
}

const CLOSE_STDIN = Buffer.from([255, 0]);

/** Runs an exec or attach session to its end. */
export function exec(port: number, path: string, input: ExecInput = {}): Promise<ExecOutcome> {
  const socket = new WebSocket(
    `wss://127.0.0.1:${port}${path}`,
    ['v5.channel.k8s.io'],
    clientTls(),
  );
  const parts: Record<number, Buffer[]> = { 1: [], 2: [], 3: [] };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('unexpected-response', (_request, answer) => {
      reject(new Error(`answered ${answer.statusCode}`));
    });
    socket.on('open', () => {
      if (input.resize !== undefined) {
        socket.send(Buffer.concat([Buffer.from([4]), Buffer.from(JSON.stringify(input.resize))]));
      }
      if (input.stdin === undefined) return;
      socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(input.stdin)]));
      socket.send(CLOSE_STDIN);
    });
    socket.on('message', (data: Buffer) => parts[data[0] ?? 0]?.push(data.subarray(1)));
    socket.on('close', () => {
      const text = (channel: number): string =>
        Buffer.concat(parts[channel] ?? []).toString('utf8');
      const status = JSON.parse(text(3) || '{}');
      const cause = status.details?.causes?.[0];
      const exitCode = cause?.reason === 'ExitCode' ? Number(cause.message) : undefined;
      resolve({ stdout: text(1), stderr: text(2), status, exitCode });
    });
  });
}
