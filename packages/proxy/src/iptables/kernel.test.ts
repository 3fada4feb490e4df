/** The rules in the real kernel, in network namespaces of their own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '@kubets/platform';
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';
import { testPort } from '../testing/builders.ts';
import { kernelProblem, NET, TestNetwork } from '../testing/namespaces.ts';
import { IptablesBackend } from './backend.ts';

const skip = await kernelProblem();

const endpoint = (pod: number, port = 8080): ProxyEndpoint => ({
  ip: NET.podIP(pod),
  port,
  ready: true,
  servingTerminating: false,
  local: true,
});

const service = (
  name: string,
  clusterIP: string,
  endpoints: readonly ProxyEndpoint[],
  more: Partial<ProxyServicePort> = {},
): ProxyServicePort => testPort(name, { clusterIP, endpoints, ...more });

const both = [endpoint(0), endpoint(1)];
const remote = both.map((one) => ({ ...one, local: false }));
const services = [
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

const names = (answers: Set<string>): string[] =>
  [...new Set([...answers].map((answer) => answer.split(' ')[0] ?? ''))].sort();
const addresses = (answers: Set<string>): string[] =>
  [...new Set([...answers].map((answer) => answer.split(' ')[1] ?? ''))].sort();

describe('iptables in the kernel', { skip: skip ?? false, concurrency: false }, () => {
  const network = new TestNetwork(2);
  const [first, second] = network.pods;
  assert.ok(first && second);
  const backend = new IptablesBackend({
    commands: network.node.commands,
    clusterCidr: NET.podCidr,
    log: silentLogger,
  });
  let untouched = '';
  const saved = async (): Promise<string> => {
    const text = await network.node.run('iptables-save');
    return text.replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '');
  };

  before(async () => {
    await network.create();
    await first.serve('pod0', 8080);
    await second.serve('pod1', 8080);
    // The tables exist as soon as somebody asks for them.
    await network.node.run('iptables -t nat -P OUTPUT ACCEPT');
    untouched = await saved();
    await backend.apply(services, true);
  });
  after(() => network.destroy());

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

  it('lets pods reach pods and the outside though the policy of FORWARD is DROP', async () => {
    assert.match(await first.ask(NET.podIP(1), 8080), /^pod1 /);
    await network.client.serve('outside', 9090);
    assert.match(await first.ask(NET.clientIP, 9090), /^outside /);
  });

  it('follows changes, and deletes the chains of services that are gone', async () => {
    await backend.apply([service('web', '10.96.1.1', [endpoint(1)])], false);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 6)), ['pod1']);
    assert.equal((await saved()).match(/^:KUBE-(SVC|SEP|EXT|SVL|FW)-/gm)?.length, 2);
  });

  it('heals rules that somebody else took away with the next full load', async () => {
    await network.node.run('iptables -t nat -F KUBE-SERVICES');
    await network.node.run('iptables -t nat -D PREROUTING 1');
    assert.notEqual((await first.ask('10.96.1.1', 80)).split(' ')[0], 'pod1');
    await backend.apply([service('web', '10.96.1.1', [endpoint(1)])], true);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 2)), ['pod1']);
    const before = await saved();
    await backend.apply([service('web', '10.96.1.1', [endpoint(1)])], true);
    assert.equal(await saved(), before);
  });

  it('cleans up after itself', async () => {
    await backend.cleanup();
    assert.equal(await saved(), untouched);
  });
});
