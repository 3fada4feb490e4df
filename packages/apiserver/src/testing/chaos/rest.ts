/** As much of an API client as the writers and informers need: whole requests, and lines of a watch. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { TOKEN } from './processes.ts';

const PATIENCE_MS = 15_000;

export interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

export class Rest {
  readonly #agent: Agent;

  constructor(ca: string) {
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  /** Rejects when no whole answer comes. */
  async ask(method: string, url: string, body?: object): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sent = this.#request(method, url, body, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('aborted', () => reject(new Error('the answer was cut off')));
      response.on('end', () => {
        const json = text.startsWith('{') ? JSON.parse(text) : {};
        resolve({ status: response.statusCode ?? 0, json });
      });
    });
    sent.on('error', reject);
    sent.on('close', () => reject(new Error('the connection was closed')));
    sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no answer came')));
    return promise;
  }

  /** Resolves when the watch has ended, however; `stop` ends it. */
  async watch(url: string, o: { onLine(line: string): void; stop: AbortSignal }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sent = this.#request('GET', url, undefined, (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) o.onLine(line);
      });
      response.on('close', resolve);
      response.on('error', () => resolve());
    });
    sent.on('error', () => resolve());
    sent.on('close', resolve);
    // Bookmarks or the end of the watch come sooner than this, unless the server is gone without a word.
    sent.setTimeout(PATIENCE_MS, () => sent.destroy());
    const cut = (): void => void sent.destroy();
    o.stop.addEventListener('abort', cut, { once: true });
    await promise;
    o.stop.removeEventListener('abort', cut);
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(
    method: string,
    url: string,
    body: object | undefined,
    onResponse: (response: IncomingMessage) => void,
  ): ClientRequest {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const sent = request(url, { method, headers, agent: this.#agent }, onResponse);
    sent.end(body && JSON.stringify(body));
    return sent;
  }
}
