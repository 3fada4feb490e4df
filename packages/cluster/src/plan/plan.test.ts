import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { clusterHash, clusterPaths } from '../paths.ts';
import { wantedLeaves } from '../pki/layout.ts';
import { type PlanContext, planProcesses } from './processes.ts';
import { mergeWishes, parseSettings, portUses, type Settings } from './settings.ts';

function settingsOf(change: Partial<Settings> = {}): Settings {
  const base = { masters: 3, nodes: 1, hollowNodes: 0, ...change };
  const ports = Object.fromEntries(portUses(base).map((use, i) => [use, 20_000 + i]));
  return {
    version: 1,
    runtime: 'simulated',
    port: 6443,
    hostIp: '192.0.2.7',
    token: 't',
    ports,
    ...base,
  };
}

const planOf = (settings: Settings): PlanContext => ({
  settings,
  paths: clusterPaths('/data'),
  nodeBinary: '/bin/node',
  packagesDir: '/packages',
  containerd: undefined,
});

const count = (ctx: PlanContext, role: string): number =>
  planProcesses(ctx).filter((one) => one.role === role).length;

test('three masters and a node make every process once per master or node', () => {
  const ctx = planOf(settingsOf());
  for (const role of ['etcd', 'apiserver', 'scheduler', 'controller-manager']) {
    assert.equal(count(ctx, role), 3, role);
  }
  assert.equal(count(ctx, 'cloud-controller-manager'), 2);
  for (const role of ['kubelet', 'proxy', 'dns']) assert.equal(count(ctx, role), 1, role);
  assert.equal(count(ctx, 'containerd'), 0);
});

test('no nodes: no kubelet, proxy or dns; hollow nodes are one process however many', () => {
  const bare = planOf(settingsOf({ masters: 1, nodes: 0 }));
  for (const role of ['kubelet', 'proxy', 'dns']) assert.equal(count(bare, role), 0, role);
  const hollow = planOf(settingsOf({ masters: 1, nodes: 0, hollowNodes: 100 }));
  assert.equal(count(hollow, 'kubelet'), 1);
  const flags = planProcesses(hollow).find((one) => one.role === 'kubelet')?.args ?? [];
  assert.ok(flags.includes('--hollow-nodes=100'));
});

test('who gives out addresses for load balancers and who answers for them know the same', () => {
  const flagOf = (ctx: PlanContext, role: string) =>
    planProcesses(ctx)
      .filter((one) => one.role === role)
      .map(({ args }) => args.find((arg) => arg.startsWith('--load-balancer-ranges=')));
  const given = '--load-balancer-ranges=10.97.0.0/24';
  const ctx = planOf(settingsOf({ masters: 1 }));
  assert.deepEqual(flagOf(ctx, 'cloud-controller-manager'), [given]);
  assert.deepEqual(flagOf(ctx, 'proxy'), [given]);
  const none = planOf(settingsOf({ masters: 1, loadBalancerRanges: 'none' }));
  assert.equal(count(none, 'cloud-controller-manager'), 0);
  assert.deepEqual(flagOf(none, 'proxy'), [undefined]);
  const wrong = () => settingsOf({ masters: 1, loadBalancerRanges: 'here' });
  assert.throws(wrong, /--load-balancer-ranges: "here"/);
  assert.equal(
    mergeWishes(settingsOf(), { loadBalancerRanges: 'none' }, '/d').loadBalancerRanges,
    'none',
  );
});

test('names and ports are unique, and no private key stands on a command line', () => {
  const specs = planProcesses(planOf(settingsOf({ nodes: 2 })));
  assert.equal(new Set(specs.map((one) => one.name)).size, specs.length);
  const health = specs.map((one) => one.healthPort);
  assert.equal(new Set(health).size, health.length);
  const words = specs.flatMap((one) => one.args).join(' ');
  assert.ok(!words.includes('PRIVATE KEY'));
});

