/** A REST door over a registry in memory, for tests of what goes over the wire. */
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { builtinKinds } from '@kubets/api';
import { type Clock, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { Inflight } from '../inflight.ts';
import type { AnyRequest, UserInfo } from '../ports.ts';
import { type TestRegistry, testMetrics } from '../testing/index.ts';
import { RestHandler } from './handler.ts';
import { ResourceHandler } from './resource-handler.ts';

const ADMIN: UserInfo = { name: 'admin', uid: '', groups: ['system:masters'], extra: {} };

export interface Door {
  open(
    method: string,
    path: string,
    o?: { headers?: OutgoingHttpHeaders; body?: Buffer | string },
  ): Promise<IncomingMessage>;
  close(): void;
}

/** Serves a test's registry over HTTP; everybody may do everything. */
export async function openDoor(t: TestRegistry, clock: Clock = systemClock): Promise<Door> {
  const { registry } = t;
  const metrics = testMetrics();
  const { watchEvents } = metrics;
  const handler = new RestHandler({
    authenticator: { authenticate: () => Promise.resolve(ADMIN) },
    impersonator: { impersonate: (user) => Promise.resolve(user) },
    authorizer: { authorize: () => Promise.resolve({ allowed: true, reason: '' }) },
    kinds: builtinKinds,
    resources: new ResourceHandler({
      ...{ registry, clock, random: seededRandom(1), watchEvents },
      minWatchMs: 1_800_000,
    }),
    ...{ virtuals: [], streams: [], paths: [], gate: new Inflight({ reads: 0, writes: 0 }), clock },
    metrics,
    longestMs: 60_000,
    log: silentLogger,
    signal: new AbortController().signal,
    newId: () => 'id',
  });
  const server: Server = createServer(
    (request, response) =>
      void handler.handle(request as AnyRequest, response, { peer: undefined }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    open: (method, path, o = {}) =>
      new Promise((resolve, reject) => {
        const headers = { 'user-agent': 'test', ...o.headers };
        const request = httpRequest({ host: '127.0.0.1', port, method, path, headers }, resolve);
        request.on('error', reject);
        request.end(o.body);
      }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The whole body of an answer. */
export async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
