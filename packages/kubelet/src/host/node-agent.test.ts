import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Lease, Node, Taint } from '@kubets/api';
import { FakeApi, TransportError } from '@kubets/client';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { RuntimeFault } from '../errors.ts';
import { SimulatedRuntime } from '../simulated/runtime.ts';
import { testMachine } from '../testing/simulated-node.ts';
import { NodeAgent } from './node-agent.ts';

const GIB = 1024 ** 3;

describe('NodeAgent', () => {
  let clock: ManualClock;
  let api: FakeApi;
  let runtime: SimulatedRuntime;
  let ranges: string[];
  let readyTimes: number;
  let agents: NodeAgent[];

  function start(
    more: { podCidr?: string; taints?: Taint[]; failRange?: boolean } = {},
  ): NodeAgent {
    const agent = new NodeAgent({
      api,
      clock,
      random: seededRandom(1),
      log: silentLogger,
      runtime,
      name: 'n1',
      addresses: ['192.0.2.1'],
      machine: testMachine,
      pressure: () => ({
        memoryAvailableBytes: GIB,
        diskAvailableBytes: 50 * GIB,
        pidsAvailable: 1_000,
      }),
      maxPods: 110,
      doorPort: 10_250,
      kubeletVersion: 'v1.32.0',
      podCidr: more.podCidr ?? '',
      taints: more.taints ?? [],
      onPodCidr: async (cidr) => {
        if (more.failRange === true && ranges.length === 0) {
          ranges.push('failed');
          throw new RuntimeFault('not now');
        }
        ranges.push(cidr);
        await runtime.setPodCidr(cidr);
      },
      onReady: () => {
        readyTimes += 1;
      },
    });
    agents.push(agent);
    agent.start();
    return agent;
  }

  beforeEach(() => {
    clock = new ManualClock();
    api = new FakeApi({ clock });
    runtime = new SimulatedRuntime({ clock });
    ranges = [];
    readyTimes = 0;
    agents = [];
  });
  afterEach(() => {
    for (const agent of agents) agent.stop();
    assert.equal(clock.pendingTimers, 0, 'nothing is left behind');
  });

  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 100) {
      clock.advance(100);
      for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const node = (): Node | undefined => api.objects<Node>('v1', 'nodes')[0];
  const nodes = () => api.resource<Node>('v1', 'nodes');
  const ready = (): string | undefined =>
    node()?.status?.conditions?.find((one) => one.type === 'Ready')?.status;
  const patches = (): number =>
    api.requests.filter((one) => one.resource === 'nodes' && one.verb === 'patch').length;

  it('registers, waits for its range, then is ready', async () => {
    start({ taints: [{ key: 'k', effect: 'NoSchedule' }] });
    await pass(500);
    assert.deepEqual(node()?.spec?.taints, [{ key: 'k', effect: 'NoSchedule' }]);
    assert.equal(ready(), undefined, 'a moment of waiting is not worth telling');
    await pass(5_000);
    assert.equal(ready(), 'False');
    await nodes().patch('', 'n1', 'merge', { spec: { podCIDR: '10.9.0.0/24' } });
    await pass(3_000);
    assert.deepEqual(ranges, ['10.9.0.0/24']);
    assert.equal(ready(), 'True');
    assert.equal(readyTimes, 1);
  });

  it('asks again for a range it could not use', async () => {
    start({ podCidr: '10.9.0.0/24', failRange: true });
    await pass(3_000);
    assert.deepEqual(ranges, ['failed', '10.9.0.0/24']);
    assert.equal(ready(), 'True');
  });

  it('says little while nothing changes, and renews its lease', async () => {
    start({ podCidr: '10.9.0.0/24' });
    await pass(3_000);
    const before = patches();
    await pass(60_000);
    assert.equal(patches(), before);
    const lease = api.objects<Lease>('coordination.k8s.io/v1', 'leases')[0];
    const age = clock.now() - Date.parse(lease?.spec?.renewTime ?? '');
    assert.ok(age <= 10_000, `${age}`);
    await pass(300_000);
    assert.equal(patches(), before + 1, 'a sign of life every five minutes');
  });

  it('makes resources that others advertise allocatable, and takes them back', async () => {
    start({ podCidr: '10.9.0.0/24' });
    await pass(3_000);
    const advertise = (amount: string | null) =>
      nodes().patch(
        '',
        'n1',
        'strategic',
        { status: { capacity: { 'a.io/x': amount } } },
        {
          subresource: 'status',
        },
      );
    await advertise('5');
    await pass(12_000);
    assert.equal(node()?.status?.allocatable?.['a.io/x'], '5');
    await advertise(null);
    await pass(12_000);
    assert.equal(node()?.status?.allocatable?.['a.io/x'], undefined);
    assert.ok(node()?.status?.allocatable?.cpu);
  });

  it('notices a runtime that fails, and one that recovers', async () => {
    start({ podCidr: '10.9.0.0/24' });
    await pass(3_000);
    const readiness = runtime.readiness.bind(runtime);
    runtime.readiness = async () => {
      throw new RuntimeFault('connection refused', { unavailable: true });
    };
    await pass(12_000);
    assert.equal(ready(), 'False');
    const why = node()?.status?.conditions?.find((one) => one.type === 'Ready')?.message ?? '';
    assert.match(why, /container runtime is not ready: connection refused/);
    runtime.readiness = readiness;
    await pass(12_000);
    assert.equal(ready(), 'True');
  });

  it('comes back after somebody deleted the node, or called it dead', async () => {
    start({ podCidr: '10.9.0.0/24' });
    await pass(3_000);
    await nodes().delete('', 'n1');
    await pass(12_000);
    assert.equal(ready(), 'True');
    const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }];
    await nodes().patch(
      '',
      'n1',
      'strategic',
      { status: { conditions } },
      { subresource: 'status' },
    );
    await pass(12_000);
    assert.equal(ready(), 'True');
  });

  it('takes over the node of the kubelet before, labels of others included', async () => {
    const labels = { mine: 'yes', 'kubernetes.io/hostname': 'old' };
    const spec = { podCIDR: '10.8.0.0/24', unschedulable: true };
    await nodes().create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels },
      spec,
    });
    start();
    await pass(3_000);
    assert.equal(node()?.metadata.labels?.mine, 'yes');
    assert.equal(node()?.metadata.labels?.['kubernetes.io/hostname'], 'n1');
    assert.equal(node()?.spec?.unschedulable, true);
    assert.deepEqual(ranges, ['10.8.0.0/24']);
  });

  it('goes on after the API was away', async () => {
    start({ podCidr: '10.9.0.0/24' });
    await pass(3_000);
    api.intercept = () => {
      throw new TransportError('nobody answers', { ambiguous: false });
    };
    await pass(60_000);
    api.intercept = undefined;
    await pass(12_000);
    const lease = api.objects<Lease>('coordination.k8s.io/v1', 'leases')[0];
    assert.ok(clock.now() - Date.parse(lease?.spec?.renewTime ?? '') <= 12_000);
    assert.equal(ready(), 'True');
  });
});
