import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { ConfigError, silentLogger, systemClock } from '@kubets/platform';
import { Balancer } from './balancer.ts';
import { FrontDoor } from './front-door.ts';

const stops: (() => void)[] = [];
after(() => {
  for (const stop of stops) stop();
});

/** Says its name, then echoes. */
async function backend(name: string): Promise<{ address: string; stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(name);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  stops.push(stop);
  return { address: `127.0.0.1:${address.port}`, stop };
}

async function greeting(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const [data] = await once(socket, 'data');
  socket.destroy();
  return String(data);
}

const doorTo = (backends: readonly string[], port = 0): FrontDoor =>
  new FrontDoor({ host: '127.0.0.1', port, backends, clock: systemClock, log: silentLogger });

test('connections spread, and a dead backend is passed over', async () => {
  const one = await backend('one');
  const two = await backend('two');
  const door = doorTo([one.address, two.address]);
  const port = await door.listen();
  const seen = new Set([await greeting(port), await greeting(port), await greeting(port)]);
  assert.deepEqual([...seen].toSorted(), ['one', 'two']);
  one.stop();
  for (let i = 0; i < 4; i++) assert.equal(await greeting(port), 'two');
  await door.close();
});

test('somebody who may know others is asked when nobody else answers, and only then', async () => {
  const one = await backend('one');
  const other = await backend('other');
  const door = new FrontDoor({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock, log: silentLogger },
    backends: [one.address],
    lastResort: other.address,
  });
  const port = await door.listen();
  for (let i = 0; i < 3; i++) assert.equal(await greeting(port), 'one');
  one.stop();
  for (let i = 0; i < 3; i++) assert.equal(await greeting(port), 'other');
  await door.close();
});

test('bytes pass unchanged both ways, also when they are many', async () => {
  const one = await backend('');
  const door = doorTo([one.address]);
  const port = await door.listen();
  const socket = connect(port, '127.0.0.1');
  const sent = Buffer.alloc(3_000_000, 'abcdefg');
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.end(sent);
  await once(socket, 'end');
  assert.ok(Buffer.concat(parts).equals(sent));
  await door.close();
});

test('when a backend dies its connections end, so that clients come back', async () => {
  const one = await backend('one');
  const door = doorTo([one.address]);
  const port = await door.listen();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'data');
  one.stop();
  await once(socket, 'close');
  const refused = connect(port, '127.0.0.1');
  refused.on('error', () => refused.destroy());
  await once(refused, 'close');
  await door.close();
});

test('a taken port is refused with the flag to use', async () => {
  const one = await backend('one');
  const port = Number(one.address.split(':')[1]);
  await assert.rejects(doorTo([], port).listen(), (error: unknown) => {
    return (
      error instanceof ConfigError &&
      error.message === `port ${port} is in use; choose another with --port`
    );
  });
});

test('the balancer prefers idle backends and puts failed ones last until they work again', () => {
  const balancer = new Balancer(['a', 'b', 'c']);
  balancer.opened('a');
  balancer.failed('b');
  assert.equal(balancer.order()[0], 'c');
  assert.equal(balancer.order().at(-1), 'b');
  balancer.opened('b');
  balancer.closed('b');
  balancer.closed('a');
  const firsts = new Set([balancer.order()[0], balancer.order()[0], balancer.order()[0]]);
  assert.ok(firsts.has('b'));
});

test('a door whose apiservers have moved finds them at once', async () => {
  const one = await backend('one');
  const door = doorTo([one.address]);
  const port = await door.listen();
  assert.equal(await greeting(port), 'one');
  const two = await backend('two');
  door.useBackends([two.address]);
  assert.equal(await greeting(port), 'two');
  assert.equal(await greeting(port), 'two');
  await door.close();
});
