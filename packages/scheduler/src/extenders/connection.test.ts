import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ManualClock, systemClock } from '@kubets/platform';
import { createAuthority, issueLeaf } from '@kubets/platform/pki';
import { readConfiguration } from '../config/configuration.ts';
import { Connection } from './connection.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A connection to a server of the test. */
async function connect(
  t: TestContext,
  handler: Handler,
  o: { tls?: { cert: string; key: string }; fields?: object; files?: Record<string, string> } = {},
): Promise<{ connection: Connection; clock: ManualClock }> {
  const server = o.tls ? createSecureServer(o.tls, handler) : createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const urlPrefix = `${o.tls ? 'https' : 'http'}://127.0.0.1:${port}/api`;
  const [config] = readConfiguration({
    ...HEAD,
    extenders: [{ urlPrefix, ...o.fields }],
  }).extenders;
  assert.ok(config);
  const clock = new ManualClock();
  const readFile = (path: string): string => o.files?.[path] ?? assert.fail(path);
  const connection = new Connection(config, { clock, readFile });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  return { connection, clock };
}

const echo: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as object;
    response.end(JSON.stringify({ method, url, type: headers['content-type'], body }));
  });
};

describe('a connection to an extender', () => {
  it('posts JSON below the prefix', async (t) => {
    const { connection } = await connect(t, echo);
    assert.deepEqual(await connection.post('filter', { Pod: 'ä' }), {
      ...{ method: 'POST', url: '/api/filter', type: 'application/json', body: { Pod: 'ä' } },
    });
  });

  it('takes nothing but 200', async (t) => {
    const { connection } = await connect(t, (_, response) => {
      response.statusCode = 503;
      response.end();
    });
    await assert.rejects(
      connection.post('filter', {}),
      /^Error: failed filter with extender at URL http:.*\/api\/filter, code 503$/,
    );
  });

  it('waits no longer than it may', async (t) => {
    const asked = Promise.withResolvers<void>();
    const fields = { httpTimeout: '1s' };
    const { connection, clock } = await connect(t, () => asked.resolve(), { fields });
    const answer = connection.post('filter', {});
    await asked.promise;
    clock.advance(1_000);
    await assert.rejects(answer, /api\/filter": context deadline exceeded$/);
  });

  it('checks certificates as it is told to, and shows its own', async (t) => {
    const now = systemClock.now();
    const authority = await createAuthority('ca', now, 1);
    const tls = await issueLeaf(
      authority,
      { commonName: 'x', hosts: ['extender.local'], days: 1 },
      now,
    );
    const send = async (fields: object, files?: Record<string, string>): Promise<unknown> => {
      const { connection } = await connect(t, echo, { tls, fields, ...(files && { files }) });
      return connection.post('filter', {});
    };
    await assert.rejects(send({}), /Post "https:.*certificate/);
    assert.ok(await send({ enableHTTPS: true }));
    assert.ok(await send({ tlsConfig: { insecure: true } }));
    const caData = Buffer.from(authority.cert).toString('base64');
    await assert.rejects(send({ tlsConfig: { caData } }), /does not match certificate's altnames/);
    const named = { caFile: '/ca', serverName: 'extender.local', certFile: '/c', keyFile: '/k' };
    const files = { '/ca': authority.cert, '/c': tls.cert, '/k': tls.key };
    assert.ok(await send({ tlsConfig: named }, files));
  });

  it('fails where nobody listens', async () => {
    const extenders = [{ urlPrefix: 'http://127.0.0.1:1' }];
    const [config] = readConfiguration({ ...HEAD, extenders }).extenders;
    assert.ok(config);
    const connection = new Connection(config, { clock: systemClock, readFile: assert.fail });
    await assert.rejects(connection.post('bind', {}), /ECONNREFUSED/);
  });
});
