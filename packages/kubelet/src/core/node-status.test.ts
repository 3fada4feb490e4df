import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testMachine } from '../testing/simulated-node.ts';
import {
  allocatablePatch,
  type NodeInput,
  newNode,
  nodeStatus,
  statusChanged,
} from './node-status.ts';

const OK = { ok: true, reason: '', message: '' };
const GIB = 1024 ** 3;

const input = (more: Partial<NodeInput> = {}): NodeInput => ({
  name: 'n1',
  addresses: ['192.0.2.1'],
  machine: testMachine,
  pressure: { memoryAvailableBytes: GIB, diskAvailableBytes: 50 * GIB, pidsAvailable: 1_000 },
  readiness: { runtime: OK, network: OK },
  runtimeVersion: 'containerd://1.6',
  kubeletVersion: 'v1.32.0',
  maxPods: 110,
  doorPort: 10_250,
  images: [],
  nowMs: Date.UTC(2026, 0, 1),
  ...more,
});

const find = (made: ReturnType<typeof nodeStatus>, type: string) =>
  made.conditions?.find((one) => one.type === type);

describe('nodeStatus', () => {
  it('describes a ready node', () => {
    const made = nodeStatus(input(), undefined);
    assert.equal(find(made, 'Ready')?.status, 'True');
    assert.equal(find(made, 'Ready')?.reason, 'KubeletReady');
    assert.deepEqual(made.addresses, [
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'Hostname', address: 'n1' },
    ]);
    assert.equal(made.capacity?.cpu, '4');
    assert.equal(made.capacity?.memory, '8388608Ki');
    assert.equal(made.allocatable?.pods, '110');
    assert.equal(made.nodeInfo?.containerRuntimeVersion, 'containerd://1.6');
  });

  it('says why it is not ready', () => {
    const network = { ok: false, reason: 'NetworkPluginNotReady', message: 'cni config missing' };
    const ready = find(
      nodeStatus(input({ readiness: { runtime: OK, network } }), undefined),
      'Ready',
    );
    assert.equal(ready?.status, 'False');
    assert.match(ready?.message ?? '', /NetworkReady=false reason:NetworkPluginNotReady/);
  });

  const shortages: [string, object][] = [
    ['MemoryPressure', { memoryAvailableBytes: 1 }],
    ['DiskPressure', { diskAvailableBytes: GIB }],
    ['PIDPressure', { pidsAvailable: 3 }],
  ];
  for (const [type, less] of shortages) {
    it(`notices ${type}`, () => {
      const pressure = { ...input().pressure, ...less };
      assert.equal(find(nodeStatus(input({ pressure }), undefined), type)?.status, 'True');
      assert.equal(find(nodeStatus(input(), undefined), type)?.status, 'False');
    });
  }

  it('keeps transition times and foreign conditions', () => {
    const first = nodeStatus(input(), undefined);
    const foreign = { type: 'NetworkUnavailable', status: 'False' };
    const old = { ...first, conditions: [...(first.conditions ?? []), foreign] };
    const later = nodeStatus(input({ nowMs: Date.UTC(2026, 0, 2) }), old);
    const [before, after] = [find(first, 'Ready'), find(later, 'Ready')];
    assert.equal(before?.lastTransitionTime, after?.lastTransitionTime);
    assert.notEqual(before?.lastHeartbeatTime, after?.lastHeartbeatTime);
    assert.deepEqual(find(later, 'NetworkUnavailable'), foreign);
  });

  it('gives pods what others advertise on the node, as long as they do', () => {
    const first = nodeStatus(input(), undefined);
    const licences = { 'example.com/licence': '5' };
    const offered = { ...first, capacity: { ...first.capacity, ...licences, cpu: '99' } };
    const made = nodeStatus(input(), offered);
    assert.equal(made.capacity?.['example.com/licence'], '5');
    assert.equal(made.allocatable?.['example.com/licence'], '5');
    assert.equal(made.capacity?.cpu, first.capacity?.cpu);
    const withdrawn = { ...made, capacity: first.capacity };
    const after = nodeStatus(input(), withdrawn);
    assert.equal(statusChanged(withdrawn, after), true);
    assert.deepEqual(allocatablePatch(withdrawn, after), {
      ...first.allocatable,
      'example.com/licence': null,
    });
  });

  it('lists the largest images', () => {
    const images = Array.from({ length: 60 }, (_, i) => ({
      id: `${i}`,
      tags: [`i:${i}`],
      digests: [],
      sizeBytes: i,
      uid: undefined,
      username: '',
    }));
    const made = nodeStatus(input({ images }), undefined).images ?? [];
    assert.deepEqual([made.length, made[0]?.names], [50, ['i:59']]);
  });
});

describe('statusChanged', () => {
  const status = nodeStatus(input(), undefined);

  it('overlooks heartbeats, order, and what others added', () => {
    const later = nodeStatus(input({ nowMs: Date.UTC(2026, 0, 2) }), status);
    assert.ok(!statusChanged(status, later));
    const stored = {
      ...status,
      phase: 'Running',
      addresses: status.addresses?.toReversed(),
      conditions: status.conditions?.toReversed(),
    };
    assert.ok(!statusChanged(stored, later));
  });

  it('sees everything else', () => {
    assert.ok(statusChanged(undefined, status));
    assert.ok(statusChanged(status, nodeStatus(input({ maxPods: 5 }), status)));
    const readiness = { runtime: { ...OK, ok: false }, network: OK };
    assert.ok(statusChanged(status, nodeStatus(input({ readiness }), status)));
  });
});

describe('newNode', () => {
  it('carries labels, and a range where one was given', () => {
    const node = newNode('n1', testMachine, '10.1.0.0/24');
    assert.equal(node.metadata.labels?.['kubernetes.io/arch'], 'amd64');
    assert.deepEqual(node.spec?.podCIDRs, ['10.1.0.0/24']);
    assert.deepEqual(newNode('n1', testMachine, '').spec, {});
  });
});
