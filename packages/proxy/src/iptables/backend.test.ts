import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import type { CommandRunner } from '../ports.ts';
import { testEndpoint, testPort } from '../testing/builders.ts';
import { IptablesBackend } from './backend.ts';

/** Takes commands and remembers them; nothing is in its kernel. */
class FakeCommands implements CommandRunner {
  readonly calls: { command: string; args: readonly string[]; input: string }[] = [];
  version = 'iptables v1.8.9 (nf_tables)';
  failing: ((command: string) => CommandError | undefined) | undefined;

  async run(command: string, args: readonly string[], input = ''): Promise<string> {
    this.calls.push({ command, args, input });
    const error = this.failing?.(command);
    if (error !== undefined) throw error;
    return command === 'iptables' ? this.version : '';
  }

  loads(): string[] {
    return this.calls
      .filter(({ command }) => command === 'iptables-restore')
      .map(({ input }) => input);
  }
}

function setup() {
  const commands = new FakeCommands();
  const backend = new IptablesBackend({
    commands,
    clusterCidr: '10.244.0.0/16',
    log: silentLogger,
  });
  return { commands, backend };
}

const web = testPort('web', { endpoints: [testEndpoint('10.244.0.2')] });

describe('IptablesBackend', () => {
  it('loads both tables in one go, and only when something changed', async () => {
    const { commands, backend } = setup();
    await backend.apply([web], true);
    assert.equal(commands.loads().length, 1);
    assert.equal(commands.loads()[0]?.match(/^COMMIT$/gm)?.length, 2);
    await backend.apply([web], false);
    assert.equal(commands.loads().length, 1);
    await backend.apply([], false);
    assert.equal(commands.loads().length, 2);
    assert.match(commands.loads()[1] ?? '', /^-X KUBE-SVC-/m);
    assert.doesNotMatch(commands.loads()[1] ?? '', /KUBE-POSTROUTING|\*filter/);
    assert.doesNotMatch(commands.loads()[1] ?? '', /^-I /m);
    await backend.apply([], false);
    assert.equal(commands.loads().length, 2);
  });

  it('compares with the kernel when asked to', async () => {
    const { commands, backend } = setup();
    await backend.apply([web], true);
    await backend.apply([web], true);
    assert.equal(commands.loads().length, 2);
    assert.match(commands.loads()[1] ?? '', /^-I PREROUTING/m);
  });

  it('trusts nothing after a load that failed', async () => {
    const { commands, backend } = setup();
    await backend.apply([web], true);
    commands.failing = (command) =>
      command === 'iptables-restore' ? new CommandError(command, 1, 'line 3 failed') : undefined;
    await assert.rejects(backend.apply([], false), /line 3 failed/);
    commands.failing = undefined;
    const before = commands.calls.length;
    await backend.apply([], false);
    assert.ok(commands.calls.slice(before).some(({ command }) => command === 'iptables-save'));
    assert.equal(commands.loads().length, 3);
  });

  it('knows old versions', async () => {
    const { commands, backend } = setup();
    commands.version = 'iptables v1.6.1';
    await backend.apply([], true);
    assert.doesNotMatch(commands.loads()[0] ?? '', /random-fully/);
  });

  it('is not usable without the programs or the rights', async () => {
    const commands = new FakeCommands();
    assert.equal(await IptablesBackend.usable(commands), true);
    commands.failing = (command) => new CommandError(command, 4, 'Permission denied');
    assert.equal(await IptablesBackend.usable(commands), false);
  });

  it('ends UDP flows to endpoints that left, as long as there is conntrack', async () => {
    const { commands, backend } = setup();
    const dns = (...ips: string[]) =>
      testPort('dns', { protocol: 'udp', port: 53, endpoints: ips.map((ip) => testEndpoint(ip)) });
    const flushes = (): string[] =>
      commands.calls
        .filter(({ command }) => command === 'conntrack')
        .map(({ args }) => args.join(' '));
    await backend.apply([dns('10.244.0.2', '10.244.0.3')], true);
    assert.deepEqual(flushes(), []);
    await backend.apply([dns('10.244.0.3')], false);
    assert.deepEqual(flushes(), ['-D -p udp --orig-dst 10.96.1.1 --dst-nat 10.244.0.2']);
    commands.failing = (command) =>
      command === 'conntrack' ? new CommandError(command, undefined, 'ENOENT') : undefined;
    await backend.apply([dns()], false);
    await backend.apply([dns('10.244.0.4')], false);
    assert.equal(flushes().length, 2);
  });
});