test('every member of the store knows all members, and apiservers know all of the store', () => {
  const specs = planProcesses(planOf(settingsOf()));
  const etcd = specs.filter((one) => one.role === 'etcd');
  const clusters = new Set(
    etcd.map((one) => one.args.find((arg) => arg.startsWith('--initial-cluster='))),
  );
  assert.equal(clusters.size, 1);
  assert.equal([...clusters][0]?.split(',').length, 3);
  const servers = specs.find((one) => one.role === 'apiserver')?.args ?? [];
  assert.equal(servers.find((arg) => arg.startsWith('--etcd-servers='))?.split(',').length, 3);
});

test('the store starts before the apiservers, these before the rest', () => {
  const stageOf = new Map(planProcesses(planOf(settingsOf())).map((one) => [one.role, one.stage]));
  assert.equal(stageOf.get('etcd'), 0);
  assert.equal(stageOf.get('apiserver'), 1);
  for (const role of ['scheduler', 'controller-manager', 'kubelet', 'proxy', 'dns'] as const) {
    assert.equal(stageOf.get(role), 2, role);
  }
});

test('a restart keeps what was decided, takes what may change, refuses what may not', () => {
  const saved = settingsOf();
  assert.deepEqual(mergeWishes(saved, {}, '/d'), saved);
  assert.equal(mergeWishes(saved, { port: 7443 }, '/d').port, 7443);
  assert.equal(mergeWishes(saved, { nodes: 2 }, '/d').nodes, 2);
  assert.equal(mergeWishes(saved, { masters: 3, runtime: 'auto' }, '/d').masters, 3);
  assert.throws(
    () => mergeWishes(saved, { masters: 5 }, '/d'),
    /\/d holds a cluster made with --masters 3/,
  );
  assert.throws(() => mergeWishes(saved, { runtime: 'containerd' }, '/d'), ConfigError);
});

const damaged: readonly [string, string][] = [
  ['not JSON', '{"version":1'],
  ['not an object', '[]'],
  ['another version', '{"version":2}'],
  ['a missing field', '{"version":1,"masters":3}'],
];

for (const [what, text] of damaged) {
  test(`a state file that is ${what} is refused with its name and a remedy`, () => {
    assert.throws(
      () => parseSettings(text, '/d/state.json'),
      (error: unknown) =>
        error instanceof ConfigError && /\/d\/state\.json .*--data-dir/.test(error.message),
    );
  });
}

test('settings survive being written and read', () => {
  const saved = settingsOf();
  assert.deepEqual(parseSettings(JSON.stringify(saved), 'f'), saved);
});

test('the run directory is short and differs between data directories', () => {
  const long = `/tmp/${'x'.repeat(200)}`;
  assert.ok(clusterPaths(long).runDir.length < 40);
  assert.notEqual(clusterHash('/a'), clusterHash('/b'));
  assert.equal(clusterHash('/a'), clusterHash('/a/'));
});

test('every identity the plan refers to is among the certificates', () => {
  const settings = settingsOf({ hollowNodes: 5, nodes: 2 });
  const leaves = wantedLeaves({
    masters: 3,
    nodeNames: ['node-1', 'node-2'],
    hollowNodes: true,
    hostIp: settings.hostIp,
    hostName: 'here',
    apiServiceIp: '10.96.0.1',
    clusterDomain: 'cluster.local',
    days: 365,
  });
  const files = new Set(leaves.map((leaf) => `/data/pki/${leaf.file}.crt`));
  files.add('/data/pki/ca.crt').add('/data/pki/etcd-ca.crt');
  const used = planProcesses(planOf(settings))
    .flatMap((one) => one.args)
    .map((arg) => arg.split('=')[1] ?? '')
    .filter((value) => value.endsWith('.crt'));
  assert.ok(used.length > 20);
  for (const file of used) assert.ok(files.has(file), file);
});

test('a cluster for many nodes has a range and memory for them', () => {
  const flagsOf = (settings: Settings): string =>
    planProcesses(planOf(settings))
      .flatMap((one) => one.args)
      .join(' ');
  const few = flagsOf(settingsOf());
  assert.ok(few.includes('--cluster-cidr=10.244.0.0/16'));
  assert.ok(few.includes('--max-semi-space-size=2 '));
  const many = flagsOf(settingsOf({ expectedNodes: 5_000 }));
  assert.ok(many.includes('--cluster-cidr=10.128.0.0/9'));
  assert.ok(many.includes('--max-old-space-size=9000 '));
});
