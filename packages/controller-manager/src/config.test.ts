import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError, parseFlags } from '@kubets/platform';
import { AUTOSCALING } from './autoscaler/reconciler.ts';
import { controllerOptions, flags } from './config.ts';
import { allControllers } from './controllers.ts';
import { TestCluster } from './testing/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-cm-'));
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
after(() => rmSync(dir, { recursive: true }));

const options = (...argv: string[]) => controllerOptions(parseFlags(flags, argv));

/** The names of the controllers that options make. */
async function namesOf(made: ReturnType<typeof options>): Promise<string[]> {
  let names: string[] = [];
  const cluster = new TestCluster({
    controllers(deps) {
      names = allControllers(deps, made).map(({ name }) => name);
      return [];
    },
  });
  await cluster.start();
  await cluster.stop();
  return names;
}

describe('the configuration', () => {
  it('has the stock times and leaves out what is not asked for', () => {
    const { concurrency: _workers, controllers: _all, removeTree: _io, ...others } = options();
    assert.deepEqual(others, {
      autoscaling: AUTOSCALING,
      ...{ nodeMonitorPeriodMs: 5000, nodeMonitorGraceMs: 40_000 },
      ...{ terminatedPodThreshold: 12_500, legacyTokensKeptMs: 8_760 * 3_600_000 },
    });
  });

  it('has workers by controller', async () => {
    const made = options('--concurrent-service-endpoint-syncs=9');
    const { concurrency } = made;
    const names = new Set(await namesOf(made));
    const workers = Object.keys(concurrency ?? {});
    // Without a key to sign with nobody fills Secrets.
    const unsigned = 'serviceaccount-token-controller';
    const unknown = workers.filter((name) => !names.has(name) && name !== unsigned);
    assert.deepEqual(unknown, []);
    assert.equal(concurrency?.['endpointslice-controller'], 9);
    assert.equal(concurrency?.['endpoints-controller'], 5);
    assert.equal(concurrency?.['replicaset-controller'], 25);
    assert.equal(concurrency?.['node-ipam-controller'], undefined);
  });

  it('runs the controllers that are named, by either name', async () => {
    const all = await namesOf(options());
    assert.equal(new Set(all).size, 33);
    const some = await namesOf(options('--controllers=ttl,namespace-controller,-job'));
    assert.deepEqual(some, ['namespace-controller', 'ttl-controller']);
    const others = new Set(
      await namesOf(options('--controllers=*,-ttl,-node-lifecycle-controller')),
    );
    assert.deepEqual(all.filter((name) => !others.has(name)).sort(), [
      'node-lifecycle-controller',
      'node-lifecycle-controller',
      'ttl-controller',
    ]);
    // The first word counts, and other processes' controllers may be named.
    assert.deepEqual(await namesOf(options('--controllers=-ttl,ttl,*,service,-route')), [
      ...all.filter((name) => name !== 'ttl-controller'),
    ]);
    assert.deepEqual(await namesOf(options('--controllers=ttl')), ['ttl-controller']);
  });

  it('reads networks and files', () => {
    const ca = file('ca.crt', '-----BEGIN CERTIFICATE-----\n');
    const made = options('--cluster-cidr=10.244.0.0/16', `--root-ca-file=${ca}`);
    assert.deepEqual(made.podNetwork, {
      clusterCidr: { base: 10 * 2 ** 24 + 244 * 2 ** 16, prefix: 16 },
      nodePrefix: 24,
    });
    assert.equal(made.rootCa, '-----BEGIN CERTIFICATE-----\n');
  });

  const notPem = file('notes.txt', 'hello');
  const noKey = file('sa.key', '-----BEGIN PRIVATE KEY-----\nnonsense\n');
  const bad: [string, string[], RegExp][] = [
    ['a network with host bits', ['--cluster-cidr=10.244.0.1/16'], /--cluster-cidr/],
    ['an IPv6 network', ['--cluster-cidr=fd00::/48'], /--cluster-cidr/],
    [
      'parts as large as the network',
      ['--cluster-cidr=10.244.0.0/24', '--node-cidr-mask-size=24'],
      /--node-cidr-mask-size/,
    ],
    ['a missing file', ['--root-ca-file=/nowhere/ca.crt'], /--root-ca-file.*\/nowhere\/ca.crt/],
    ['a file that is not PEM', [`--root-ca-file=${notPem}`], /not a PEM file/],
    ['a key that is none', [`--service-account-private-key-file=${noKey}`], /no private key/],
    ['a controller nobody knows', ['--controllers=*,-foo'], /"foo" is not in the list of known/],
    ['no tolerance', ['--horizontal-pod-autoscaler-tolerance=-1'], /-tolerance: "-1"/],
    ['no workers', ['--concurrent-job-syncs=0'], /--concurrent-job-syncs/],
    [
      'no patience',
      ['--node-monitor-grace-period=5s', '--node-monitor-period=5s'],
      /--node-monitor-grace-period/,
    ],
  ];
  for (const [what, argv, message] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => options(...argv),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }
});
