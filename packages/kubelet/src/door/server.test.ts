import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Metrics, silentLogger, systemClock } from '@kubets/platform';
import { WebSocket } from 'ws';
import { RuntimeFault } from '../errors.ts';
import { Meter } from '../host/usage/meter.ts';
import type {
  ContainerRuntime,
  DoorPod,
  ExecHandlers,
  ExecSession,
  RawTunnel,
  RuntimePod,
  StreamRequest,
} from '../ports.ts';
import { clientTls, doorTls, strangerTls } from '../testing/certificates.ts';
import { openAccess } from '../testing/door-access.ts';
import { exec, get } from '../testing/door-client.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../testing/pods.ts';
import { eventually, testMachine } from '../testing/simulated-node.ts';
import { Door } from './server.ts';
import { UsagePages } from './usage-pages.ts';

const SUCCESS = Buffer.from('{"status":"Success"}');

/** Streams as the runtime would give them: what goes in comes out, until stdin ends. */
class EchoRuntime {
  state: RuntimePod = runtimeOf([]);
  fail: RuntimeFault | undefined;
  asked: StreamRequest | undefined;
  sizes: string[] = [];
  paused: boolean[] = [];
  closed = 0;
  /** Output sent at once, before anything is asked. */
  flood: Buffer | undefined;
  /** Pieces of output at once. */
  burst: string[] = [];
  tunnel: (() => Promise<RawTunnel>) | undefined;

  async inspectPod(): Promise<RuntimePod> {
    return this.state;
  }

  async usage() {
    return [];
  }

  async openStream(asked: StreamRequest, handlers: ExecHandlers): Promise<ExecSession> {
    if (this.fail !== undefined) throw this.fail;
    this.asked = asked;
    queueMicrotask(() => {
      for (const piece of this.burst) handlers.onStdout(Buffer.from(piece));
      if (this.flood !== undefined) handlers.onStdout(this.flood);
      if (!asked.stdin) handlers.onEnd(SUCCESS);
    });
    return {
      writeStdin: (data) => {
        handlers.onStdout(data);
        handlers.onStderr(Buffer.from('!'));
        return true;
      },
      closeStdin: () => handlers.onEnd(SUCCESS),
      resize: (columns, rows) => this.sizes.push(`${columns}x${rows}`),
      setPaused: (paused) => this.paused.push(paused),
      close: () => {
        this.closed += 1;
      },
    };
  }

  openStreamTunnel(): Promise<RawTunnel> {
    return this.openPortForward();
  }

  async openPortForward(): Promise<RawTunnel> {
    if (this.tunnel === undefined) throw new RuntimeFault('no tunnel');
    return this.tunnel();
  }
}

