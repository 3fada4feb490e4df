/** What every kernel mode must do, seen by pods, the node and clients, in network namespaces of their own. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseRanges } from '@kubets/platform';
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';
import { testPort } from './builders.ts';
import { NET, type TestNetwork } from './namespaces.ts';

export const endpoint = (pod: number, port = 8080): ProxyEndpoint => ({
  ip: NET.podIP(pod),
  port,
  ready: true,
  servingTerminating: false,
  local: true,
  elsewhere: false,
});

export const service = (
  name: string,
  clusterIP: string,
  endpoints: readonly ProxyEndpoint[],
  more: Partial<ProxyServicePort> = {},
): ProxyServicePort => testPort(name, { clusterIP, endpoints, ...more });

const both = [endpoint(0), endpoint(1)];
const remote = both.map((one) => ({ ...one, local: false }));
export const services = [
  service('web', '10.96.1.1', both, { nodePort: 30_080, externalIPs: ['203.0.113.5'] }),
  service('self', '10.96.1.2', [endpoint(0)]),
  service('empty', '10.96.1.3', [], { nodePort: 30_081 }),
  service('sticky', '10.96.1.4', both, { affinitySeconds: 60 }),
  service('local', '10.96.1.5', both, { nodePort: 30_082, externalLocal: true }),
  service('elsewhere', '10.96.1.6', remote, { nodePort: 30_083, externalLocal: true }),
  service('guarded', '10.96.1.7', both, {
    loadBalancerIPs: ['203.0.113.6', '203.0.113.7'],
    sourceRanges: ['198.51.100.0/24'],
  }),
  service('open', '10.96.1.8', both, { loadBalancerIPs: ['203.0.113.8'] }),
];

/** Addresses of the local load balancers; those of `guarded` are somebody else's. */
export const heldRanges = parseRanges(['203.0.113.8'], '--load-balancer-ranges');

export const names = (answers: Set<string>): string[] =>
  [...new Set([...answers].map((answer) => answer.split(' ')[0] ?? ''))].sort();
const addresses = (answers: Set<string>): string[] =>
  [...new Set([...answers].map((answer) => answer.split(' ')[1] ?? ''))].sort();

/** @param network with {@link services} in force, and two pods that serve */
export function itRoutes(network: TestNetwork): void {
  const [first, second] = network.pods;
  assert.ok(first && second);

  it('balances a cluster IP over all endpoints, for pods, the node and clients outside', async () => {
    for (const from of [first, network.node, network.client]) {
      assert.deepEqual(names(await from.askMany('10.96.1.1', 80, 24)), ['pod0', 'pod1'], from.name);
    }
  });

  it('shows pods to each other under their own addresses', async () => {
    const seen = addresses(await second.askMany('10.96.1.2', 80, 1));
    assert.deepEqual(seen, [NET.podIP(1)]);
  });

  it('lets a pod reach itself through a service', async () => {
    assert.deepEqual(names(await first.askMany('10.96.1.2', 80, 2)), ['pod0']);
  });

  it('answers on the node port: from outside, from the node, on 127.0.0.1', async () => {
    assert.deepEqual(names(await network.client.askMany(NET.nodeIP, 30_080, 24)), ['pod0', 'pod1']);
    assert.deepEqual(names(await network.node.askMany(NET.nodeIP, 30_080, 24)), ['pod0', 'pod1']);
    assert.deepEqual(names(await network.node.askMany('127.0.0.1', 30_080, 24)), ['pod0', 'pod1']);
    assert.deepEqual(names(await first.askMany(NET.nodeIP, 30_080, 24)), ['pod0', 'pod1']);
  });

  it('takes external addresses', async () => {
    assert.deepEqual(names(await network.client.askMany('203.0.113.5', 80, 24)), ['pod0', 'pod1']);
    assert.deepEqual(names(await network.client.askMany('203.0.113.8', 80, 24)), ['pod0', 'pod1']);
  });

  it('lets nobody through a load balancer address but those the service names', async () => {
    assert.equal(await network.client.ask('203.0.113.6', 80), 'TIMEOUT');
  });

  it('shows nothing of a node behind a load balancer address that it holds', async () => {
    await network.node.run('ip addr add 203.0.113.8/32 dev lo');
    await network.node.serve('node', 9191);
    assert.match(await network.client.ask(NET.nodeIP, 9191), /^node /);
    assert.equal(await network.client.ask('203.0.113.8', 9191), 'ECONNREFUSED');
    assert.deepEqual(names(await network.client.askMany('203.0.113.8', 80, 24)), ['pod0', 'pod1']);
    assert.deepEqual(names(await network.node.askMany('203.0.113.8', 80, 24)), ['pod0', 'pod1']);
  });

  it('refuses at once where there are no endpoints', async () => {
    for (const from of [first, network.node]) {
      assert.equal(await from.ask('10.96.1.3', 80), 'ECONNREFUSED', from.name);
    }
    assert.equal(await network.client.ask(NET.nodeIP, 30_081), 'ECONNREFUSED');
  });

  it('keeps a client with its endpoint', async () => {
    const answers = new Set<string>();
    for (let i = 0; i < 6; i += 1) answers.add(await network.client.ask('10.96.1.4', 80));
    assert.equal(answers.size, 1);
  });

  it('keeps the address of outside clients with the Local policy, and drops without local endpoints', async () => {
    const seen = addresses(await network.client.askMany(NET.nodeIP, 30_082, 4));
    assert.deepEqual(seen, [NET.clientIP]);
    assert.equal(await network.client.ask(NET.nodeIP, 30_083), 'TIMEOUT');
    assert.deepEqual(names(await network.node.askMany(NET.nodeIP, 30_083, 24)), ['pod0', 'pod1']);
  });
}
