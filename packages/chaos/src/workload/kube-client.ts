/** Requests to one apiserver, each sent once. */
import { Agent, type RequestOptions, request } from 'node:https';
import { createInterface } from 'node:readline';
import type { TlsMaterial } from '@kubets/platform';
import { errorCode } from '@kubets/platform';
import { LIMITS } from '../limits.ts';

export interface KubeAnswer {
  readonly fate: 'ok' | 'conflict' | 'refused' | 'unknown';
  readonly status: number;
  readonly body: KubeObject;
}

/** As much of an object as workloads look at. */
export interface KubeObject {
  readonly metadata?: {
    readonly name?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly KubeObject[];
  readonly spec?: { readonly replicas?: number };
  readonly status?: Readonly<Record<string, unknown>>;
  readonly code?: number;
}

export interface KubeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

const CONFLICT = 409;
/** From here on the server itself does not know. */
const SERVER_ERROR = 500;

export class KubeClient {
  readonly server: string;
  readonly #options: RequestOptions;

  constructor(server: string, { ca, cert, key }: TlsMaterial) {
    this.server = server;
    this.#options = { ca, cert, key, agent: new Agent({ keepAlive: true, ca, cert, key }) };
  }

  call({ method, path, body }: KubeCall): Promise<KubeAnswer> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const open: KubeAnswer = { fate: 'unknown', status: 0, body: {} };
    return new Promise((resolve) => {
      const sent = request(
        new URL(path, this.server),
        {
          ...this.#options,
          ...{ method, headers: { 'content-type': type, accept: 'application/json' } },
          signal: AbortSignal.timeout(LIMITS.kubeRequestMs),
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', () => resolve(open));
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve(answerOf(answer.statusCode ?? 0, text));
          });
        },
      );
      sent.on('error', (error) => {
        const isUnsent = errorCode(error) === 'ECONNREFUSED';
        resolve(isUnsent ? { ...open, fate: 'refused' } : open);
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Reads lines until the stream ends. @returns ends it */
  watch(path: string, onLine: (line: string) => void, onEnd: () => void): () => void {
    const stop = new AbortController();
    let isOver = false;
    const end = (): void => {
      if (!isOver) onEnd();
      isOver = true;
    };
    const sent = request(
      new URL(path, this.server),
      { ...this.#options, signal: stop.signal, headers: { accept: 'application/json' } },
      (answer) => {
        const lines = createInterface(answer);
        lines.on('line', onLine);
        // The interface passes on what happens to the connection; either way this stream is over.
        lines.on('error', end);
        lines.on('close', end);
      },
    );
    sent.on('error', end);
    sent.end();
    return () => stop.abort();
  }
}

function answerOf(status: number, text: string): KubeAnswer {
  let body: KubeObject;
  try {
    body = JSON.parse(text);
  } catch {
    // Cut off on the way: nothing is known.
    return { fate: 'unknown', status, body: {} };
  }
  if (status < 300) return { fate: 'ok', status, body };
  if (status === CONFLICT) return { fate: 'conflict', status, body };
  return { fate: status < SERVER_ERROR ? 'refused' : 'unknown', status, body };
}
