/** Hosts of their own become a cluster: init, join, work, lose a master, leave. With stock kubectl. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { TestHosts } from './support/hosts.ts';
import { eventually } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
// Network namespaces need root. CI has it, and there this may not be skipped.
const skip = isRoot || process.env.CI === 'true' ? false : 'network namespaces need root';

let hosts: TestHosts;
let joinMaster: string[] = [];
let joinNode: string[] = [];

before(async () => {
  if (skip === false) hosts = await TestHosts.create(['m1', 'm2', 'm3', 'n1']);
});
after(() => hosts?.destroy());

async function kubets(host: string, args: readonly string[]) {
  const result = await hosts.kubets(host, args);
  assert.equal(result.code, 0, `kubets ${args[0]} on ${host}: ${result.err}`);
  return result;
}

const refused = async (host: string, args: readonly string[], text: RegExp) => {
  const result = await hosts.kubets(host, args);
  assert.notEqual(result.code, 0);
  assert.match(result.err, text);
  assert.deepEqual(readdirSync(hosts.get(host).dataDir).sort(), []);
};

test('the first master prints how others join', { skip }, async () => {
  const { out } = await kubets('m1', ['init', '--name', 'm1']);
  const [master = '', node = ''] = out.split('\n').filter((line) => line.includes('kubets join'));
  joinMaster = master.trim().split(' ').slice(1);
  joinNode = node.trim().split(' ').slice(1);
  assert.ok(joinMaster.includes('--certificate-key'));
  assert.ok(joinNode.includes('--node'));
});

test('what cannot work is refused, and nothing is left of it', { skip }, async () => {
  const swap = (args: string[], flag: string, value: string) =>
    args.map((word, i) => (args[i - 1] === flag ? value : word));
  const token = swap(joinNode, '--token', 'aaaaaa.0123456789abcdef');
  await refused('n1', token, /token is not valid/);
  const hash = `sha256:${'0'.repeat(64)}`;
  const pin = swap(joinNode, '--discovery-token-ca-cert-hash', hash);
  await refused('n1', pin, /another cluster, or somebody in between/);
  await refused('n1', [...joinNode, '--advertise-address', '192.0.2.1'], /no address of this host/);
});

test('masters and a node join, and work is done', { skip }, async () => {
  await kubets('m2', [...joinMaster, '--name', 'm2']);
  const [third] = await Promise.all([
    kubets('m3', [...joinMaster, '--name', 'm3']),
    kubets('n1', [...joinNode, '--name', 'n1', '--runtime', 'simulated']),
  ]);
  assert.match(third.out, /m3 is part of the cluster/);
  const node = await hosts.kubectl('m2', ['get', 'node', 'n1', '--no-headers']);
  assert.match(node, /Ready/);
  const image = ['--image', 'docker.io/library/busybox', '--replicas', '2'];
  await hosts.kubectl('m3', ['create', 'deployment', 'web', ...image]);
  await hosts.kubectl('m3', ['rollout', 'status', 'deployment/web', '--timeout=60s']);
  const requests = await hosts.kubectl('m1', ['get', 'csr', '--no-headers']);
  assert.match(requests, /kubelet-serving.*Approved,Issued/);
  // The apiserver checks the kubelet's certificate: logs come through it.
  const pod = await hosts.kubectl('m1', [
    'get',
    'pods',
    '-o',
    'jsonpath={.items[0].metadata.name}',
  ]);
  await hosts.kubectl('m1', ['logs', pod]);
});

test('the cluster goes on without the master whose plug is pulled', { skip }, async () => {
  await hosts.kill('m1');
  await hosts.kubectl('m2', ['scale', 'deployment', 'web', '--replicas', '4']);
  await eventually('four ready pods', 60_000, async () => {
    const ready = ['get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}'];
    assert.equal(await hosts.kubectl('m2', ready), '4');
  });
  await hosts.kubectl('m2', ['wait', '--for=condition=Ready', 'node/n1', '--timeout=60s']);
});

test('a host that leaves leaves nothing behind, however often it is told', { skip }, async () => {
  await kubets('n1', ['reset']);
  assert.deepEqual(readdirSync(hosts.get('n1').dataDir), []);
  const again = await kubets('n1', ['reset']);
  assert.match(again.err, /nothing was left/);
  await kubets('m1', ['reset', '--local']);
  assert.deepEqual(readdirSync(hosts.get('m1').dataDir), []);
});
