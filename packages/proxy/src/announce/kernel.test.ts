/** Two nodes and a neighbour on one network, each a network namespace: an address that moves from one to the other. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LOAD_BALANCER_NODE, type Service } from '@kubets/api';
import { parseRanges, silentLogger } from '@kubets/platform';
import { kernelProblem, NetNamespace } from '../testing/namespaces.ts';
import { Announcer } from './announcer.ts';

const problem = await kernelProblem();
const ADDRESS = '192.168.79.200';

const named = (node: string): Service[] => [
  {
    metadata: { name: 's', namespace: 'default', annotations: { [LOAD_BALANCER_NODE]: node } },
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip: ADDRESS }] } },
  },
];

describe('an address on one network', { skip: problem }, () => {
  const prefix = `ka${process.pid}`;
  const client = new NetNamespace(`${prefix}-client`);
  const nodes = ['a', 'b'].map((name) => new NetNamespace(`${prefix}-${name}`));

  before(async () => {
    for (const one of [client, ...nodes]) await one.create();
    // The bridge lives with the client: what it hears is what any neighbour hears.
    await client.run('ip link add br0 type bridge');
    await client.run('ip addr add 192.168.79.1/24 dev br0');
    await client.run('ip link set br0 up');
    for (const [at, node] of nodes.entries()) {
      await client.run(`ip link add port${at} type veth peer name eth0 netns ${node.name}`);
      await client.run(`ip link set port${at} master br0 up`);
      await node.run(`ip addr add 192.168.79.${10 + at}/24 dev eth0`);
      await node.run('ip link set eth0 up');
      await node.serve('ab'.charAt(at), 80);
    }
  });
  after(async () => {
    for (const one of [...nodes, client]) await one.destroy();
  });

  const announcers = nodes.map(
    ({ commands }, at) =>
      new Announcer({
        commands,
        nodeName: 'ab'.charAt(at),
        nodeIp: `192.168.79.${10 + at}`,
        ranges: parseRanges([ADDRESS], '--r'),
        links: () => [{ name: 'eth0', address: `192.168.79.${10 + at}`, prefix: 24 }],
        log: silentLogger,
      }),
  );
  const moveTo = async (name: string): Promise<void> => {
    for (const one of announcers) await one.apply(named(name), true);
    await Promise.all(announcers.map((one) => one.whenTold()));
  };
  /** The name of the node that answers. */
  const ask = async () => (await client.ask(ADDRESS, 80)).split(' ')[0];
  /** What the client believes, without asking anybody. */
  const neighbour = async (): Promise<string> =>
    /lladdr (\S+)/.exec(await client.run(`ip neigh show ${ADDRESS}`))?.[1] ?? '';
  const macOf = async (node: NetNamespace | undefined): Promise<string> =>
    (await node?.run('cat /sys/class/net/eth0/address'))?.trim() ?? '';

  it('is answered for by the node that is named, and by nobody else', async () => {
    await moveTo('a');
    assert.equal(await ask(), 'a');
    assert.equal(await neighbour(), await macOf(nodes[0]));
  });

  it('moves, and the neighbour is told before it asks', async () => {
    await moveTo('b');
    assert.equal(await neighbour(), await macOf(nodes[1]));
    assert.equal(await ask(), 'b');
  });

  it('is nobody’s once it is given up', async () => {
    for (const one of announcers) await one.apply([], true);
    await client.run(`ip neigh flush to ${ADDRESS}`);
    assert.match((await ask()) ?? '', /EHOSTUNREACH|TIMEOUT/);
  });
});
