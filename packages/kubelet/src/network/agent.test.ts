import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { NetworkFault } from '../errors.ts';
import { eventually } from '../testing/simulated-node.ts';
import { NetworkAgent } from './agent.ts';
import type { NetworkPlan, PodNetworkMode } from './plan.ts';
import type { NetworkKernel, OwnEnd } from './ports.ts';

/** Remembers the last of everything. */
class KernelOnPaper implements NetworkKernel {
  range = '';
  end: OwnEnd | undefined;
  plan: NetworkPlan | undefined;
  rounds = 0;
  failures = 0;

  async masquerade(podCidr: string): Promise<void> {
    this.range = podCidr;
  }

  async tunnel(own: OwnEnd): Promise<number> {
    this.end = own;
    return 1_450;
  }

  async apply(plan: NetworkPlan): Promise<void> {
    this.rounds += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new NetworkFault('no');
    }
    this.plan = plan;
  }
}

function nodeOf(name: string, last: number): Node {
  const addresses = [{ type: 'InternalIP', address: `192.0.2.${last}` }];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { podCIDR: `10.244.${last}.0/24` },
    status: { addresses },
  };
}

async function running(mode: Exclude<PodNetworkMode, 'none'>) {
  const clock = systemClock;
  const api = new FakeApi({ clock });
  const nodes = api.resource<Node>('v1', 'nodes');
  for (const [name, last] of [
    ['self', 1],
    ['b', 2],
  ] as const)
    await nodes.create(nodeOf(name, last));
  const kernel = new KernelOnPaper();
  const own = { nodeName: 'self', nodeAddress: '192.0.2.1', device: 'kx-1' };
  const common = { api, clock, random: seededRandom(1), log: silentLogger };
  const agent = new NetworkAgent({ ...common, ...own, kernel, mode });
  agent.start();
  const ranges = (): string => kernel.plan?.routes.map(({ to }) => to).join(' ') ?? '';
  const until = (text: string) => eventually(`routes ${text}`, () => ranges() === text);
  return { agent, kernel, nodes, until };
}

describe('NetworkAgent', () => {
  it('does nothing before the node has a range, then follows the nodes that come, move and go', async () => {
    const { agent, kernel, nodes, until } = await running('host-routes');
    assert.equal(await agent.usePodCidr('10.244.1.0/24'), undefined);
    assert.equal(kernel.range, '10.244.1.0/24');
    await until('10.244.2.0/24');
    await nodes.create(nodeOf('c', 3));
    await until('10.244.2.0/24 10.244.3.0/24');
    const moved = { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.77' }] } };
    await nodes.patch('', 'b', 'merge', moved, { subresource: 'status' });
    await eventually('b has moved', () => kernel.plan?.routes[0]?.via === '192.0.2.77');
    await nodes.delete('', 'b');
    await until('10.244.3.0/24');
    assert.equal(kernel.end, undefined);
    await agent.stop();
  });

  it('makes the tunnel before pods may use it, and tells how large their packets may be', async () => {
    const { agent, kernel, until } = await running('vxlan');
    assert.equal(await agent.usePodCidr('10.244.1.0/24'), 1_450);
    assert.deepEqual(kernel.end, { address: '192.0.2.1', podCidr: '10.244.1.0/24' });
    await until('10.244.2.0/24');
    await agent.stop();
  });

  it('tries again what the kernel refused', async () => {
    const { agent, kernel, until } = await running('host-routes');
    kernel.failures = 1;
    await agent.usePodCidr('10.244.1.0/24');
    await until('10.244.2.0/24');
    assert.equal(kernel.rounds, 2);
    await agent.stop();
  });

  it('hears of heartbeats without a look at the kernel', async () => {
    const { agent, kernel, nodes, until } = await running('host-routes');
    await agent.usePodCidr('10.244.1.0/24');
    await until('10.244.2.0/24');
    const { rounds } = kernel;
    for (let beat = 0; beat < 5; beat += 1) {
      await nodes.patch('', 'b', 'merge', { metadata: { labels: { beat: `${beat}` } } });
    }
    await nodes.create(nodeOf('c', 3));
    await until('10.244.2.0/24 10.244.3.0/24');
    assert.equal(kernel.rounds, rounds + 1);
    await agent.stop();
  });
});
