/** The table in the real kernel, in network namespaces of their own. */
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
import { NftablesBackend } from './backend.ts';

const skip = await kernelProblem();

describe('nftables in the kernel', { skip: skip ?? false, concurrency: false }, () => {
  const network = new TestNetwork(2);
  const [first, second] = network.pods;
  assert.ok(first && second);
  const { commands } = network.node;
  const options = { commands, clusterCidr: NET.podCidr, log: silentLogger, heldRanges };
  const backend = new NftablesBackend(options);
  const listed = (): Promise<string> => network.node.run('nft list table ip kube-proxy');
  const web = (at: number, more = {}) => service('web', '10.96.1.1', [endpoint(at)], more);

  before(async () => {
    await network.create();
    await first.serve('pod0', 8080);
    await second.serve('pod1', 8080);
    assert.ok(await NftablesBackend.usable(commands));
    assert.equal(await network.node.run('nft list ruleset'), '', 'probing leaves nothing');
    await backend.apply(services, true);
  });
  after(() => network.destroy());

  itRoutes(network);

  it('loads nothing that is there already, and keeps what clients of an affinity are known for', async () => {
    const before = await listed();
    assert.match(before, /elements = \{ 192\.168\.77\.2/);
    await backend.apply(services, true);
    await backend.apply([...services, service('more', '10.96.1.9', [endpoint(0)])], false);
    assert.match(await listed(), /elements = \{ 192\.168\.77\.2/);
    assert.deepEqual(names(await first.askMany('10.96.1.9', 80, 2)), ['pod0']);
  });

  it('follows changes, and deletes what belongs to services that are gone', async () => {
    await backend.apply([web(1, { affinitySeconds: 60 })], false);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 6)), ['pod1']);
    await backend.apply([web(0)], false);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 6)), ['pod0']);
    const chains = (await listed()).match(
      /chain (service|external|endpoint|firewall)-\S*-default/g,
    );
    assert.equal(chains?.length, 2);
    assert.doesNotMatch(await listed(), /set endpoint/);
  });

  it('heals what somebody else took away with the next full load', async () => {
    await network.node.run('nft flush chain ip kube-proxy services');
    await backend.apply([web(1)], true);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 2)), ['pod1']);
    await network.node.run('nft delete table ip kube-proxy');
    await backend.apply([web(1)], true);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 2)), ['pod1']);
  });

  it('takes the place of a table it finds', async () => {
    const next = new NftablesBackend({ commands, clusterCidr: NET.podCidr, log: silentLogger });
    await next.apply([web(0)], true);
    assert.deepEqual(names(await first.askMany('10.96.1.1', 80, 2)), ['pod0']);
  });

  it('cleans up after itself, twice if need be', async () => {
    await backend.cleanup();
    await backend.cleanup();
    assert.equal(await network.node.run('nft list ruleset'), '');
  });
});
