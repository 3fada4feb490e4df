/** Calls to an extender over kept connections. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '@kubets/platform';
import type { ExtenderConfig, PemSource } from '../config/extenders.ts';
import { MAX_EXTENDER_ANSWER_BYTES } from '../limits.ts';

export interface ConnectionOptions {
  readonly clock: Clock;
  /** Reads a file of certificates or keys. */
  readonly readFile: (path: string) => string;
}

/** Posts JSON to paths below the extender's prefix. */
export class Connection {
  readonly #config: ExtenderConfig;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;

  /** @throws Error when a file cannot be read */
  constructor(config: ExtenderConfig, { clock, readFile }: ConnectionOptions) {
    this.#config = config;
    this.#clock = clock;
    const { tls } = config;
    const pem = ({ data, file }: PemSource): string => data || (file === '' ? '' : readFile(file));
    const [ca, cert, key] = [pem(tls.ca), pem(tls.cert), pem(tls.key)];
    const secure = {
      ...(ca !== '' && { ca }),
      ...(cert !== '' && { cert }),
      ...(key !== '' && { key }),
      ...(tls.serverName !== '' && { servername: tls.serverName }),
      rejectUnauthorized: !tls.insecure,
    };
    const isPlain = config.urlPrefix.startsWith('http:');
    this.#agent = isPlain
      ? new HttpAgent({ keepAlive: true })
      : new HttpsAgent({ keepAlive: true, ...secure });
  }

  /** @returns the parsed answer. @throws Error when there is none in time, or another than 200 with JSON */
  async post(verb: string, body: object): Promise<unknown> {
    const url = new URL(`${this.#config.urlPrefix}/${verb}`);
    const { code, text } = await this.#send(url, JSON.stringify(body));
    if (code === 200) return JSON.parse(text);
    throw new Error(`failed ${verb} with extender at URL ${url.href}, code ${code}`);
  }

  #send(url: URL, body: string): Promise<{ code: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ code: number; text: string }>();
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const request = send(url, {
      method: 'POST',
      agent: this.#agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const fail = (why: string): void => {
      reject(new Error(`Post ${JSON.stringify(url.href)}: ${why}`));
      request.destroy();
    };
    const { timeoutMs } = this.#config;
    const timer = this.#clock.setTimeout(() => fail('context deadline exceeded'), timeoutMs);
    request.on('close', () => timer.cancel());
    request.on('error', ({ message }) => fail(message));
    request.on('response', (response) => {
      const code = response.statusCode ?? 0;
      readText(response).then((text) => resolve({ code, text }), fail);
    });
    request.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function readText(response: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_EXTENDER_ANSWER_BYTES) {
      reject(`the answer is larger than ${MAX_EXTENDER_ANSWER_BYTES} bytes`);
    }
  });
  response.on('error', () => reject('the connection broke off'));
  response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  return promise;
}
