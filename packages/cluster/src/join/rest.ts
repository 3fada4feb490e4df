/** The few questions a host asks before it has an identity: plain HTTPS, one try, one clear answer. */
import { type RequestOptions, request } from 'node:https';
import { ConfigError, errorCode, errorMessage } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';

export interface Door {
  readonly host: string;
  readonly port: number;
  /** PEM; absent: whoever answers is believed, for what is checked by other means. */
  readonly ca?: string;
  readonly token?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The server's clock; undefined when it does not say. */
  readonly serverMs: number | undefined;
}

function explain(door: Door, error: unknown): Error {
  const at = `${door.host}:${door.port}`;
  const code = errorCode(error) ?? '';
  const certificate = /CERT|SELF_SIGNED|ISSUER|SIGNATURE|ALTNAME/.test(code);
  if (certificate) {
    return new ConfigError(
      `${at} shows a certificate this host does not trust (${code}); is it the right address, and is --control-plane-endpoint among its names?`,
    );
  }
  const hint: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there; is the first master up ("kubets status" on it)?',
    ENOTFOUND: 'the name is not known here; check DNS, or use the address',
    EAI_AGAIN: 'the name cannot be looked up here; check DNS, or use the address',
    EHOSTUNREACH: 'there is no way to it; check routes and firewalls',
    ENETUNREACH: 'there is no way to it; check routes and firewalls',
    ETIMEDOUT: 'no answer; check firewalls and that the port is open',
  };
  return new StartError(`cannot reach ${at}: ${hint[code] ?? errorMessage(error)}`);
}

/** @throws ConfigError or StartError that say what to do */
export function ask(door: Door, path: string): Promise<Answer> {
  const options: RequestOptions = {
    host: door.host,
    port: door.port,
    path,
    agent: false,
    timeout: limits.joinRequestMs,
    rejectUnauthorized: door.ca !== undefined,
    ...(door.ca === undefined ? {} : { ca: door.ca }),
    headers: {
      accept: 'application/json',
      ...(door.token === undefined ? {} : { authorization: `Bearer ${door.token}` }),
    },
  };
  return new Promise((resolve, reject) => {
    const req = request(options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.joinAnswerBytes) req.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.once('end', () => {
        const { date } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          body: parse(Buffer.concat(chunks).toString('utf8')),
          serverMs: date === undefined ? undefined : Date.parse(date),
        });
      });
    });
    req.once('timeout', () => {
      req.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
    });
    req.once('error', (error) => reject(explain(door, error)));
    req.end();
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an apiserver: whoever asked sees that the fields it wants are missing.
    return undefined;
  }
}
