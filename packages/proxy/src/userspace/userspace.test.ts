import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Server } from 'node:net';
import { after, describe, it } from 'node:test';
import { silentLogger, systemClock } from '@kubets/platform';
import { testEndpoint, testPort } from '../testing/builders.ts';
import { UserspaceBackend } from './backend.ts';
import { Balancer } from './balancer.ts';
import { TcpListener } from './tcp.ts';
import { UdpListener } from './udp.ts';

const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers) await close();
});

/** A server that greets with its name, then echoes. @returns its port */
async function tcpServer(name: string): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => void server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** Sends a text, ends, and gives back everything that came. */
function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let out = '';
    socket.on('data', (data) => {
      out += String(data);
    });
    socket.on('end', () => resolve(out));
    socket.on('error', reject);
    socket.end(text);
  });
}

const local = (port: number) => testEndpoint('127.0.0.1', { port });

describe('Balancer', () => {
  const endpoints = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((ip) => testEndpoint(ip));
  const firstIPs = (balancer: Balancer, client: string, times: number, nowMs = 0): string[] =>
    Array.from({ length: times }, () => balancer.order(client, nowMs)[0]?.ip ?? '');

  it('takes endpoints in turn, and offers all of them', () => {
    const balancer = new Balancer(10);
    balancer.update(endpoints, 0);
    assert.deepEqual(firstIPs(balancer, 'c', 4), ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1']);
    assert.equal(balancer.order('c', 0).length, 3);
    balancer.update([], 0);
    assert.deepEqual(balancer.order('c', 0), []);
  });

  it('keeps clients where they were, for a time, and forgets the oldest', () => {
    const balancer = new Balancer(2);
    balancer.update(endpoints, 1_000);
    const [, second, third] = endpoints;
    assert.ok(second && third);
    balancer.keep('a', second, 0);
    assert.deepEqual(firstIPs(balancer, 'a', 3, 500), ['10.0.0.2', '10.0.0.2', '10.0.0.2']);
    assert.equal(new Set(firstIPs(balancer, 'a', 3, 1_001)).size, 3);
    for (const client of ['b', 'c']) balancer.keep(client, third, 0);
    assert.equal(new Set(firstIPs(balancer, 'a', 3, 0)).size, 3);
  });
});

describe('TcpListener', () => {
  async function listener(...endpoints: ReturnType<typeof local>[]) {
    const made = new TcpListener(systemClock, silentLogger);
    made.balancer.update(endpoints, 0);
    closers.push(() => made.close());
    return { made, port: await made.listen(0) };
  }

  it('passes bytes both ways, and the end of either side', async () => {
    const { port } = await listener(local(await tcpServer('one')));
    assert.equal(await talk(port, 'hello'), 'one:hello');
    const large = 'x'.repeat(1_000_000);
    assert.equal((await talk(port, large)).length, large.length + 4);
  });

  it('balances, and passes over endpoints that refuse', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const address = gone.address();
    assert.ok(typeof address === 'object' && address !== null);
    await new Promise((resolve) => gone.close(resolve));
    const [one, two] = [await tcpServer('one'), await tcpServer('two')];
    const { port } = await listener(local(address.port), local(one), local(two));
    const answers = [];
    for (let i = 0; i < 6; i += 1) answers.push(await talk(port, ''));
    assert.deepEqual(new Set(answers), new Set(['one:', 'two:']));
  });

  it('breaks off where there is no endpoint', async () => {
    const { port } = await listener();
    await assert.rejects(talk(port, 'x'), { code: 'ECONNRESET' });
  });
});

describe('UdpListener', () => {
  it('passes datagrams and their answers', async () => {
    const server = createSocket('udp4');
    server.on('message', (message, from) =>
      server.send(`echo ${message}`, from.port, from.address),
    );
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const listener = new UdpListener(systemClock, silentLogger);
    listener.balancer.update([local(server.address().port)], 0);
    const port = await listener.listen(0);
    const client: UdpSocket = createSocket('udp4');
    const answers: string[] = [];
    const done = new Promise<void>((resolve) =>
      client.on('message', (message) => {
        answers.push(String(message));
        if (answers.length === 2) resolve();
      }),
    );
    client.send('one', port, '127.0.0.1');
    client.send('two', port, '127.0.0.1');
    await done;
    assert.deepEqual(answers.toSorted(), ['echo one', 'echo two']);
    client.close();
    await listener.close();
    server.close();
  });
});

describe('UserspaceBackend', () => {
  /** A port that was free a moment ago. */
  async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    await new Promise((resolve) => server.close(resolve));
    return address.port;
  }

  it('offers node ports, follows their endpoints, and gives them back', async () => {
    const backend = new UserspaceBackend(systemClock, silentLogger);
    const nodePort = await freePort();
    const [one, two] = [await tcpServer('one'), await tcpServer('two')];
    await backend.apply([testPort('web', { nodePort, endpoints: [local(one)] })]);
    assert.equal(await talk(nodePort, ''), 'one:');
    await backend.apply([testPort('web', { nodePort, endpoints: [local(two)] })]);
    assert.equal(await talk(nodePort, ''), 'two:');
    await backend.cleanup();
    await assert.rejects(talk(nodePort, ''), { code: 'ECONNREFUSED' });
  });

  it('goes on when a port is taken, and takes it once it is free', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '0.0.0.0', resolve));
    const address = holder.address();
    assert.ok(typeof address === 'object' && address !== null);
    const backend = new UserspaceBackend(systemClock, silentLogger);
    const ports = [
      testPort('web', { nodePort: address.port, endpoints: [local(await tcpServer('one'))] }),
    ];
    await backend.apply(ports);
    await new Promise((resolve) => holder.close(resolve));
    await backend.apply(ports);
    assert.equal(await talk(address.port, ''), 'one:');
    await backend.cleanup();
  });
});
