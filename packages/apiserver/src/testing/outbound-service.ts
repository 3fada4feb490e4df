/** A service outside, for tests: an HTTPS server that answers from a function and remembers what it was asked. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedAuthority } from '../embedded/certificates.ts';

export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

/** What is answered: an object as JSON, or a text as it is. */
export type Answerer = (asked: Asked) => { readonly code?: number; readonly body: object | string };

export class TestService {
  readonly asked: Asked[] = [];
  answer: Answerer = () => ({ body: {} });
  readonly ca: Buffer;
  readonly #server: Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'outbound-'));

  private constructor(server: Server, ca: Buffer) {
    this.#server = server;
    this.ca = ca;
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8') || '{}';
        const body = JSON.parse(text) as Record<string, unknown>;
        const { authorization } = request.headers;
        const asked = { path: request.url ?? '', authorization, body };
        this.asked.push(asked);
        const answer = this.answer(asked);
        response.statusCode = answer.code ?? 200;
        const { body: content } = answer;
        response.end(typeof content === 'string' ? content : JSON.stringify(content));
      });
    });
  }

  static async start(): Promise<TestService> {
    const authority = await EmbeddedAuthority.create(Date.now());
    const { cert, key, ca } = await authority.issue('CN=service');
    const server = createServer({ cert, key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TestService(server, ca);
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A file that is gone when the service is. */
  file(name: string, content: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** A kubeconfig that leads here, with a token. */
  kubeconfig(): string {
    const content = {
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
      clusters: [
        {
          name: 'k',
          cluster: {
            server: `${this.url}/hook`,
            'certificate-authority-data': this.ca.toString('base64'),
          },
        },
      ],
      users: [{ name: 'u', user: { token: 'to-the-hook' } }],
    };
    return this.file('kubeconfig', JSON.stringify(content));
  }

  async stop(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
