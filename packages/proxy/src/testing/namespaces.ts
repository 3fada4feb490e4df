/** A node, its pods and a client outside, each a network namespace of its own, for tests against the real kernel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ChildCommands } from '../runtime/commands.ts';

const host = new ChildCommands();

const SERVER = `
const [name, port, type] = process.argv.slice(1);
if (type === 'udp') {
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (_, from) => socket.send(name + ' ' + from.address, from.port, from.address));
  socket.bind(Number(port), () => console.log('listening'));
} else {
  require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    socket.end(name + ' ' + socket.remoteAddress.replace('::ffff:', ''));
  }).listen(Number(port), '0.0.0.0', () => console.log('listening'));
}`;

/**
 * A refusal reaches the client by ICMP, which the kernel drops while the socket is still inside `connect`; the next
 * one comes with the second SYN, a second later (RFC 6298 §2.1). So only a longer silence means that nobody answers.
 */
const PATIENCE_MS = 5_000;

const ASK = `
const [ip, port, times] = process.argv.slice(1);
for (let i = 0; i < Number(times); i += 1) {
  const socket = require('node:net').connect({ host: ip, port: Number(port), timeout: ${PATIENCE_MS} });
  socket.on('timeout', () => { console.log('TIMEOUT'); socket.destroy(); });
  socket.on('error', (error) => console.log(error.code));
  socket.on('data', (data) => console.log(String(data)));
}`;

/** One network namespace. */
export class NetNamespace {
  readonly name: string;
  readonly commands: ChildCommands;
  readonly #children: ChildProcess[] = [];

  constructor(name: string) {
    this.name = name;
    this.commands = new ChildCommands(['ip', 'netns', 'exec', name]);
  }

  async create(): Promise<void> {
    await host.run('ip', ['netns', 'add', this.name]);
    await this.run('ip link set lo up');
  }

  /** Runs a command line without quotes in it. */
  run(line: string): Promise<string> {
    const [command = '', ...args] = line.split(' ');
    return this.commands.run(command, args);
  }

  /** Answers every client with its name and the client's address. */
  serve(name: string, port: number, type: 'tcp' | 'udp' = 'tcp'): Promise<void> {
    const args = [
      'netns',
      'exec',
      this.name,
      process.execPath,
      '-e',
      SERVER,
      name,
      String(port),
      type,
    ];
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`server ${name} ended with ${code}`)));
    });
  }

  /** What a server at an address says, or the code of the error. */
  async ask(ip: string, port: number): Promise<string> {
    const [answer = ''] = await this.askMany(ip, port, 1);
    return answer;
  }

  /** The different answers of several questions, asked by one program: each is a connection of its own. */
  async askMany(ip: string, port: number, times: number): Promise<Set<string>> {
    const args = ['-e', ASK, ip, String(port), String(times)];
    const out = await this.commands.run(process.execPath, args);
    return new Set(out.trim().split('\n'));
  }

  async destroy(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await host.run('ip', ['netns', 'delete', this.name]).catch(() => undefined);
  }
}

/** The addresses of the little network. */
export const NET = {
  podCidr: '10.244.0.0/16',
  bridge: '10.244.0.1',
  podIP: (index: number) => `10.244.0.${10 + index}`,
  nodeIP: '192.168.77.1',
  clientIP: '192.168.77.2',
} as const;

/** A node with pods on a bridge, as a CNI plugin would make it, and a client beside it. */
export class TestNetwork {
  readonly node: NetNamespace;
  readonly client: NetNamespace;
  readonly pods: NetNamespace[];

  constructor(podCount: number) {
    const prefix = `kt${process.pid}`;
    this.node = new NetNamespace(`${prefix}-node`);
    this.client = new NetNamespace(`${prefix}-client`);
    this.pods = Array.from({ length: podCount }, (_, at) => new NetNamespace(`${prefix}-pod${at}`));
  }

  async create(): Promise<void> {
    for (const namespace of [this.node, this.client, ...this.pods]) await namespace.create();
    const { node, client } = this;
    await node.run('ip link add br0 type bridge');
    await node.run(`ip addr add ${NET.bridge}/24 dev br0`);
    await node.run('ip link set br0 up');
    await node.run(`ip link add out0 type veth peer name eth0 netns ${client.name}`);
    await node.run(`ip addr add ${NET.nodeIP}/24 dev out0`);
    await node.run('ip link set out0 up');
    await client.run(`ip addr add ${NET.clientIP}/24 dev eth0`);
    await client.run('ip link set eth0 up');
    await client.run(`ip route add default via ${NET.nodeIP}`);
    await node.run(`ip route add default via ${NET.clientIP}`);
    for (const [at, pod] of this.pods.entries()) await this.#attach(pod, at);
    await node.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1');
    await node.run('sysctl -qw net.bridge.bridge-nf-call-iptables=1');
  }

  async destroy(): Promise<void> {
    for (const namespace of [...this.pods, this.client, this.node]) await namespace.destroy();
  }

  async #attach(pod: NetNamespace, at: number): Promise<void> {
    const { node } = this;
    await node.run(`ip link add pod${at} type veth peer name eth0 netns ${pod.name}`);
    await node.run(`ip link set pod${at} master br0`);
    await node.run(`ip link set pod${at} up`);
    await node.run(`ip link set pod${at} type bridge_slave hairpin on`);
    await pod.run(`ip addr add ${NET.podIP(at)}/24 dev eth0`);
    await pod.run('ip link set eth0 up');
    await pod.run(`ip route add default via ${NET.bridge}`);
  }
}

const PARTS = ['iptables', 'nftables', 'iproute2', 'conntrack'];

/** Why the kernel cannot be used here; undefined when it can. */
export async function kernelProblem(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const [command, args] of [
    ['ip', ['netns', 'list']],
    ['iptables-save', ['-t', 'nat']],
    ['nft', ['--version']],
  ] as const) {
    try {
      await host.run(command, args);
    } catch {
      if (process.env.CI !== 'true') return `needs ${command}`;
      await host.run('apt-get', ['install', '-y', '-q', ...PARTS]);
    }
  }
  await host.run('modprobe', ['br_netfilter']).catch(() => undefined);
  if (!existsSync('/proc/sys/net/bridge')) return 'needs the br_netfilter module';
  return undefined;
}
