import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import type { Logger } from '@kubets/platform';
import { silentLogger } from '@kubets/platform';
import type { HealthPort } from './decide.ts';
import { HealthServers } from './servers.ts';

/** Takes a free port of this machine. */
async function occupy(): Promise<{ port: number; free(): Promise<void> }> {
  const server: Server = createServer();
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async free() {
      server.close();
      await once(server, 'close');
    },
  };
}

async function freePort(): Promise<number> {
  const taken = await occupy();
  await taken.free();
  return taken.port;
}

const of = (port: number, name: string, localEndpoints: number): HealthPort => ({
  port,
  namespace: 'default',
  name,
  localEndpoints,
});

const ask = (port: number): Promise<Response> => fetch(`http://127.0.0.1:${port}/any/path`);

function recording(): { log: Logger; said: unknown[] } {
  const said: unknown[] = [];
  const warn = (fields: unknown): void => void said.push(fields);
  return { log: { ...silentLogger, warn } as Logger, said };
}

describe('HealthServers', () => {
  it('answers on any path, with what was last known', async () => {
    let isHealthy = true;
    const servers = new HealthServers({ isProxyHealthy: () => isHealthy, log: silentLogger });
    const port = await freePort();
    await servers.apply([of(port, 'web', 2)]);
    const first = await ask(port);
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('content-type'), 'application/json');
    assert.equal(first.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(first.headers.get('x-load-balancing-endpoint-weight'), '2');
    const body = (await first.json()) as { localEndpoints: number };
    assert.equal(body.localEndpoints, 2);
    await servers.apply([of(port, 'web', 0)]);
    assert.equal((await ask(port)).status, 503);
    await servers.apply([of(port, 'web', 1)]);
    isHealthy = false;
    assert.equal((await ask(port)).status, 503);
    await servers.close();
  });

  it('closes a port whose service is gone, with a client that keeps its connection', async () => {
    const servers = new HealthServers({ isProxyHealthy: () => true, log: silentLogger });
    const [gone, stays] = [await freePort(), await freePort()];
    await servers.apply([of(gone, 'gone', 1), of(stays, 'stays', 1)]);
    await (await ask(gone)).text();
    await servers.apply([of(stays, 'stays', 1)]);
    await assert.rejects(ask(gone));
    assert.equal((await ask(stays)).status, 200);
    await servers.close();
    await assert.rejects(ask(stays));
  });

  it('says once that a port is taken, serves the others, and takes it when it is free', async () => {
    const { log, said } = recording();
    const servers = new HealthServers({ isProxyHealthy: () => true, log });
    const taken = await occupy();
    const other = await freePort();
    const wanted = [of(taken.port, 'web', 1), of(other, 'other', 1)];
    await servers.apply(wanted);
    await servers.apply(wanted);
    assert.equal(said.length, 1);
    const [line] = said as { port: number; service: string; error: string }[];
    assert.equal(line?.port, taken.port);
    assert.equal(line?.service, 'default/web');
    assert.match(line?.error ?? '', /EADDRINUSE/);
    assert.equal((await ask(other)).status, 200);
    await taken.free();
    await servers.apply(wanted);
    assert.equal((await ask(taken.port)).status, 200);
    await servers.close();
  });
});
