import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { conflict, type Lease, notFound, type Pod, serverTimeout } from '@kubets/api';
import { FakeApi, TransportError } from '@kubets/client';
import { delay, ManualClock, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { RuntimeFault } from '../errors.ts';
import { LOG_MAX_BYTES } from '../limits.ts';
import type { ContainerRuntime } from '../ports.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../testing/pods.ts';
import { eventually } from '../testing/simulated-node.ts';
import { Housekeeping, removableContainers, removableSandboxes } from './housekeeping.ts';
import { Killer } from './killer.ts';
import { NodeLease } from './node-lease.ts';
import { ApiObjects } from './objects.ts';
import { PodEvents } from './pod-events.ts';
import { Semaphore } from './semaphore.ts';
import { StatusSender, statusPatch } from './status-sender.ts';

const clock = systemClock;
const random = seededRandom(1);
const log = silentLogger;

async function storedPod(api: FakeApi): Promise<Pod> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { containers: [aContainer()] },
  };
  return api.resource<Pod>('v1', 'pods').create(pod);
}
const shown = (api: FakeApi): Pod | undefined => api.objects<Pod>('v1', 'pods')[0];

describe('StatusSender', () => {
  it('brings the newest status to the API', async () => {
    const api = new FakeApi({ clock });
    const pod = await storedPod(api);
    const sender = new StatusSender({ api, clock, random, log });
    for (const phase of ['Pending', 'Running']) sender.publish(pod, { phase });
    await sender.flushed(pod.metadata.uid ?? '');
    assert.equal(shown(api)?.status?.phase, 'Running');
    assert.equal(sender.latest(pod.metadata.uid ?? '')?.phase, 'Running');
  });

  it('takes away reasons that do not hold any more, and leaves conditions of others', async () => {
    const api = new FakeApi({ clock });
    const pod = await storedPod(api);
    const foreign = { type: 'DisruptionTarget', status: 'True' };
    const sender = new StatusSender({ api, clock, random, log });
    const bad = { type: 'Ready', status: 'False', reason: 'X', message: 'y' };
    sender.publish(pod, { conditions: [bad] });
    await sender.flushed(pod.metadata.uid ?? '');
    const patch = { status: { conditions: [foreign] } };
    const pods = api.resource<Pod>('v1', 'pods');
    await pods.patch('shop', 'web', 'strategic', patch, { subresource: 'status' });
    sender.publish(pod, { conditions: [{ type: 'Ready', status: 'True' }] });
    await sender.flushed(pod.metadata.uid ?? '');
    const conditions = shown(api)?.status?.conditions ?? [];
    assert.deepEqual(
      conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1)),
      [foreign, { type: 'Ready', status: 'True' }],
    );
  });

  it('puts its word back when somebody wrote over it, and only then', async () => {
    const api = new FakeApi({ clock });
    const pods = api.resource<Pod>('v1', 'pods');
    const pod = await storedPod(api);
    const uid = pod.metadata.uid ?? '';
    const sender = new StatusSender({ api, clock, random, log });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    sender.publish(pod, status);
    await sender.flushed(uid);
    const sent = shown(api)?.metadata.resourceVersion;
    sender.publish(pod, status);
    await sender.flushed(uid);
    assert.equal(shown(api)?.metadata.resourceVersion, sent, 'an old view of the pod is no news');
    const silent = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    const news = await pods.patch('shop', 'web', 'strategic', silent, { subresource: 'status' });
    sender.publish(news, status);
    await sender.flushed(uid);
    assert.equal(shown(api)?.status?.conditions?.[0]?.status, 'True');
    const over = { status: { phase: 'Failed' } };
    const failed = await pods.patch('shop', 'web', 'merge', over, { subresource: 'status' });
    sender.publish(failed, status);
    await sender.flushed(uid);
    assert.equal(shown(api)?.status?.phase, 'Failed', 'what is over stays over');
  });

  it('replaces addresses', () => {
    const body = statusPatch(aPod(), { podIPs: [{ ip: '1.1.1.1' }] });
    const { status } = JSON.parse(JSON.stringify(body));
    assert.deepEqual(status.podIPs, [{ ip: '1.1.1.1' }, { $patch: 'replace' }]);
  });

  it('tells a successor of the same name from a crowd of writers', async () => {
    for (const [uid, tries] of [
      ['uid-1', 2],
      ['another', 1],
    ] as const) {
      let calls = 0;
      const patch = async () => {
        calls += 1;
        if (calls === 1) throw conflict({ group: '', resource: 'pods' }, 'web', 'changed');
        return aPod();
      };
      const get = async () => aPod({}, { uid });
      const api = { resource: () => ({ patch, get }) } as unknown as FakeApi;
      const sender = new StatusSender({ api, clock, random, log });
      sender.publish(aPod(), { phase: 'Running' });
      await sender.flushed('uid-1');
      assert.equal(calls, tries);
    }
  });

  it('tries again until it gets through, and gives up when the pod is gone', async () => {
    const answers: unknown[] = [
      serverTimeout({ group: '', resource: 'pods' }, 'patch', 1),
      undefined,
      notFound({ group: '', resource: 'pods' }, 'web'),
    ];
    let calls = 0;
    const patch = async () => {
      const answer = answers[calls++];
      if (answer !== undefined) throw answer;
      return aPod();
    };
    const api = { resource: () => ({ patch }) } as unknown as FakeApi;
    const sender = new StatusSender({ api, clock, random, log });
    sender.publish(aPod(), { phase: 'Running' });
    await sender.flushed('uid-1');
    assert.equal(calls, 2);
    sender.publish(aPod(), { phase: 'Failed' });
    await sender.flushed('uid-1');
    assert.equal(calls, 3);
    sender.publish(aPod(), { phase: 'Failed' });
    await sender.flushed('uid-1');
    assert.equal(calls, 3, 'nothing new to say');
  });
});

