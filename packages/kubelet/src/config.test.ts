import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseFlags } from '@kubets/platform';
import { checkConfig, flags, type KubeletFlags, parseTaint } from './config.ts';

const parse = (...args: string[]): KubeletFlags =>
  parseFlags(flags, ['--apiservers', '127.0.0.1:1', ...args], {}) as KubeletFlags;

describe('flags', () => {
  it('name one node, or many hollow ones', () => {
    assert.deepEqual(checkConfig(parse('--node-name', 'n1')), ['n1']);
    assert.equal(checkConfig(parse()).length, 1);
    const hollow = parse(
      '--runtime',
      'simulated',
      '--hollow-nodes',
      '3',
      '--hollow-node-prefix',
      'h',
    );
    assert.deepEqual(checkConfig(hollow), ['h-0', 'h-1', 'h-2']);
  });

  const wrong: [string, string[], RegExp][] = [
    ['hollow nodes on a real runtime', ['--hollow-nodes', '3'], /needs --runtime simulated/],
    ['no address', ['--node-ip', 'here'], /--node-ip: "here" is no address/],
    ['no DNS address', ['--cluster-dns', 'dns'], /--cluster-dns/],
    ['half a door', ['--server-cert-file', 'x'], /go together/],
    ['no taint', ['--register-with-taints', 'a=b:Sometimes'], /is not KEY=VALUE:EFFECT/],
  ];
  for (const [what, args, message] of wrong) {
    it(`are refused: ${what}`, () => {
      assert.throws(
        () => checkConfig(parse(...args)),
        (error) => {
          return error instanceof ConfigError && message.test(error.message);
        },
      );
    });
  }

  it('need somebody to talk to', () => {
    const config = parseFlags(flags, [], {}) as KubeletFlags;
    assert.throws(() => checkConfig(config), /--apiservers is required/);
  });

  it('read taints', () => {
    assert.deepEqual(parseTaint('a.b/c=d:NoExecute'), {
      key: 'a.b/c',
      value: 'd',
      effect: 'NoExecute',
    });
    assert.equal(parseTaint('k:NoSchedule').value, '');
  });
});