describe('the door', () => {
  let runtime = new EchoRuntime();
  let dir = '';
  let door: Door;
  let port = 0;
  let fault: string | undefined;
  const pod = aPod();
  const place = (): DoorPod => ({
    pod,
    nodeName: 'n1',
    runtime: runtime as unknown as ContainerRuntime,
  });
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-door-'));
    door = new Door({
      tls: doorTls(),
      access: openAccess,
      clock: systemClock,
      log: silentLogger,
      metrics: new Metrics(),
      find: (namespace, name) => (namespace === 'shop' && name === 'web' ? place() : undefined),
      all: () => [place()],
      healthy: async () => fault,
      configuration: () => ({ kubeletconfig: { maxPods: 7 } }),
      usage: new UsagePages({
        ...{ clock: systemClock, log: silentLogger, all: () => [place()] },
        probes: () => [
          { pod, container: 'main', kind: 'Liveness', result: 'successful', count: 3 },
        ],
        real: {
          meter: new Meter({
            ...{ cgroupParent: '/kubets', clock: systemClock },
            ...{ cgroupRoot: join(dir, 'cgroup'), procRoot: join(dir, 'proc') },
          }),
          machine: testMachine,
          usage: () => ({ cpuNanoSeconds: 5e9, memoryWorkingSetBytes: 1_024, atMs: 9_000 }),
        },
      }),
      logFolder: join(dir, 'log'),
    });
    port = await door.listen('127.0.0.1', 0);
  });
  beforeEach(() => {
    runtime = new EchoRuntime();
    runtime.state = runtimeOf([aSandbox()], [aRun()]);
    fault = undefined;
  });
  after(async () => {
    await door.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const logs = (query = ''): Promise<{ status: number; body: string }> =>
    get(port, `/containerLogs/shop/web/main${query}`);

  it('is open to holders of a certificate of the authority only', async () => {
    assert.equal((await get(port, '/healthz', strangerTls())).status, 401);
    assert.equal((await get(port, '/healthz', clientTls())).body, 'ok');
  });

  it('tells its health, pods, usage and metrics', async () => {
    fault = 'the runtime is down';
    assert.deepEqual(await get(port, '/healthz'), { status: 500, body: 'the runtime is down' });
    assert.equal(JSON.parse((await get(port, '/pods')).body).items[0].metadata.name, 'web');
    const summary = JSON.parse((await get(port, '/stats/summary')).body);
    assert.equal(summary.pods[0].podRef.name, 'web');
    assert.equal(summary.node.cpu.usageCoreNanoSeconds, 5e9);
    assert.equal((await get(port, '/metrics')).status, 200);
    const { body } = await get(port, '/configz');
    assert.deepEqual(JSON.parse(body), { kubeletconfig: { maxPods: 7 } });
    const resources = (await get(port, '/metrics/resource')).body;
    assert.match(resources, /^node_cpu_usage_seconds_total 5 9000$/m);
    const cadvisor = (await get(port, '/metrics/cadvisor')).body;
    assert.match(cadvisor, /^machine_cpu_cores\{.*machine_id="machine".*\} 4$/m);
    const who = 'container="main",namespace="shop",pod="web",pod_uid="uid-1"';
    const line = `prober_probe_total{${who},probe_type="Liveness",result="successful"} 3`;
    assert.ok((await get(port, '/metrics/probes')).body.includes(line));
    assert.equal((await get(port, '/metrics/other')).status, 404);
  });

  describe('shows the logs of its machine', () => {
    const root = (): string => join(dir, 'log');
    before(() => {
      mkdirSync(join(root(), 'pods'), { recursive: true });
      writeFileSync(join(root(), 'a & b.log'), 'one\ntwo\n');
      writeFileSync(join(root(), 'empty'), '');
      writeFileSync(join(dir, 'secret'), 'not for you');
      symlinkSync(join(dir, 'secret'), join(root(), 'out'));
      symlinkSync('a & b.log', join(root(), 'in'));
    });

    it('as pages of names, and as they are', async () => {
      assert.equal((await get(port, '/logs')).status, 301);
      const names = ['a & b.log', 'empty', 'in', 'out', 'pods/'].map((name) => {
        const url = encodeURIComponent(name).replace('%2F', '/');
        return `<a href="${url}">${name.replace('&', '&amp;')}</a>\n`;
      });
      const page = { status: 200, body: `<pre>\n${names.join('')}</pre>\n` };
      assert.deepEqual(await get(port, '/logs/'), page);
      const file = { status: 200, body: 'one\ntwo\n' };
      assert.deepEqual(await get(port, '/logs/a%20%26%20b.log'), file);
      assert.deepEqual(await get(port, '/logs/in'), file);
      assert.deepEqual(await get(port, '/logs/empty'), { status: 200, body: '' });
    });

    it('and nothing beside them', async () => {
      for (const path of ['none', 'out', '..%2Fsecret', 'pods/..%2F..%2Fsecret', 'in/x']) {
        const missing = { status: 404, body: '404 page not found' };
        assert.deepEqual(await get(port, `/logs/${path}`), missing, path);
      }
    });
  });

  const wrong: [string, number, RegExp][] = [
    ['/nothing', 404, /not found/],
    ['/containerLogs/shop/none/main', 404, /pod "shop\/none" not found/],
    ['/containerLogs/shop/web/none', 404, /container "none" not found in pod "web"/],
    ['/containerLogs/shop/web/main?tailLines=x', 400, /tailLines/],
    ['/exec/shop/web/main?command=x', 400, /Upgrade request required/],
  ];
  for (const [path, status, body] of wrong) {
    it(`answers ${path} with ${status}`, async () => {
      const answer = await get(port, path);
      assert.equal(answer.status, status);
      assert.match(answer.body, body);
    });
  }

  it('sends the log of this run, or of the one before', async () => {
    const [now, then] = [join(dir, '1.log'), join(dir, '0.log')];
    writeFileSync(now, '2026-01-01T00:00:00Z stdout F now\n');
    writeFileSync(then, '2026-01-01T00:00:00Z stdout F then\n');
    const runs = [aRun({ attempt: 1, logPath: now }), exited(1, { logPath: then })];
    runtime.state = runtimeOf([aSandbox()], runs);
    assert.deepEqual(await logs(), { status: 200, body: 'now\n' });
    assert.deepEqual(await logs('?previous=true'), { status: 200, body: 'then\n' });
  });

  it('says what a container without a log waits for', async () => {
    runtime.state = runtimeOf([]);
    const answer = await logs();
    assert.equal(answer.status, 400);
    assert.match(
      answer.body,
      /container "main" in pod "web" is waiting to start: ContainerCreating/,
    );
    const previous = await logs('?previous=1');
    assert.match(previous.body, /previous terminated container "main" in pod "web" not found/);
  });

  it('says so when containers are simulated', async () => {
    assert.match((await logs()).body, /this container is simulated/);
  });

  it('joins input, both outputs and the verdict', async () => {
    const query = 'command=a&command=b%20c&stdin=1&stdout=1&stderr=1';
    const outcome = await exec(port, `/exec/shop/web/main?${query}`, { stdin: 'hello' });
    assert.deepEqual(
      [outcome.stdout, outcome.stderr, outcome.status.status],
      ['hello', '!', 'Success'],
    );
    assert.deepEqual(runtime.asked?.command, ['a', 'b c']);
    assert.equal(runtime.asked?.tty, false);
  });

  it('understands the stock names of the streams, and terminals', async () => {
    const query = 'command=a&input=1&output=1&error=1&tty=1';
    const resize = { Width: 100, Height: 30 };
    await exec(port, `/exec/shop/web/main?${query}`, { stdin: 'x', resize });
    const { stdin, stdout, stderr, tty } = runtime.asked ?? {};
    assert.deepEqual([stdin, stdout, stderr, tty], [true, true, false, true]);
    assert.deepEqual(runtime.sizes, ['100x30']);
  });

  it('attaches without a command', async () => {
    await exec(port, '/attach/shop/web/main?stdout=1');
    assert.equal(runtime.asked?.command, undefined);
  });

  it('reports a runtime that refuses as the verdict', async () => {
    runtime.fail = new RuntimeFault('no such container');
    const outcome = await exec(port, '/exec/shop/web/main?command=a&stdout=1');
    assert.deepEqual(
      [outcome.status.status, outcome.status.message],
      ['Failure', 'no such container'],
    );
  });

  it('refuses sessions with containers that do not run, and without a command', async () => {
    await assert.rejects(exec(port, '/exec/shop/web/main?stdout=1'), /answered 400/);
    runtime.state = runtimeOf([aSandbox()], [exited(0)]);
    await assert.rejects(exec(port, '/exec/shop/web/main?command=a'), /answered 500/);
    await assert.rejects(exec(port, '/exec/shop/none/main?command=a'), /answered 404/);
  });

  it('ends the process session when the client goes', async () => {
    const url = `wss://127.0.0.1:${port}/exec/shop/web/main?command=a&stdin=1&stdout=1`;
    const socket = new WebSocket(url, ['v4.channel.k8s.io'], clientTls());
    // The session may begin before the client has read the answer; hanging up before that is an error of the client's own.
    await once(socket, 'open');
    await eventually('a session', () => runtime.asked !== undefined);
    socket.terminate();
    await eventually('its end', () => runtime.closed > 0);
  });

  /** Everything a session says, up to its end or to the wanted number of messages. */
  async function said(protocol: string, query: string, input?: string | Buffer): Promise<string[]> {
    const url = `wss://127.0.0.1:${port}/exec/shop/web/main?command=a&stdout=1&stderr=1${query}`;
    const socket = new WebSocket(url, [protocol], clientTls());
    const seen: string[] = [];
    socket.on('message', (data: Buffer) => seen.push(data.toString('latin1')));
    const closed = once(socket, 'close');
    await once(socket, 'open');
    assert.equal(socket.protocol, protocol);
    if (input !== undefined) {
      socket.send(input);
      await eventually('the echo', () => seen.length >= 2);
      socket.terminate();
    }
    await closed;
    return seen;
  }
  const b64 = (text: string): string => Buffer.from(text).toString('base64');
  const older: [string, Buffer | string, string[], string[], string][] = [
    ['channel.k8s.io', Buffer.from('\0in'), ['\u0001in', '\u0002!'], [], '\u0003broken'],
    [
      'base64.channel.k8s.io',
      `0${b64('in')}`,
      [`1${b64('in')}`, `2${b64('!')}`],
      [],
      `3${b64('broken')}`,
    ],
  ];
  for (const [protocol, input, echo, success, failed] of older) {
    it(`speaks ${protocol} to those who know nothing newer`, async () => {
      assert.deepEqual(await said(protocol, '&stdin=1', input), echo);
      assert.deepEqual(await said(protocol, ''), success);
      runtime.fail = new RuntimeFault('broken');
      assert.deepEqual(await said(protocol, ''), [failed]);
    });
  }

  it('tells the status in v4.base64.channel.k8s.io', async () => {
    const status = `3${b64(SUCCESS.toString())}`;
    assert.deepEqual(await said('v4.base64.channel.k8s.io', ''), [status]);
  });

  it('puts each message into a TLS record of its own', async () => {
    runtime.burst = ['one', 'two', 'three', 'four'];
    const socket = connectTls({ host: '127.0.0.1', port, ...clientTls() });
    const records: string[] = [];
    socket.on('data', (data: Buffer) => records.push(data.toString('latin1')));
    const lines = [
      'GET /exec/shop/web/main?command=a&stdout=1 HTTP/1.1',
      'Host: kubelet',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: v4.channel.k8s.io',
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await eventually('the close', () => records.at(-1)?.startsWith('\x88') === true);
    socket.destroy();
    const frame = (channel: number, text: string): string =>
      String.fromCharCode(0x82, text.length + 1, channel) + text;
    assert.deepEqual(records.slice(1, -1), [
      ...runtime.burst.map((text) => frame(1, text)),
      frame(3, SUCCESS.toString()),
    ]);
  });

  it('holds a fast process back for a slow client', async () => {
    runtime.flood = Buffer.alloc(8 * 1024 * 1024, 'x');
    const outcome = await exec(port, '/exec/shop/web/main?command=a&stdin=1&stdout=1', {
      stdin: '',
    });
    assert.equal(outcome.stdout.length, runtime.flood.length);
    assert.deepEqual(runtime.paused, [true, false]);
  });

  /** Switches protocols by hand. */
  function upgrade(path: string, headers: Record<string, string>) {
    const options = { host: '127.0.0.1', port, path, ...clientTls() };
    const all = { ...headers, Connection: 'Upgrade' };
    return new Promise<{ socket: Duplex; protocol: Record<string, unknown> }>((resolve, reject) => {
      const ask = request({ ...options, headers: all });
      ask.on('upgrade', (answer, socket, head) => {
        socket.unshift(head);
        resolve({ socket, protocol: answer.headers });
      });
      ask.on('response', (answer) => reject(new Error(`answered ${answer.statusCode}`)));
      ask.on('error', reject);
      ask.end();
    });
  }

  describe('tunnels', () => {
    const echo = createServer((socket) => socket.pipe(socket));
    let echoPort = 0;
    before(async () => {
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
      const address = echo.address();
      echoPort = typeof address === 'object' && address !== null ? address.port : 0;
    });
    after(() => echo.close());
    beforeEach(() => {
      runtime.tunnel = async () => {
        const socket = connect(echoPort, '127.0.0.1');
        await new Promise((resolve) => socket.once('connect', resolve));
        return { socket, head: Buffer.from('greeting '), protocol: 'chosen' };
      };
    });

    it('carry port-forward inside a WebSocket', async () => {
      const { socket, protocol } = await upgrade('/portForward/shop/web?port=80', {
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Protocol': 'SPDY/3.1+portforward.k8s.io',
      });
      assert.equal(protocol['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
      const seen: Buffer[] = [];
      socket.on('data', (data: Buffer) => seen.push(data));
      socket.write(Buffer.from([0x82, 0x84, 0, 0, 0, 0, ...Buffer.from('ping')]));
      await eventually('the echo', () => Buffer.concat(seen).includes('\x82\x04ping', 0, 'latin1'));
      assert.ok(Buffer.concat(seen).includes('greeting '));
    });

    it('speak channels to clients that offer them', async () => {
      const url = `wss://127.0.0.1:${port}/portForward/shop/web?port=80`;
      const offers = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
      const socket = new WebSocket(url, offers, clientTls());
      const [first] = (await once(socket, 'message')) as [Buffer];
      assert.equal(socket.protocol, 'v4.channel.k8s.io');
      assert.equal(first.toString('hex'), '015000');
      socket.terminate();
      const nothing = new WebSocket(url.replace('?port=80', ''), offers, clientTls());
      await assert.rejects(once(nothing, 'open'), /400/);
    });

    for (const [who, headers] of [
      ['a client whose upgrade is refused', { 'Sec-WebSocket-Version': '1' }],
      ['a client that has gone', { 'Sec-WebSocket-Version': '13' }],
    ] as const) {
      it(`are not left behind by ${who}`, async () => {
        const opened = Promise.withResolvers<Socket>();
        const client = Promise.withResolvers<void>();
        const open = runtime.tunnel ?? assert.fail();
        runtime.tunnel = async () => {
          const tunnel = await open();
          opened.resolve(tunnel.socket);
          await client.promise;
          return tunnel;
        };
        const url = '/portForward/shop/web?port=80';
        const ask = request({
          ...{ host: '127.0.0.1', port, path: url, ...clientTls() },
          headers: { ...headers, Connection: 'Upgrade', Upgrade: 'websocket' },
        });
        ask.on('error', () => undefined);
        ask.on('response', (answer) => answer.resume());
        ask.end();
        const tunnel = await opened.promise;
        const closed = once(tunnel, 'close');
        if (who.includes('gone')) ask.destroy();
        client.resolve();
        await closed;
      });
    }

    it('carry SPDY as it is', async () => {
      const { socket, protocol } = await upgrade('/exec/shop/web/main?command=a&stdout=1', {
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
      });
      assert.equal(protocol['x-stream-protocol-version'], 'chosen');
      let text = '';
      socket.on('data', (data: Buffer) => {
        text += data.toString();
      });
      socket.write('ping');
      await eventually('the echo', () => text === 'greeting ping');
    });

    it('say why there is none', async () => {
      runtime.state = runtimeOf([aSandbox({ ready: false })]);
      const refused = upgrade('/portForward/shop/web', { Upgrade: 'SPDY/3.1' });
      await assert.rejects(refused, /answered 500/);
    });
  });

  it('uses one port on several addresses, and says when one cannot be had', async () => {
    await assert.rejects(door.listen('192.0.2.250', 0), /cannot listen on 192\.0\.2\.250:0/);
    assert.equal(await door.listen('127.0.0.2', port), port);
  });

  it('knows the container names of init containers too', async () => {
    pod.spec = {
      ...pod.spec,
      containers: [aContainer()],
      initContainers: [aContainer({ name: 'init' })],
    };
    runtime.state = runtimeOf([aSandbox()], [exited(0, { name: 'init' })]);
    assert.equal((await get(port, '/containerLogs/shop/web/init')).status, 200);
  });
});
