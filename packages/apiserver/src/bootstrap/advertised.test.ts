import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { describe, it } from 'node:test';
import { advertised } from './advertised.ts';

function ipv4(address: string, internal: boolean): NetworkInterfaceInfo {
  const mac = '00:00:00:00:00:00';
  return { address, internal, family: 'IPv4', netmask: '255.255.255.0', mac, cidr: null };
}

const INTERFACES = { lo: [ipv4('127.0.0.1', true)], eth0: [ipv4('192.0.2.7', false)] };

describe('the address others are told of', () => {
  const cases = [
    { bind: '192.0.2.9', said: '', expected: '192.0.2.9' },
    { bind: '0.0.0.0', said: '', expected: '192.0.2.7' },
    { bind: '::', said: '', expected: '192.0.2.7' },
    { bind: '127.0.0.1', said: '', expected: '192.0.2.7' },
    { bind: '::1', said: '', expected: '192.0.2.7' },
    { bind: '127.0.0.1', said: '192.0.2.1', expected: '192.0.2.1' },
  ];
  for (const { bind, said, expected } of cases) {
    it(`bound to ${bind}${said && `, told ${said}`}`, () => {
      const ports = { securePort: 6443, advertisePort: 0 };
      const config = { bindAddress: bind, advertiseAddress: said, ...ports };
      assert.deepEqual(advertised(config, INTERFACES), { address: expected, port: 6443 });
    });
  }

  it('of a machine without a network is its own', () => {
    const config = {
      bindAddress: '0.0.0.0',
      advertiseAddress: '',
      securePort: 1,
      advertisePort: 2,
    };
    const expected = { address: '127.0.0.1', port: 2 };
    assert.deepEqual(advertised(config, { lo: INTERFACES.lo }), expected);
  });
});