describe('Killer', () => {
  function setup(stop: (id: string, seconds: number) => Promise<void>) {
    const stopped: string[] = [];
    const events: string[] = [];
    const runtime = {
      stopContainer: stop,
      execSync: async () => ({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.from('no') }),
    } as unknown as ContainerRuntime;
    const killer = new Killer({
      runtime,
      clock,
      log,
      events: new PodEvents({ event: (_p, _t, reason) => events.push(reason) }),
      onStopped: (uid) => stopped.push(uid),
    });
    const kill = (graceSeconds: number, container = aContainer()): void =>
      killer.kill({ pod: aPod(), container, target: aRun(), graceSeconds, why: 'x', podIp: '' });
    return { killer, kill, stopped, events };
  }

  it('asks once, however often it is told to, and shortens when told so', async () => {
    const asked: number[] = [];
    const done = Promise.withResolvers<void>();
    const { kill, killer, stopped } = setup(async (_id, seconds) => {
      asked.push(seconds);
      if (seconds < 10) done.resolve();
      await done.promise;
    });
    kill(30);
    kill(30);
    await eventually('the first call', () => asked.length === 1);
    assert.ok(killer.stopping('main-0'));
    kill(2);
    await eventually('the end', () => stopped.length === 1);
    assert.deepEqual(asked, [30, 2]);
    assert.ok(!killer.stopping('main-0'));
  });

  it('runs the preStop hook first, and goes on when that fails', async () => {
    const { kill, stopped, events } = setup(async () => undefined);
    kill(5, aContainer({ lifecycle: { preStop: { exec: { command: ['x'] } } } }));
    await eventually('the end', () => stopped.length === 1);
    assert.deepEqual(events, ['Killing', 'FailedPreStopHook']);
  });

  it('survives a runtime that fails', async () => {
    const { kill, stopped } = setup(async () => {
      throw new RuntimeFault('down', { unavailable: true });
    });
    kill(1);
    await eventually('another look', () => stopped.length === 1);
  });
});

describe('Housekeeping', () => {
  it('keeps the newest run and one before it', () => {
    const runs = [3, 2, 1, 0].map((attempt) => exited(1, { attempt }));
    const pod = runtimeOf([aSandbox()], [aRun({ name: 'other' }), ...runs]);
    assert.deepEqual(
      removableContainers(pod).map((one) => one.attempt),
      [1, 0],
    );
  });

  it('removes old sandboxes once nothing hangs on them', () => {
    const old = aSandbox({ id: 'old', ready: false });
    const pod = runtimeOf(
      [aSandbox({ id: 'new', attempt: 1 }), old],
      [aRun({ sandboxId: 'new', attempt: 1 }), exited(0, { sandboxId: 'old' })],
    );
    assert.deepEqual(removableSandboxes(pod, new Set()), []);
    assert.deepEqual(removableSandboxes(pod, new Set(['main-0'])), ['old']);
  });

  it('rotates logs that grew too large, and keeps a few', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kubets-rotate-'));
    const logPath = join(dir, '0.log');
    const reopened: string[] = [];
    const runtime = {
      listPods: async () => [{ uid: 'uid-1', name: 'web', namespace: 'shop' }],
      inspectPod: async () => runtimeOf([aSandbox()], [aRun({ logPath })]),
      reopenLog: async (id: string) => {
        reopened.push(id);
        writeFileSync(logPath, '');
      },
    } as unknown as ContainerRuntime;
    const manual = new ManualClock();
    const keeper = new Housekeeping({ runtime, clock: manual, log, isKnown: () => true });
    for (let round = 0; round < 5; round++) {
      writeFileSync(logPath, Buffer.alloc(LOG_MAX_BYTES + 1));
      await keeper.tidy();
      manual.advance(1_000);
    }
    await keeper.tidy();
    assert.equal(reopened.length, 5);
    assert.equal(readdirSync(dir).length, 3);
    assert.ok(existsSync(logPath));
    rmSync(dir, { recursive: true, force: true });
  });
});

