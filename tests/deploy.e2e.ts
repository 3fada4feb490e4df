/** Hosts of their own become a cluster: init, join, work, lose a master, leave. With stock kubectl. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Guide, printedLine } from './support/guide.ts';
import { TestHosts } from './support/hosts.ts';
import { eventually } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
// Network namespaces need root. CI has it, and there this may not be skipped.
const skip = isRoot || process.env.CI === 'true' ? false : 'network namespaces need root';

let hosts: TestHosts;
let joinMaster: string[] = [];
let joinNode: string[] = [];

before(async () => {
  if (skip === false) hosts = await TestHosts.create(['m1', 'm2', 'm3', 'n1', 'n2']);
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

const besidesLogs = (host: string): string[] =>
  readdirSync(hosts.get(host).dataDir).filter((name) => name !== 'logs');

test('an init that is interrupted leaves nothing but logs', { skip }, async () => {
  const init = hosts.kubets('m1', ['init', '--name', 'm1'], { interruptedAfterSeconds: 1.5 });
  assert.notEqual((await init).code, 0);
  assert.deepEqual(besidesLogs('m1'), []);
});

test('an init that is late says how to wait longer, and leaves nothing but logs', {
  skip,
}, async () => {
  const late = await hosts.kubets('m1', ['init', '--name', 'm1', '--timeout', '1ms']);
  assert.equal(late.code, 1, late.err);
  assert.match(late.err, /in time.*--timeout 10m/);
  assert.deepEqual(besidesLogs('m1'), []);
});

test('the first master prints how others join', { skip }, async () => {
  const names = ['--apiserver-cert-extra-sans', 'extra.example'];
  const { out } = await kubets('m1', ['init', '--name', 'm1', ...names]);
  const guide = new Guide('docs/deploy-vms.md');
  const like = (heading: string): string[] => {
    const pattern = guide.block(heading).replace('api.example.org:6443', '…');
    return printedLine(out, pattern).split(' ').slice(1);
  };
  joinMaster = like('3. More masters');
  joinNode = like('4. Nodes');
  assert.ok(joinMaster.includes('--certificate-key'));
  assert.ok(joinNode.includes('--node'));
});

/** The words with one flag's value exchanged. */
const swap = (args: readonly string[], flag: string, value: string): string[] =>
  args.map((word, i) => (args[i - 1] === flag ? value : word));
const at = (endpoint: string, args: readonly string[]): string[] => [
  'join',
  endpoint,
  ...args.slice(2),
];
const pin = '--discovery-token-ca-cert-hash';
const zeros = '0'.repeat(64);

/** What is wrong, the words typed on n1, and the one line with the next step. */
const REFUSALS: readonly [string, () => string[], RegExp][] = [
  [
    'an unknown token',
    () => swap(joinNode, '--token', 'aaaaaa.0123456789abcdef'),
    /token is not valid.*kubets token create/,
  ],
  ['half a token', () => swap(joinNode, '--token', 'aaaaaa'), /kubets token create/],
  [
    'no token',
    () => joinNode.filter((_w, i, all) => ![all[i], all[i - 1]].includes('--token')),
    /--token is needed/,
  ],
  [
    'the hash of another authority',
    () => swap(joinNode, pin, `sha256:${zeros}`),
    /another cluster, or somebody in between/,
  ],
  ['half a hash', () => swap(joinNode, pin, 'sha256:00'), /64 hexadecimal digits/],
  [
    'no hash',
    () => joinNode.filter((_w, i, all) => ![all[i], all[i - 1]].includes(pin)),
    /--discovery-token-ca-cert-hash is needed/,
  ],
  [
    'an address of somebody else',
    () => [...joinNode, '--advertise-address', '192.0.2.1'],
    /no address of this host.*--advertise-address/,
  ],
  ['a name no Node can have', () => [...joinNode, '--name', 'No_Name'], /name it with --name/],
  ['no address at all', () => at('what ever', joinNode), /is not HOST:PORT/],
  [
    'a port nobody listens on',
    () => at(`${hosts.get('m1').address}:6999`, joinNode),
    /cannot reach .*nothing listens there.*kubets status/,
  ],
  [
    'a host that is not there',
    () => at(`${hosts.get('m1').address.replace(/\d+$/, '250')}:6443`, joinNode),
    /cannot reach .*\.250:6443: .*(routes|firewalls)/,
  ],
  [
    'a port that does not speak for the cluster',
    () => at(`${hosts.get('m1').address}:2379`, joinNode),
    /cannot reach|does not trust|instead of the cluster/,
  ],
  [
    'a master without a key',
    () => joinMaster.filter((_w, i, all) => ![all[i], all[i - 1]].includes('--certificate-key')),
    /needs --certificate-key.*kubets certs upload/,
  ],
  ['a wrong key', () => swap(joinMaster, '--certificate-key', zeros), /kubets certs upload/],
  [
    'the name of a master there is',
    () => [...joinMaster, '--name', 'm1'],
    /has a master called m1.*--name/,
  ],
];

