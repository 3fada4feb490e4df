/**
 * Certificate requests over the API's HTTPS door: the components' door lets nobody in without a certificate, and a new node has
 * only a token.
 */
import { request } from 'node:https';
import type { CertificateSigningRequest } from '@kubets/api';
import { CertificateRefused } from '../errors.ts';
import { BOOTSTRAP_ANSWER_BYTES, BOOTSTRAP_TRY_MS } from '../limits.ts';
import type { BootstrapConfig } from './bootstrap-config.ts';
import type { CertificateRequests } from './request.ts';

const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(config: BootstrapConfig, path: string, body: string | undefined): Promise<Answer> {
  const url = new URL(path, config.server);
  const options = {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    ca: config.ca,
    timeout: BOOTSTRAP_TRY_MS,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${config.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  };
  return new Promise((resolve, reject) => {
    const req = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > BOOTSTRAP_ANSWER_BYTES) req.destroy(new Error('the answer is too long'));
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    req.once('timeout', () => req.destroy(new Error(`no answer from ${url.host}`)));
    req.once('error', reject);
    req.end(body);
  });
}

function objectOf({ status, text }: Answer): CertificateSigningRequest {
  const isGood = status >= 200 && status < 300;
  try {
    const body = JSON.parse(text);
    if (isGood) return body as CertificateSigningRequest;
    throw new CertificateRefused(`the API answers ${status}: ${body.message ?? ''}`);
  } catch (error) {
    if (error instanceof CertificateRefused) throw error;
    throw new CertificateRefused(`the API answers ${status}, and not in JSON`);
  }
}

/** Requests of whoever holds the token. They reject with the system's error, or {@link CertificateRefused}. */
export function bootstrapRequests(config: BootstrapConfig): CertificateRequests {
  return {
    async create(csr) {
      return objectOf(await send(config, PATH, JSON.stringify(csr)));
    },
    async get(name) {
      return objectOf(await send(config, `${PATH}/${name}`, undefined));
    },
  };
}