describe('NodeLease', () => {
  const lease = (api: FakeApi): Lease | undefined =>
    api.objects<Lease>('coordination.k8s.io/v1', 'leases')[0];

  it('is made, renewed, and made again when somebody deleted it', async () => {
    const manual = new ManualClock();
    const api = new FakeApi({ clock: manual });
    const sign = new NodeLease(api, 'n1', manual);
    await sign.renew('uid');
    const first = lease(api)?.spec?.renewTime;
    assert.equal(lease(api)?.metadata.ownerReferences?.[0]?.uid, 'uid');
    manual.advance(10_000);
    await sign.renew('uid');
    assert.notEqual(lease(api)?.spec?.renewTime, first);
    await api.resource<Lease>('coordination.k8s.io/v1', 'leases').delete('kube-node-lease', 'n1');
    await sign.renew('uid');
    assert.equal(lease(api)?.spec?.holderIdentity, 'n1');
  });

  it('is taken over from the kubelet before, and from whoever changed it', async () => {
    const manual = new ManualClock();
    const api = new FakeApi({ clock: manual });
    await new NodeLease(api, 'n1', manual).renew('uid');
    const sign = new NodeLease(api, 'n1', manual);
    await sign.renew('uid');
    const leases = api.resource<Lease>('coordination.k8s.io/v1', 'leases');
    await leases.patch('kube-node-lease', 'n1', 'merge', { metadata: { labels: { a: 'b' } } });
    manual.advance(5_000);
    await sign.renew('uid');
    assert.equal(lease(api)?.metadata.labels?.a, 'b');
    assert.equal(
      lease(api)?.spec?.renewTime?.slice(0, 19),
      new Date(manual.now()).toISOString().slice(0, 19),
    );
  });
});

describe('ApiObjects', () => {
  it('reads an object once for all who ask at the same time', async () => {
    const manual = new ManualClock();
    let reads = 0;
    const get = async () => {
      reads += 1;
      return { metadata: { name: 'm' }, data: { n: String(reads) } };
    };
    const objects = new ApiObjects({ resource: () => ({ get }) } as unknown as FakeApi, manual);
    const all = await Promise.all([1, 2, 3].map(() => objects.configMap('ns', 'm')));
    assert.deepEqual(
      all.map((one) => one?.data?.n),
      ['1', '1', '1'],
    );
    manual.advance(60_000);
    assert.equal((await objects.configMap('ns', 'm'))?.data?.n, '2');
    await objects.secret('ns', 'm');
    assert.equal(reads, 3);
  });

  it('goes on with what it knew while no apiserver answers', async () => {
    const manual = new ManualClock();
    let down = false;
    const get = async () => {
      if (down) throw new TransportError('nobody answers', { ambiguous: false });
      return { metadata: { name: 'm' }, data: { k: 'v' } };
    };
    const objects = new ApiObjects({ resource: () => ({ get }) } as unknown as FakeApi, manual);
    await objects.configMap('ns', 'm');
    down = true;
    for (let i = 0; i < 3; i++) {
      manual.advance(60_000);
      assert.equal((await objects.configMap('ns', 'm'))?.data?.k, 'v');
    }
    await assert.rejects(objects.configMap('ns', 'never-read'), TransportError);
  });

  it('tells missing from broken', async () => {
    const api = new FakeApi({ clock });
    assert.equal(await new ApiObjects(api, clock).secret('ns', 'none'), undefined);
    const get = async () => {
      throw new Error('down');
    };
    const broken = new ApiObjects({ resource: () => ({ get }) } as unknown as FakeApi, clock);
    await assert.rejects(broken.secret('ns', 'x'), /down/);
  });
});

describe('Semaphore', () => {
  it('lets so many in at once, in order, and survives failures', async () => {
    const slots = new Semaphore(2);
    let inside = 0;
    let most = 0;
    const order: number[] = [];
    const work = (id: number) =>
      slots.run(async () => {
        order.push(id);
        most = Math.max(most, ++inside);
        await delay(1);
        inside -= 1;
        if (id === 1) throw new Error('no');
      });
    const results = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
    assert.equal(most, 2);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    assert.deepEqual(
      results.map((one) => one.status === 'fulfilled'),
      [true, false, true, true, true],
    );
  });
});
