import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import type { Container, Probe } from '@kubets/api';
import { ManualClock, systemClock } from '@kubets/platform';
import { RuntimeFault } from '../../errors.ts';
import type { ContainerRuntime, ProbeResult, ProbeRunner, ProbeTarget } from '../../ports.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../../testing/pods.ts';
import { HookFault, runHook } from '../hooks.ts';
import { PodEvents } from '../pod-events.ts';
import { Prober } from './prober.ts';
import { RealProbes } from './runner.ts';
import { PortError, portOf } from './target.ts';

/** A runtime that can do one thing: run `true`, `false` or `hang`. */
const runtime = {
  execSync: async (_id: string, [word = '']: readonly string[]) => {
    if (word === 'hang') return new Promise(() => undefined);
    if (word === 'gone') throw new RuntimeFault('container is in CONTAINER_EXITED state');
    const exitCode = word === 'true' ? 0 : 1;
    return { exitCode, stdout: Buffer.from('out '), stderr: Buffer.from('err') };
  },
} as unknown as ContainerRuntime;

describe('RealProbes', () => {
  const probes = new RealProbes(runtime, systemClock);
  let server: Server;
  let port = 0;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === '/slow') return;
      const { url = '/' } = request;
      if (url.startsWith('/to/')) {
        const location = decodeURIComponent(url.slice('/to/'.length));
        response.writeHead(302, { location }).end('there');
        return;
      }
      const codes: Record<string, number> = { '/ok': 200, '/moved': 302, '/bad': 500 };
      const host = String(request.headers.host);
      response.writeHead(host.startsWith('custom') ? 200 : (codes[url] ?? 404)).end('x');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const target = (): ProbeTarget => ({
    pod: aPod(),
    container: aContainer({ ports: [{ name: 'web', containerPort: port }] }),
    containerId: 'c',
    podIp: '127.0.0.1',
  });
  const run = (probe: Probe, timeoutMs = 2_000): Promise<ProbeResult> =>
    probes.run(probe, target(), timeoutMs);

  it('HTTP: 2xx and 3xx are well', async () => {
    assert.deepEqual(await run({ httpGet: { path: '/ok', port: 'web' } }), {
      ok: true,
      output: '',
    });
    assert.equal((await run({ httpGet: { path: '/moved', port } })).ok, true);
    const bad = await run({ httpGet: { path: '/bad', port } });
    assert.deepEqual(bad, { ok: false, output: 'HTTP probe failed with statuscode: 500' });
  });

  it('HTTP: redirects are followed on the same host only', async () => {
    const to = (location: string) =>
      run({ httpGet: { path: `/to/${encodeURIComponent(location)}`, port } });
    assert.deepEqual(await to('/ok'), { ok: true, output: '' });
    assert.deepEqual(await to(`http://127.0.0.1:${port}/ok`), { ok: true, output: '' });
    assert.equal((await to('/bad')).output, 'HTTP probe failed with statuscode: 500');
    assert.deepEqual(await to('http://0.0.0.0/'), {
      ok: true,
      output: '',
      warning: 'Probe terminated redirects, Response body: there',
    });
    const round = await to('/to/%2Fok');
    assert.equal(round.ok, true);
    let loop = '/ok';
    for (let i = 0; i < 12; i += 1) loop = `/to/${encodeURIComponent(loop)}`;
    assert.match(
      (await run({ httpGet: { path: loop, port } })).output,
      /stopped after 10 redirects/,
    );
  });

  it('HTTP: headers are sent, Host among them', async () => {
    const httpHeaders = [{ name: 'Host', value: 'custom.example' }];
    assert.equal((await run({ httpGet: { path: '/none', port, httpHeaders } })).ok, true);
  });

  it('HTTP: slow answers and closed ports are failures', async () => {
    const slow = await run({ httpGet: { path: '/slow', port } }, 50);
    assert.match(slow.output, /context deadline exceeded/);
    const closed = await run({ httpGet: { path: '/', port: 1 } });
    assert.match(
      closed.output,
      /^Get "http:\/\/127\.0\.0\.1:1\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    );
  });

  it('TCP: a port that opens is well', async () => {
    assert.equal((await run({ tcpSocket: { port } })).ok, true);
    assert.match(
      (await run({ tcpSocket: { port: 1 } })).output,
      /^dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    );
  });

  it('exec: the exit code decides, in time', async () => {
    assert.equal((await run({ exec: { command: ['true'] } })).ok, true);
    assert.equal((await run({ exec: { command: ['false'] } })).output, 'out err');
    assert.equal(
      (await run({ exec: { command: ['hang', 'on'] } }, 1_000)).output,
      'command timed out: "hang on" timed out after 1s',
    );
    await assert.rejects(run({ exec: { command: ['gone'] } }), RuntimeFault);
  });

  it('gRPC: the health service decides', async () => {
    const health = new GrpcServer();
    const answers: Record<string, number> = { '': 1, sick: 2 };
    health.addService(
      {
        Check: {
          path: '/grpc.health.v1.Health/Check',
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        Check: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => {
          const name = call.request.subarray(2).toString();
          done(null, Buffer.from([8, answers[name] ?? 0]));
        },
      },
    );
    const grpcPort = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      health.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    assert.equal((await run({ grpc: { port: grpcPort } })).ok, true);
    assert.match((await run({ grpc: { port: grpcPort, service: 'sick' } })).output, /status 2/);
    health.forceShutdown();
    assert.match((await run({ grpc: { port: 1 } }, 300)).output, /health rpc failed/);
  });

  it('say when a port does not exist', async () => {
    await assert.rejects(run({ tcpSocket: { port: 'nope' } }), /couldn't find port: nope/);
    assert.equal(portOf('web', target().container), port);
    assert.equal(portOf('80', target().container), 80);
    assert.throws(() => portOf('0', target().container), PortError);
  });

  it('hooks: fail with the words of the command', async () => {
    const hookTarget = { container: aContainer(), containerId: 'c', podIp: '127.0.0.1' };
    const options = { runtime, clock: systemClock, timeoutMs: 1_000 };
    await runHook({ exec: { command: ['true'] } }, hookTarget, options);
    for (const path of ['/bad', 'bad']) {
      await runHook({ httpGet: { path, port } }, hookTarget, options);
    }
    await runHook({ sleep: { seconds: 0 } }, hookTarget, options);
    await assert.rejects(
      runHook({ exec: { command: ['false'] } }, hookTarget, options),
      (error) => {
        assert.ok(error instanceof HookFault);
        assert.match(error.message, /'false' exited with 1: out err/);
        return true;
      },
    );
    await assert.rejects(runHook({ httpGet: { port: 1 } }, hookTarget, options), HookFault);
  });
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('Prober', () => {
  function setup(container: Partial<Container>) {
    const clock = new ManualClock(0);
    const events: string[] = [];
    const changes: string[] = [];
    const asked: string[] = [];
    let well = true;
    let warning: string | undefined;
    let fault: Error | undefined;
    const runner: ProbeRunner = {
      alwaysWell: false,
      run: async (probe) => {
        asked.push(probe.exec?.command?.[0] ?? '');
        if (fault !== undefined) throw fault;
        return { ok: well, output: 'sick', ...(warning !== undefined && { warning }) };
      },
    };
    const prober = new Prober({
      runner,
      clock,
      events: new PodEvents({
        event: (_pod, _type, reason, message) => events.push(`${reason}: ${message}`),
      }),
      onChange: (uid) => changes.push(uid),
    });
    const pod = aPod({ containers: [aContainer(container)] });
    const run = aRun({ startedAtMs: 0 });
    const sync = (isEnding = false): void =>
      prober.sync(pod, runtimeOf([aSandbox()], [run]), '10.0.0.2', isEnding);
    const after = async (ms: number): Promise<void> => {
      clock.advance(ms);
      await settle();
    };
    return {
      clock,
      prober,
      pod,
      run,
      events,
      changes,
      asked,
      sync,
      after,
      make: (ok: boolean) => {
        well = ok;
      },
      warnOf: (text: string) => {
        warning = text;
      },
      breakWith: (error: Error | undefined) => {
        fault = error;
      },
    };
  }
  const probe = (name: string, more: Probe = {}): Probe => ({ exec: { command: [name] }, ...more });

  it('waits for the delay, asks every period, and tells what changed', async () => {
    const readinessProbe = probe('r', {
      initialDelaySeconds: 5,
      periodSeconds: 2,
      failureThreshold: 1,
    });
    const test = setup({ readinessProbe });
    test.sync();
    await test.after(4_999);
    assert.equal(test.asked.length, 0);
    assert.equal(test.prober.passesReadiness('main-0'), false);
    await test.after(1);
    assert.equal(test.prober.passesReadiness('main-0'), true);
    test.make(false);
    await test.after(2_000);
    assert.equal(test.prober.passesReadiness('main-0'), false);
    assert.deepEqual(test.changes, ['uid-1', 'uid-1']);
    assert.deepEqual(test.events, ['Unhealthy: Readiness probe failed: sick']);
  });

  it('gives up on a container after enough failures', async () => {
    const livenessProbe = probe('l', { periodSeconds: 1, failureThreshold: 3 });
    const test = setup({ livenessProbe });
    test.make(false);
    test.sync();
    await test.after(0);
    await test.after(1_000);
    assert.equal(test.prober.unhealthy('uid-1').size, 0);
    await test.after(1_000);
    assert.deepEqual([...test.prober.unhealthy('uid-1')], [['main-0', 'liveness']]);
  });

  it('tells of what it could not ask, and counts it for nothing', async () => {
    const livenessProbe = probe('l', { periodSeconds: 1, failureThreshold: 1 });
    const test = setup({ livenessProbe });
    test.breakWith(new RuntimeFault('no answer'));
    test.sync();
    await test.after(0);
    assert.equal(test.prober.unhealthy('uid-1').size, 0);
    assert.deepEqual(test.events, [
      'Unhealthy: Liveness probe errored and resulted in unknown state: no answer',
    ]);
    test.breakWith(undefined);
    test.make(false);
    await test.after(1_000);
    assert.equal(test.prober.unhealthy('uid-1').size, 1);
  });

  it('tells of warnings', async () => {
    const test = setup({ readinessProbe: probe('r', { periodSeconds: 1 }) });
    test.warnOf('led elsewhere');
    test.sync();
    await test.after(0);
    assert.deepEqual(test.events, ['ProbeWarning: Readiness probe warning: led elsewhere']);
    assert.equal(test.prober.passesReadiness('main-0'), true);
  });

  it('of a pod that is ending, asks only whether it is ready', async () => {
    const every = { periodSeconds: 1, failureThreshold: 1 };
    const test = setup({ livenessProbe: probe('l', every), readinessProbe: probe('r', every) });
    test.sync();
    await test.after(0);
    test.sync(true);
    test.make(false);
    await test.after(1_000);
    assert.deepEqual(test.asked.slice(2), ['r']);
    assert.equal(test.prober.passesReadiness('main-0'), false);
    test.prober.sync(test.pod, runtimeOf([aSandbox()], [exited(0)]), '', true);
    assert.equal(test.clock.pendingTimers, 0);
  });

  it('lets the others wait for the startup probe', async () => {
    const startupProbe = probe('s', { periodSeconds: 1, failureThreshold: 5 });
    const test = setup({ startupProbe, livenessProbe: probe('l'), readinessProbe: probe('r') });
    test.make(false);
    test.sync();
    await test.after(0);
    assert.equal(test.prober.started('main-0'), false);
    assert.deepEqual(test.asked, ['s']);
    test.make(true);
    await test.after(1_000);
    assert.equal(test.prober.started('main-0'), true);
    test.sync();
    await test.after(0);
    assert.deepEqual(test.asked.slice(2).sort(), ['l', 'r']);
  });

  it('gives up on a container that never starts', async () => {
    const test = setup({ startupProbe: probe('s', { periodSeconds: 1, failureThreshold: 1 }) });
    test.make(false);
    test.sync();
    await test.after(0);
    assert.deepEqual([...test.prober.unhealthy('uid-1')], [['main-0', 'startup']]);
  });

  it('stops with the container, and with the pod', async () => {
    const test = setup({ livenessProbe: probe('l', { periodSeconds: 1 }) });
    test.sync();
    await test.after(0);
    test.prober.sync(test.pod, runtimeOf([aSandbox()], [exited(0)]), '');
    assert.equal(test.clock.pendingTimers, 0);
    test.sync();
    await test.after(0);
    test.prober.forgetPod('uid-1');
    assert.equal(test.clock.pendingTimers, 0);
  });

  it('keeps a container ready that was so before the kubelet started again', async () => {
    const test = setup({ readinessProbe: probe('r', { initialDelaySeconds: 100 }) });
    const status = { name: 'main', image: '', imageID: '', restartCount: 0, ready: true };
    test.pod.status = { containerStatuses: [{ ...status, containerID: 'containerd://main-0' }] };
    test.sync();
    assert.equal(test.prober.passesReadiness('main-0'), true);
  });

  it('asks nothing of containers without probes', () => {
    const test = setup({});
    test.sync();
    assert.equal(test.prober.passesReadiness('main-0'), true);
    assert.equal(test.prober.started('main-0'), true);
    assert.equal(test.clock.pendingTimers, 0);
  });
});
