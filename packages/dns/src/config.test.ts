import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { readConfig } from './config.ts';

const good = {
  listen: '127.0.0.1:5353',
  advertiseAddress: '10.0.0.5',
  nodeName: 'node-1',
  clusterDomain: 'Cluster.Local.',
  clusterDns: '10.96.0.10',
  upstream: [] as string[],
};
const none = (): string => '';

describe('the configuration', () => {
  it('takes its upstreams from the machine, without itself', () => {
    const resolvConf = [
      '# made by hand',
      'nameserver 10.96.0.10',
      '  nameserver 192.0.2.53 # office',
      'nameserver bad.example.org',
      'nameserver 2001:db8::1',
      'search example.org',
    ].join('\n');
    const config = readConfig(good, () => resolvConf);
    assert.deepEqual(config.upstreams, [
      { host: '192.0.2.53', port: 53 },
      { host: '2001:db8::1', port: 53 },
    ]);
    assert.equal(config.domain, 'cluster.local');
  });

  it('takes them from the flag instead, with ports', () => {
    const upstream = ['192.0.2.1', '192.0.2.2:5300', '[2001:db8::1]:53', '127.0.0.1:5353'];
    assert.deepEqual(readConfig({ ...good, upstream }, none).upstreams, [
      { host: '192.0.2.1', port: 53 },
      { host: '192.0.2.2', port: 5300 },
      { host: '2001:db8::1', port: 53 },
    ]);
  });

  it('works without any', () => {
    assert.deepEqual(readConfig(good, none).upstreams, []);
  });

  const bad: [string, object, RegExp][] = [
    ['a name to listen on', { listen: 'localhost:53' }, /--listen/],
    ['no port', { listen: '127.0.0.1' }, /--listen/],
    ['a port too large', { listen: '127.0.0.1:99999' }, /--listen/],
    ['a broken cluster address', { clusterDns: '10.96.0' }, /--cluster-dns/],
    ['a name to advertise', { advertiseAddress: 'host' }, /--advertise-address/],
    ['a broken domain', { clusterDomain: 'a..b' }, /--cluster-domain/],
    ['an upstream by name', { upstream: ['dns.example.org'] }, /--upstream/],
    ['an upstream with a bad port', { upstream: ['192.0.2.1:0'] }, /--upstream/],
  ];
  for (const [what, change, message] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => readConfig({ ...good, ...change }, none),
        (error) => {
          return error instanceof ConfigError && message.test(error.message);
        },
      );
    });
  }
});
