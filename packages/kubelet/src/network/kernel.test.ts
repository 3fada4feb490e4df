/** The network between nodes in the real kernel: two nodes with a pod each, and a router between them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { NetworkFault } from '../errors.ts';
import { LinuxNetwork, removePodNetwork } from './linux.ts';
import { type Peer, planNetwork } from './plan.ts';
import type { Commands } from './ports.ts';
import { systemCommands } from './runtime/commands.ts';

const SERVER = `require('node:net').createServer((socket) => {
  socket.on('error', () => {});
  socket.end(socket.remoteAddress.replace('::ffff:', ''));
}).listen(8080, '0.0.0.0', () => console.log('listening'));`;
const ASK = `const socket = require('node:net').connect({ host: process.argv[1], port: 8080, timeout: 5000 });
socket.on('timeout', () => { console.log('TIMEOUT'); socket.destroy(); });
socket.on('error', (error) => console.log(error.code));
socket.on('data', (data) => console.log(String(data)));`;

const CLUSTER = '10.244.0.0/16';
/** As the plugins `portmap` and `firewall` leave it. */
const PLUGINS = `*nat
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
COMMIT
*filter
:CNI-ADMIN - [0:0]
:CNI-FORWARD - [0:0]
-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
COMMIT
`;
const root = systemCommands();
const prefix = `kn${process.pid}`;

/** A network namespace. */
class Space {
  readonly name: string;
  readonly commands: Commands;
  constructor(name: string) {
    this.name = `${prefix}-${name}`;
    this.commands = systemCommands(['ip', 'netns', 'exec', this.name]);
  }
  /** Runs a command line without quotes in it. */
  run(line: string): Promise<string> {
    const [program = '', ...args] = line.split(' ');
    return this.commands.run(program, args);
  }
}

interface TestNode {
  readonly node: Space;
  readonly pod: Space;
  readonly peer: Peer;
  readonly network: LinuxNetwork;
}

const [a, b, router] = [new Space('a'), new Space('b'), new Space('r')];
const [podA, podB] = [new Space('pa'), new Space('pb')];
const spaces = [a, b, router, podA, podB];
const servers: ChildProcess[] = [];

const ALIKE = { bridge: 'kb-0123456789', device: 'kx-0123456789' };
function testNode(node: Space, pod: Space, peer: Peer): TestNode {
  const network = new LinuxNetwork({ commands: node.commands, ...ALIKE, clusterCidr: CLUSTER });
  return { node, pod, peer, network };
}

/** Routed: through the router. Direct: the second cable. */
const routed = {
  a: testNode(a, podA, { name: 'a', address: '192.168.71.2', podCidr: '10.244.1.0/24' }),
  b: testNode(b, podB, { name: 'b', address: '192.168.72.2', podCidr: '10.244.2.0/24' }),
};
const direct = {
  a: testNode(a, podA, { ...routed.a.peer, address: '192.168.73.1' }),
  b: testNode(b, podB, { ...routed.b.peer, address: '192.168.73.2' }),
};

async function cable(one: Space, two: Space, ends: readonly [string, string]): Promise<void> {
  const [left = '', right = ''] = ends;
  const [name, other] = [`${left.split(' ')[0]}`, `${right.split(' ')[0]}`];
  await one.run(`ip link add ${name} type veth peer name ${other} netns ${two.name}`);
  for (const [space, end] of [
    [one, left],
    [two, right],
  ] as const) {
    const [device, address] = end.split(' ');
    await space.run(`ip addr add ${address} dev ${device}`);
    await space.run(`ip link set ${device} up`);
  }
}

async function attach(node: Space, pod: Space, net: number): Promise<void> {
  await node.run(`ip link add ${ALIKE.bridge} type bridge`);
  await node.run(`ip addr add 10.244.${net}.1/24 dev ${ALIKE.bridge}`);
  await node.run(`ip link set ${ALIKE.bridge} up`);
  await node.run(`ip link add pod0 type veth peer name eth0 netns ${pod.name}`);
  await node.run(`ip link set pod0 master ${ALIKE.bridge} up`);
  await pod.run(`ip addr add 10.244.${net}.10/24 dev eth0`);
  await pod.run('ip link set eth0 up');
  await pod.run(`ip route add default via 10.244.${net}.1`);
}

function serve(space: Space): Promise<void> {
  const args = ['netns', 'exec', space.name, process.execPath, '-e', SERVER];
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(child);
  return new Promise((resolve) => child.stdout.once('data', () => resolve()));
}

/** The address a server sees when somebody asks it. */
const asked = async (from: Space, address: string): Promise<string> =>
  (await from.commands.run(process.execPath, ['-e', ASK, address])).trim();

