/** The rules in the real kernel, in network namespaces of their own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '@kubets/platform';
import {
  endpoint,
  heldRanges,
  itRoutes,
  names,
  service,
  services,
} from '../testing/kernel-suite.ts';
import { kernelProblem, NET, TestNetwork } from '../testing/namespaces.ts';
import { IptablesBackend } from './backend.ts';

const skip = await kernelProblem();

describe('iptables in the kernel', { skip: skip ?? false, concurrency: false }, () => {
  const network = new TestNetwork(2);
  const [first, second] = network.pods;
  assert.ok(first && second);
  const backend = new IptablesBackend({
    commands: network.node.commands,
    clusterCidr: NET.podCidr,
    log: silentLogger,
    heldRanges,
  });
  let untouched = '';
  const saved = async (): Promise<string> => {
    const text = await network.node.run('iptables-save');
    return text.replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '');
  };

  before(async () => {
    await network.create();
    // As Docker leaves it.
    await network.node.run('iptables -P FORWARD DROP');
    await first.serve('pod0', 8080);
    await second.serve('pod1', 8080);
    // The tables exist as soon as somebody asks for them.
    await network.node.run('iptables -t nat -P OUTPUT ACCEPT');
    untouched = await saved();
    await backend.apply(services, true);
  });
  after(() => network.destroy());

  itRoutes(network);

  it('lets pods reach pods and the outside though the policy of FORWARD is DROP', async () => {
    assert.match(await first.ask(NET.podIP(1), 8080), /^pod1 /);
    await network.client.serve('outside', 9090);
    assert.match(await first.ask(NET.clientIP, 9090), /^outside /);
  });

  it('goes on refusing when somebody accepts everything before it', async () => {
    await network.node.run('iptables -I FORWARD 1 -j ACCEPT');
    await backend.apply(services, true);
    assert.equal(await first.ask('10.96.1.3', 80), 'ECONNREFUSED');
    await network.node.run('iptables -D FORWARD -j ACCEPT');
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
