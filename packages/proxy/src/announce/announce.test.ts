import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LOAD_BALANCER_NODE, type Service } from '@kubets/api';
import { parseRanges, silentLogger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import type { CommandRunner } from '../ports.ts';
import { Announcer } from './announcer.ts';
import { heldAddresses, labelOf, linksFor, parseAddresses } from './decide.ts';

const ranges = parseRanges(['192.0.2.0/24'], '--r');

function balancer(ip: string, node: string, more: Partial<Service['spec']> = {}): Service {
  return {
    metadata: {
      name: `s-${ip}`,
      namespace: 'default',
      annotations: { [LOAD_BALANCER_NODE]: node },
    },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...more },
    status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } },
  };
}

describe('which addresses a node answers for', () => {
  const proxied = balancer('192.0.2.4', 'a');
  proxied.status = { loadBalancer: { ingress: [{ ip: '192.0.2.4', ipMode: 'Proxy' }] } };
  const table: [string, Service, string[]][] = [
    ['its own', balancer('192.0.2.4', 'a'), ['192.0.2.4']],
    ['another node’s', balancer('192.0.2.4', 'b'), []],
    ['out of the ranges', balancer('198.51.100.1', 'a'), []],
    ['no load balancer any more', balancer('192.0.2.4', 'a', { type: 'ClusterIP' }), []],
    ['a balancer that is a proxy', proxied, []],
    ['none yet', { ...balancer('', 'a'), status: {} }, []],
  ];
  for (const [what, service, wanted] of table) {
    it(`${what}: ${wanted.length}`, () =>
      assert.deepEqual(heldAddresses([service], 'a', ranges), wanted));
  }

  it('each once, in order', () => {
    const some = ['192.0.2.9', '192.0.2.4', '192.0.2.9'].map((ip) => balancer(ip, 'a'));
    assert.deepEqual(heldAddresses(some, 'a', ranges), ['192.0.2.4', '192.0.2.9']);
  });
});

describe('small rules', () => {
  it('a label fits into what the kernel takes, whatever the node’s name', () => {
    assert.ok(labelOf('n'.repeat(253)).length <= 15);
    assert.notEqual(labelOf('node-1'), labelOf('node-2'));
  });

  it('reads what ip prints', () => {
    const text = [
      '1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever',
      '1: lo    inet 192.0.2.4/32 scope global lo:kb-abcdefgh\\       valid_lft forever',
      '1: lo    inet 192.0.2.5/32 scope global lo\\       valid_lft forever',
      '',
    ].join('\n');
    assert.deepEqual(parseAddresses(text), [{ address: '192.0.2.4', label: 'lo:kb-abcdefgh' }]);
  });

  it('tells the neighbours on the address’s network, or else on the node’s', () => {
    const links = [
      { name: 'eth0', address: '192.0.2.1', prefix: 24 },
      { name: 'eth1', address: '198.51.100.1', prefix: 24 },
    ];
    assert.deepEqual(linksFor('198.51.100.7', links, '192.0.2.1'), ['eth1']);
    assert.deepEqual(linksFor('203.0.113.7', links, '192.0.2.1'), ['eth0']);
    assert.deepEqual(linksFor('203.0.113.7', links, ''), []);
  });
});

/** A kernel that remembers addresses; programs that are not there. */
class FakeCommands implements CommandRunner {
  readonly lo = new Map<string, string>();
  readonly told: string[] = [];
  readonly missing = new Set<string>();
  failures = 0;

  async run(command: string, args: readonly string[]): Promise<string> {
    if (this.missing.has(command)) throw new CommandError(command, undefined, 'not found');
    if (command !== 'ip') {
      this.told.push(`${command} ${args.at(-1)} ${args.at(-2)}`);
      return '';
    }
    if (args.includes('show')) {
      return [...this.lo]
        .map(([ip, label]) => `1: lo inet ${ip}/32 scope global ${label}`)
        .join('\n');
    }
    if (this.failures > 0) {
      this.failures -= 1;
      throw new CommandError('ip', 2, 'no luck');
    }
    const [, verb, address = '', , , , label = ''] = args;
    if (verb === 'add') this.lo.set(address.replace('/32', ''), label);
    else this.lo.delete(address.replace('/32', ''));
    return '';
  }
}

const announcer = (commands: FakeCommands, nodeName = 'a') =>
  new Announcer({
    commands,
    nodeName,
    nodeIp: '192.0.2.1',
    ranges,
    links: () => [{ name: 'eth0', address: '192.0.2.1', prefix: 24 }],
    log: silentLogger,
  });

describe('the announcer', () => {
  it('holds what is its own, tells neighbours, lets go of what is not', async () => {
    const commands = new FakeCommands();
    const one = announcer(commands);
    await one.apply([balancer('192.0.2.4', 'a'), balancer('192.0.2.5', 'b')], true);
    await one.whenTold();
    assert.deepEqual([...commands.lo], [['192.0.2.4', labelOf('a')]]);
    assert.deepEqual(commands.told, ['arping 192.0.2.4 eth0']);
    await one.apply([balancer('192.0.2.4', 'b')], false);
    assert.equal(commands.lo.size, 0);
  });

  it('leaves other addresses of the machine alone, and other nodes’', async () => {
    const commands = new FakeCommands();
    commands.lo.set('192.0.2.77', 'lo');
    await announcer(commands, 'b').apply([balancer('192.0.2.5', 'b')], true);
    await announcer(commands, 'a').apply([], true);
    assert.deepEqual([...commands.lo.keys()], ['192.0.2.77', '192.0.2.5']);
    await Announcer.cleanupAll(commands);
    assert.deepEqual([...commands.lo.keys()], ['192.0.2.77']);
  });

  it('takes away what a former run has left, and puts back what somebody took', async () => {
    const commands = new FakeCommands();
    commands.lo.set('192.0.2.9', labelOf('a'));
    const one = announcer(commands);
    await one.apply([balancer('192.0.2.4', 'a')], true);
    assert.deepEqual([...commands.lo.keys()], ['192.0.2.4']);
    commands.lo.clear();
    await one.apply([balancer('192.0.2.4', 'a')], false);
    assert.equal(commands.lo.size, 0);
    await one.apply([balancer('192.0.2.4', 'a')], true);
    assert.deepEqual([...commands.lo.keys()], ['192.0.2.4']);
  });

  it('looks at the kernel again after a failure', async () => {
    const commands = new FakeCommands();
    const one = announcer(commands);
    await one.apply([], true);
    commands.failures = 1;
    await assert.rejects(one.apply([balancer('192.0.2.4', 'a')], false), CommandError);
    await one.apply([balancer('192.0.2.4', 'a')], false);
    assert.deepEqual([...commands.lo.keys()], ['192.0.2.4']);
    await one.cleanup();
    assert.equal(commands.lo.size, 0);
  });

  it('takes another program where one is missing, and works without any', async () => {
    const commands = new FakeCommands();
    commands.missing.add('arping');
    const one = announcer(commands);
    await one.apply([balancer('192.0.2.4', 'a')], true);
    await one.whenTold();
    assert.deepEqual(commands.told, ['busybox 192.0.2.4 eth0']);
    commands.missing.add('busybox');
    await one.apply([balancer('192.0.2.4', 'a'), balancer('192.0.2.5', 'a')], false);
    await one.whenTold();
    assert.equal(commands.lo.size, 2);
  });
});