test('what cannot work is refused, and nothing is left of it', { skip }, async () => {
  for (const [what, words, text] of REFUSALS) {
    const result = await hosts.kubets('n1', words());
    assert.notEqual(result.code, 0, what);
    assert.match(result.err, text, what);
    const own = result.err.split('\n').filter((line) => line.startsWith('kubets: '));
    assert.equal(own.length, 1, `${what}: ${result.err}`);
    assert.doesNotMatch(result.err, /\n\s+at /, `${what}: a stack`);
    assert.deepEqual(readdirSync(hosts.get('n1').dataDir), [], what);
  }
});

test('a port that is taken is named', { skip }, async () => {
  const free = await hosts.occupy('n1', 10_250);
  await refused('n1', joinNode, /port 10250 is taken by another process; "ss -ltnp/);
  await free();
  // One that only this host's supervisor asks at.
  const release = await hosts.occupy('n1', 10_256);
  await refused('n1', joinNode, /port 10256 is taken by another process; "ss -ltnp/);
  await release();
});

/** The cluster says that it is of another release, for the time of some work. */
async function asRelease(release: string, work: () => Promise<void>): Promise<void> {
  const map = ['-n', 'kube-system', 'configmap', 'kubets-config'];
  const facts = await hosts.kubectl('m1', ['get', ...map, '-o', 'jsonpath={.data.cluster}']);
  const say = (cluster: string) =>
    hosts.kubectl('m1', ['patch', ...map, '-p', JSON.stringify({ data: { cluster } })]);
  await say(facts.replace(/"release": "[^"]*"/, `"release": "${release}"`));
  await work();
  await say(facts);
}

test('a cluster of another release is refused', { skip }, () =>
  asRelease('99.1.0', () =>
    refused('n1', joinNode, /the cluster runs 99\.1\.0; install 99\.1 here, or upgrade/),
  ),
);

test('an upgrade to an earlier release is refused', { skip }, () =>
  asRelease('99.1.0', async () => {
    const { code, err } = await hosts.kubets('m1', ['upgrade']);
    assert.equal(code, 2, err);
    assert.match(err, /releases only go forward; install 99\.1 here/);
  }),
);

const pidsOf = (host: string): { supervisor: number; processes: number[] } => {
  const file = JSON.parse(readFileSync(join(hosts.get(host).dataDir, 'cluster.json'), 'utf8'));
  return {
    supervisor: file.supervisor,
    processes: file.processes.map((one: { pid: number }) => one.pid),
  };
};

/** A join that was not given the time it takes. */
async function lateJoin(host: string, args: readonly string[]): Promise<void> {
  const late = await hosts.kubets(host, [...args, '--timeout', '1ms']);
  assert.equal(late.code, 1, late.err);
  assert.match(late.err, /in time.*the same command again goes on, "kubets reset" takes it back/);
}

test('a join that was late goes on, or is taken back whole', { skip }, async () => {
  const node = [...joinNode, '--name', 'n1', '--runtime', 'simulated'];
  await lateJoin('n1', node);
  const other = await hosts.kubets('n1', [...joinMaster, '--name', 'n1']);
  assert.match(other.err, /has begun to join .* as node n1; go on with the same command/);
  await kubets('n1', ['reset']);
  assert.deepEqual(readdirSync(hosts.get('n1').dataDir), []);
  await lateJoin('n1', node);
  const { supervisor } = pidsOf('n1');
  const done = await kubets('n1', node);
  assert.match(done.err, /n1 goes on joining/);
  assert.equal(pidsOf('n1').supervisor, supervisor, 'it did not begin anew');
  await kubets('n1', ['reset']);

  const master = [...joinMaster, '--name', 'm2'];
  await lateJoin('m2', master);
  await kubets('m2', ['reset']);
  const members = () => hosts.kubets('m1', ['etcd', 'member', 'list', ...hosts.storeFlags('m1')]);
  assert.doesNotMatch((await members()).out, /m2|learner.*true/);
  await lateJoin('m2', master);
  // As when its plug was pulled before the settings were written, and after the store was told.
  rmSync(join(hosts.get('m2').dataDir, 'host.json'));
  assert.match((await kubets('m2', ['reset'])).err, /what was left here is removed/);
  assert.equal((await members()).out.trim().split('\n').length, 1);
  await lateJoin('m2', master);
});

test('a port that is closed between hosts is named, and nothing is left', { skip }, async () => {
  const open = await hosts.close('m1', 2379);
  await refused('m3', [...joinMaster, '--name', 'm3'], /no master answers on port 2379 .*open it/);
  await open();
});

test('masters and a node join, and work is done', { skip }, async () => {
  await kubets('m2', [...joinMaster, '--name', 'm2']);
  const [third] = await Promise.all([
    kubets('m3', [...joinMaster, '--name', 'm3']),
    kubets('n1', [...joinNode, '--name', 'n1', '--runtime', 'simulated']),
  ]);
  assert.match(third.out, /m3 is part of the cluster/);
  for (const name of ['m1', 'm2', 'm3']) {
    const pem = readFileSync(join(hosts.get(name).dataDir, 'pki', 'apiserver.crt'));
    assert.match(new X509Certificate(pem).subjectAltName ?? '', /DNS:extra\.example/, name);
  }
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

test('a node’s name belongs to the host that has it', { skip }, async () => {
  const join = [...joinNode, '--name', 'n1', '--runtime', 'simulated'];
  await refused('n2', join, /node called n1 already, at \S+, and it is Ready; .*--name/);
});

test('a host that belongs to a cluster joins no other', { skip }, async () => {
  const again = await hosts.kubets('n1', joinNode);
  assert.equal(again.code, 2);
  assert.match(again.err, /already belongs to the cluster.*"kubets reset" takes it out/);
});

test('a node’s certificates are made anew, one process after the other', { skip }, async () => {
  const before = pidsOf('n1');
  await kubets('n1', ['certs', 'rotate']);
  assert.equal((await hosts.kubets('n1', ['certs', 'status'])).code, 0);
  const now = pidsOf('n1');
  assert.equal(now.supervisor, before.supervisor);
  for (const pid of before.processes) assert.ok(!now.processes.includes(pid));
});

test('an upgrade exchanges the supervisor, too', { skip }, async () => {
  const before = pidsOf('n1');
  // Where the kernel puts the stack differs from one program to the next.
  const place = () =>
    readFileSync(`/proc/${before.supervisor}/maps`, 'utf8').match(/^(\S+) .*\[stack\]$/m)?.[1];
  const old = place();
  const { err } = await kubets('n1', ['upgrade']);
  assert.match(err, /go on with the next host/);
  const now = pidsOf('n1');
  // The same process, as whoever started it sees it, with another program in it.
  assert.equal(now.supervisor, before.supervisor);
  assert.notEqual(place(), old);
  for (const pid of before.processes) assert.ok(!now.processes.includes(pid));
  await hosts.kubectl('m2', ['wait', '--for=condition=Ready', 'node/n1', '--timeout=60s']);
});

test('the cluster goes on without the master whose plug is pulled', { skip }, async () => {
  await hosts.kill('m1');
  await hosts.kubectl('m2', ['scale', 'deployment', 'web', '--replicas', '4']);
  await eventually('four ready pods', 60_000, async () => {
    const ready = ['get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}'];
    assert.equal(await hosts.kubectl('m2', ready), '4');
  });
  await hosts.kubectl('m2', ['wait', '--for=condition=Ready', 'node/n1', '--timeout=60s']);
  // The two that are left cannot do without each other.
  const before = pidsOf('m2');
  for (const words of [['upgrade'], ['certs', 'rotate']]) {
    const { code, err } = await hosts.kubets('m2', words);
    assert.equal(code, 1, err);
    assert.match(err, /without m1, which does not answer.*etcd member remove m1/);
  }
  assert.deepEqual(pidsOf('m2'), before);
});

test('the last of three masters goes on alone, and leads nobody to those that are lost', {
  skip,
}, async () => {
  const revision = async () =>
    Number(
      JSON.parse(await hosts.kubectl('m2', ['get', '--raw', '/api/v1/nodes'])).metadata
        .resourceVersion,
    );
  const seen = await revision();
  await hosts.kill('m3');
  const careful = await hosts.kubets('m2', ['recover']);
  assert.equal(careful.code, 2);
  assert.match(careful.err, /only when the others never come back.*--others-are-lost/);
  const { out } = await kubets('m2', ['recover', '--others-are-lost']);
  assert.match(out, /^m2 is now the only member/);
  assert.doesNotMatch(out, /Next:/);
  // What the lost ones wrote last may have been seen.
  assert.ok((await revision()) > seen + 1_000_000);
  const line = (await kubets('m2', ['token', 'create', '--print-join-command'])).out;
  assert.ok(line.includes(`${hosts.get('m2').address}:6443`), line);
  // The node goes on, and hears of what comes next.
  await hosts.kubectl('m2', ['scale', 'deployment', 'web', '--replicas', '5']);
  await hosts.kubectl('m2', ['rollout', 'status', 'deployment/web', '--timeout=90s']);
});

test('the cluster comes back from a backup on a host with another address', { skip }, async () => {
  const file = join(hosts.dir, 'backup');
  await kubets('m2', ['backup', file]);
  await hosts.kill('m2');
  const { err } = await kubets('n2', ['restore', file]);
  assert.match(err, /back with one master.*\n.*"kubets reset", then let it join again/);
  const web = ['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}'];
  assert.equal(await hosts.kubectl('n2', web), '5');
  // Its masters are gone: it leaves what it cannot find, and joins what it is told of.
  await kubets('n1', ['reset']);
  const line = (await kubets('n2', ['token', 'create', '--print-join-command'])).out.trim();
  assert.ok(line.includes(`${hosts.get('n2').address}:6443`), line);
  const words = [...line.split(' ').slice(1), '--name', 'n1', '--runtime', 'simulated'];
  await kubets('n1', words);
  await hosts.kubectl('n2', ['wait', '--for=condition=Ready', 'node/n1', '--timeout=60s']);
  await hosts.kubectl('n2', ['rollout', 'status', 'deployment/web', '--timeout=60s']);
});

test('a host that leaves leaves nothing behind, however often it is told', { skip }, async () => {
  await kubets('n1', ['reset']);
  assert.deepEqual(readdirSync(hosts.get('n1').dataDir), []);
  const again = await kubets('n1', ['reset']);
  assert.match(again.err, /nothing was left/);
  await kubets('m1', ['reset', '--local']);
  assert.deepEqual(readdirSync(hosts.get('m1').dataDir), []);
});