async function inForce(nodes: { a: TestNode; b: TestNode }, mode: 'host-routes' | 'vxlan') {
  for (const [self, other] of [
    [nodes.a, nodes.b],
    [nodes.b, nodes.a],
  ] as const) {
    const { network, peer } = self;
    await network.masquerade(peer.podCidr);
    if (mode === 'vxlan') await network.tunnel(peer);
    await network.apply(planNetwork(mode, [other.peer], ALIKE.device));
  }
}

describe('the pod network in the kernel', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, () => {
  before(async () => {
    for (const { name, commands } of spaces) {
      await root.run('ip', ['netns', 'add', name]);
      await commands.run('ip', ['link', 'set', 'lo', 'up']);
      await commands.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
    }
    await cable(a, router, ['eth0 192.168.71.2/24', 'ra 192.168.71.1/24']);
    await cable(b, router, ['eth0 192.168.72.2/24', 'rb 192.168.72.1/24']);
    await cable(a, b, ['eth1 192.168.73.1/24', 'eth1 192.168.73.2/24']);
    await a.run('ip route add default via 192.168.71.1');
    await b.run('ip route add default via 192.168.72.1');
    await attach(a, podA, 1);
    await attach(b, podB, 2);
    await Promise.all([podA, podB, router].map(serve));
  });

  after(async () => {
    for (const child of servers) child.kill('SIGKILL');
    for (const { name } of spaces)
      await root.run('ip', ['netns', 'del', name]).catch(() => undefined);
  });

  it('without it, pods of another node are out of reach', async () => {
    assert.match(await asked(podA, '10.244.2.10'), /TIMEOUT|EHOSTUNREACH|ENETUNREACH/);
  });

  it('routes between neighbours; pods are seen with their own addresses', async () => {
    await inForce(direct, 'host-routes');
    assert.equal(await asked(podA, '10.244.2.10'), '10.244.1.10');
    assert.equal(await asked(podB, '10.244.1.10'), '10.244.2.10');
    assert.equal(await asked(a, '10.244.2.10'), '192.168.73.1');
  });

  it('pods speak to the world with their node’s address', async () => {
    assert.equal(await asked(podA, '192.168.71.1'), '192.168.71.2');
  });

  it('says so when the other node is no neighbour, and keeps the routes that can be', async () => {
    const far = { name: 'c', address: '192.168.99.9', podCidr: '10.244.9.0/24' };
    const plan = planNetwork('host-routes', [far, direct.b.peer], ALIKE.device);
    await a.run('ip route del 10.244.2.0/24');
    await assert.rejects(direct.a.network.apply(plan), NetworkFault);
    assert.equal(await asked(podA, '10.244.2.10'), '10.244.1.10');
  });

  it('tunnels through a router, by addresses that follow from the nodes’ own', async () => {
    await inForce(routed, 'vxlan');
    assert.match(await a.run('ip route show 10.244.2.0/24'), /via 10\.244\.2\.0 dev kx-0123456789/);
    assert.equal(await asked(podA, '10.244.2.10'), '10.244.1.10');
    assert.equal(await asked(podB, '10.244.1.10'), '10.244.2.10');
    assert.equal(await asked(a, '10.244.2.10'), '10.244.1.0');
  });

  it('changes nothing when all is in force, mends what others broke, follows a new address', async () => {
    const links = () => a.run('ip -j link show kx-0123456789');
    const before = await links();
    await inForce(routed, 'vxlan');
    assert.equal(await links(), before);
    await a.run(`bridge fdb del ${await macOf(b)} dev kx-0123456789 dst 192.168.72.2 self`);
    await a.run('ip neigh flush dev kx-0123456789 nud permanent');
    await inForce(routed, 'vxlan');
    assert.equal(await asked(podA, '10.244.2.10'), '10.244.1.10');
    await inForce(direct, 'vxlan');
    assert.equal(await asked(podA, '10.244.2.10'), '10.244.1.10');
  });

  it('forgets nodes that are gone', async () => {
    await direct.a.network.apply(planNetwork('vxlan', [], ALIKE.device));
    assert.equal(await a.run('ip route show proto 107'), '');
    assert.doesNotMatch(await a.run('bridge fdb show dev kx-0123456789'), /dst 192/);
    assert.equal(await a.run('ip neigh show dev kx-0123456789 nud permanent'), '');
  });

  it('leaves nothing behind', async () => {
    await inForce(direct, 'vxlan');
    await a.commands.run('iptables-restore', ['--noflush'], PLUGINS);
    await removePodNetwork(a.commands, ALIKE);
    await removePodNetwork(a.commands, ALIKE);
    assert.equal(await a.run('ip route show proto 107'), '');
    await assert.rejects(a.run('ip link show kx-0123456789'), NetworkFault);
    assert.doesNotMatch(await a.run('iptables-save'), /KUBETS-MASQ|CNI-/);
  });
});

async function macOf(space: Space): Promise<string> {
  const [link] = JSON.parse(await space.run('ip -j link show kx-0123456789')) as {
    address: string;
  }[];
  return link?.address ?? '';
}
