import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Node, Pod } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { parseFlags, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { checkConfig, flags, type KubeletFlags } from '../config.ts';
import { simulatedNode } from '../runtime/assemble.ts';
import { eventually, testPod } from '../testing/simulated-node.ts';
import { Fleet } from './fleet.ts';
import { ApiObjects } from './objects.ts';

const NODES = 20;
const PODS = 100;

describe('many hollow nodes in one process', () => {
  const ctx = { clock: systemClock, random: seededRandom(3), log: silentLogger };
  const api = new FakeApi({ clock: ctx.clock });
  let fleet: Fleet;
  before(() => {
    const args = ['--apiservers', 'x:1', '--runtime', 'simulated', '--hollow-nodes', String(NODES)];
    const config = parseFlags(flags, args, {}) as KubeletFlags;
    const nodeNames = checkConfig(config);
    fleet = new Fleet({ api, ...ctx, nodeNames });
    const objects = new ApiObjects(api, ctx.clock);
    const shared = { ctx, config, api, objects, services: fleet.services, doorPort: 1 };
    for (const name of nodeNames) fleet.add(name, simulatedNode(shared, name));
    fleet.start();
  });
  after(() => fleet.stop());
  const nodes = (): Node[] => api.objects<Node>('v1', 'nodes');
  const pods = (): Pod[] => api.objects<Pod>('v1', 'pods');

  it('wait for their pod ranges, then are ready', async () => {
    await eventually('all nodes', () => nodes().length === NODES);
    const isReady = (node: Node): boolean =>
      node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ??
      false;
    assert.ok(!nodes().some(isReady));
    for (const [index, node] of nodes().entries()) {
      const podCIDR = `10.244.${index}.0/24`;
      const patch = { spec: { podCIDR } };
      await api.resource<Node>('v1', 'nodes').patch('', node.metadata.name ?? '', 'merge', patch);
    }
    await eventually('ready nodes', () => nodes().every(isReady));
    assert.equal(await fleet.fault(), undefined);
  });

  it('run the pods bound to each of them, with addresses of their own', async () => {
    for (let i = 0; i < PODS; i++) {
      const pod = testPod(`p-${i}`, {}, { nodeName: `hollow-${i % NODES}` });
      await api.resource<Pod>('v1', 'pods').create(pod);
    }
    await api.resource<Pod>('v1', 'pods').create(testPod('elsewhere', {}, { nodeName: 'other' }));
    await eventually('running pods', () => {
      return pods().filter((pod) => pod.status?.phase === 'Running').length === PODS;
    });
    const ips = new Set(
      pods()
        .map((pod) => pod.status?.podIP)
        .filter((ip) => ip !== undefined),
    );
    assert.equal(ips.size, PODS);
    assert.equal(fleet.all().length, PODS);
    assert.equal(fleet.find('default', 'p-7')?.nodeName, 'hollow-7');
    assert.equal(fleet.find('default', 'elsewhere'), undefined);
  });

  it('let deleted pods go', async () => {
    for (let i = 0; i < PODS; i++)
      await api.resource<Pod>('v1', 'pods').delete('default', `p-${i}`);
    await eventually('no pods', () => pods().length === 1);
    await eventually('no workers', () => fleet.all().length === 0);
  });
});
