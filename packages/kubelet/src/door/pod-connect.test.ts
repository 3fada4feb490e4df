import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { ManualClock, Metrics, silentLogger, type TlsMaterial } from '@kubets/platform';
import type { ContainerRuntime, DoorPod } from '../ports.ts';
import { clientTls, doorTls, strangerTls } from '../testing/certificates.ts';
import { openAccess } from '../testing/door-access.ts';
import { aPod, aSandbox, runtimeOf } from '../testing/pods.ts';
import type { PodDial } from './pod-connect.ts';
import { Door } from './server.ts';
import { UsagePages } from './usage-pages.ts';

const POD_IP = '127.0.0.9';

describe('connections to pods through the door', () => {
  const clock = new ManualClock();
  /** A pod that says back what it hears. */
  const echo = createServer((socket) => socket.pipe(socket));
  let pod: Pod;
  let sandboxIps: string[];
  let dialed: string[];
  let dial: PodDial;
  let door: Door;
  let port = 0;
  let simulated: Door;
  let simulatedPort = 0;
  const places = (): DoorPod[] => {
    const inspectPod = async () => runtimeOf([aSandbox({ ips: sandboxIps })]);
    return [{ pod, nodeName: 'n1', runtime: { inspectPod } as unknown as ContainerRuntime }];
  };
  const doorOf = (more: { dial?: PodDial }): Door =>
    new Door({
      ...{ tls: doorTls(), access: openAccess, clock, log: silentLogger, metrics: new Metrics() },
      ...{ find: () => undefined, all: places, healthy: async () => undefined },
      configuration: () => ({}),
      usage: new UsagePages({
        ...{ clock, log: silentLogger, all: () => [], probes: () => [], real: undefined },
      }),
      logFolder: undefined,
      ...more,
    });

  before(async () => {
    echo.listen(0, POD_IP);
    await once(echo, 'listening');
    door = doorOf({ dial: (host, to) => dial(host, to) });
    port = await door.listen('127.0.0.1', 0);
    simulated = doorOf({});
    simulatedPort = await simulated.listen('127.0.0.1', 0);
  });
  beforeEach(() => {
    pod = { ...aPod(), status: { podIP: POD_IP } };
    sandboxIps = [POD_IP];
    dialed = [];
    dial = (host, to) => {
      dialed.push(`${host}:${to}`);
      return connect({ host, port: to });
    };
  });
  after(async () => {
    await Promise.all([door.close(), simulated.close()]);
    echo.close();
  });

  interface Tunnel {
    readonly status: number | undefined;
    readonly code: unknown;
    readonly socket: Duplex;
  }

  async function ask(target: string, tls: TlsMaterial = clientTls(), at = port): Promise<Tunnel> {
    const place = { host: '127.0.0.1', port: at, method: 'CONNECT', path: target, agent: false };
    const asked = request({ ...place, ...tls });
    asked.end();
    const [answer, socket, head] = await once(asked, 'connect');
    socket.unshift(head);
    const { statusCode: status, headers } = answer as IncomingMessage;
    return { status, code: headers['x-kubets-error-code'], socket };
  }
  const echoPort = (): number => (echo.address() as AddressInfo).port;

  it('are joined byte by byte, and end with either side', async () => {
    let backend: Duplex = new Socket();
    dial = (host, to) => {
      backend = connect({ host, port: to });
      return backend;
    };
    const { status, socket } = await ask(`${POD_IP}:${echoPort()}`);
    assert.equal(status, 200);
    socket.write('over and back');
    const [heard] = (await once(socket, 'data')) as [Buffer];
    assert.equal(heard.toString(), 'over and back');
    const gone = once(backend, 'close');
    socket.end();
    await gone;
  });

  it('lead to pods of this node alone', async () => {
    const mine = `${POD_IP}:${echoPort()}`;
    const refused = async (target: string): Promise<void> => {
      const { status, socket } = await ask(target);
      assert.equal(status, 404, target);
      assert.equal(await text(socket), `no pod of this node has the address ${target}`);
    };
    for (const target of [
      `127.0.0.1:${port}`,
      POD_IP,
      `${POD_IP}:0`,
      `${POD_IP}:65536`,
      'a.b:80',
    ]) {
      await refused(target);
    }
    pod = { ...aPod({ hostNetwork: true }), status: { podIP: POD_IP } };
    await refused(mine);
    // Somebody wrote an address into its status that it does not have.
    pod = { ...aPod(), status: { podIP: POD_IP } };
    sandboxIps = ['127.0.0.8'];
    await refused(mine);
    assert.deepEqual(dialed, []);
  });

  it('that fail are told of with the code of the failure', async () => {
    const { status, code, socket } = await ask(`${POD_IP}:1`);
    assert.deepEqual([status, code], [502, 'ECONNREFUSED']);
    assert.match(await text(socket), /ECONNREFUSED/);
  });

  it('that are not taken in time are given up', async () => {
    const silent = new Socket();
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    dial = () => {
      resolve();
      return silent;
    };
    const asked = ask(`${POD_IP}:80`);
    await begun;
    clock.advance(10_000);
    const { status, code } = await asked;
    assert.deepEqual([status, code, silent.destroyed], [502, 'ETIMEDOUT', true]);
  });

  it('are for holders of a certificate, on nodes whose pods have addresses', async () => {
    const refused = await ask(`${POD_IP}:${echoPort()}`, strangerTls());
    assert.equal(refused.status, 401);
    const { status } = await ask(`${POD_IP}:${echoPort()}`, clientTls(), simulatedPort);
    assert.equal(status, 404);
    assert.deepEqual(dialed, []);
  });
});
