/**
 * A highly available cluster with simulated containers, used with stock kubectl and etcdctl, with its masters killed one after
 * the other and then all at once.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTimeOf } from '../packages/cluster/src/runtime/processes.ts';
import { kubets, TestCluster } from './support/cluster.ts';
import { eventually, needProgram } from './support/shell.ts';

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: example.com/web:1, resources: {requests: {cpu: 10m}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;

let cluster: TestCluster;

before(async () => {
  await needProgram('etcdctl', 'etcd-client');
  cluster = await TestCluster.create(['--runtime', 'simulated']);
  await cluster.start();
});

after(() => cluster?.destroy());

test('the cluster serves kubectl and its node is Ready', async () => {
  assert.match(await cluster.kubectl(['version']), /Server Version: v1\.32/);
  assert.match(await cluster.kubectl(['get', 'nodes', '--no-headers']), /^node-1 +Ready /m);
  const doors = await cluster.kubectl(['cluster-info']);
  assert.match(doors, new RegExp(`https://127.0.0.1:${cluster.port}`));
});

test('starting twice on the same data directory says so', async () => {
  const again = await kubets(['up', '--data-dir', cluster.dir]);
  assert.equal(again.code, 2);
  assert.match(again.err, /^kubets: a cluster already runs from .* \(pid \d+\);.*status.*down/);
  assert.equal(again.err.trim().split('\n').length, 1);
});

test('a deployment rolls out, scales, rolls back; its service has its pods', async () => {
  await cluster.apply(WEB);
  const rollout = ['rollout', 'status', 'deployment/web', '--timeout=60s'];
  await cluster.kubectl(rollout);
  await cluster.kubectl(['scale', 'deployment', 'web', '--replicas=5']);
  await cluster.kubectl(rollout);
  await eventually('five addresses behind the service', 10_000, async () => {
    const path = '{.subsets[*].addresses[*].ip}';
    const ips = await cluster.kubectl(['get', 'endpoints', 'web', '-o', `jsonpath=${path}`]);
    assert.equal(ips.split(' ').length, 5);
  });
  await cluster.kubectl(['set', 'env', 'deployment/web', 'X=1']);
  await cluster.kubectl(rollout);
  await cluster.kubectl(['rollout', 'undo', 'deployment/web']);
  await cluster.kubectl(rollout);
  const history = await cluster.kubectl(['rollout', 'history', 'deployment/web']);
  assert.equal(history.split('\n').filter((line) => /^\d/.test(line)).length, 2);
});

test('a bad object is refused with every reason', async () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'Bad_Name' },
    spec: { containers: [] },
  };
  const refused = await cluster.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /metadata\.name: Invalid value: "Bad_Name"/);
  assert.match(refused.err, /spec\.containers: Required value/);
});

/** Writes configmaps until stopped; knows which ones were acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly #prefix: string;
  #running = true;
  readonly #done: Promise<void>;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #write(): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const name = `${this.#prefix}-${i}`;
      const made = await cluster.tryKubectl(['create', 'configmap', name, '--from-literal=a=b']);
      if (made.code === 0) this.acknowledged.push(name);
    }
  }
}

async function configMaps(): Promise<Set<string>> {
  const names = await cluster.kubectl(['get', 'configmaps', '-o', 'name']);
  return new Set(
    names
      .trim()
      .split('\n')
      .map((name) => name.replace('configmap/', '')),
  );
}

/** The address of a Service, once it has one. */
const addressOf = (name: string): Promise<string> =>
  eventually(`an address for ${name}`, 60_000, async () => {
    const path = '{.status.loadBalancer.ingress[0].ip}';
    const ip = await cluster.kubectl(['get', 'service', name, '-o', `jsonpath=${path}`]);
    assert.notEqual(ip, '');
    return ip;
  });

test('load balancers get addresses of their own, whoever leads; deleting one frees its address', async () => {
  const expose = (name: string) =>
    cluster.kubectl([
      ...['expose', 'deployment', 'web', '--type', 'LoadBalancer'],
      ...['--port', '80', '--name', name],
    ]);
  const leader = async (): Promise<string> => {
    const lease = ['get', 'lease', '-n', 'kube-system', 'cloud-controller-manager'];
    return cluster.kubectl([...lease, '-o', 'jsonpath={.spec.holderIdentity}']);
  };
  await expose('first');
  const first = await addressOf('first');
  assert.match(await cluster.kubectl(['get', 'service', 'first', '--no-headers']), / 10\.97\.0\./);
  const leading = await leader();
  const victim = cluster.processes().find(({ name }) => name === leading);
  assert.ok(victim, leading);
  await cluster.killAndAwaitReturn(victim);
  await expose('second');
  const second = await addressOf('second');
  assert.notEqual(second, first);
  assert.equal(await addressOf('first'), first);
  await cluster.kubectl(['delete', 'service', 'first', '--timeout=60s']);
  await expose('third');
  assert.equal(await addressOf('third'), first);
  await cluster.kubectl(['delete', 'service', 'second', 'third', '--timeout=60s']);
});

for (const role of ['etcd', 'apiserver', 'scheduler', 'controller-manager']) {
  test(`killing any ${role} loses nothing and stops nobody for long`, async () => {
    const writer = new Writer(role);
    for (const victim of cluster.ofRole(role)) {
      const killed = cluster.killAndAwaitReturn(victim);
      const before = writer.acknowledged.length;
      await eventually(`writes go on after ${victim.name} died`, 20_000, async () => {
        assert.ok(writer.acknowledged.length > before + 2);
      });
      await killed;
      await eventually(`${victim.name} is ready`, 30_000, async () => {
        const { out } = await kubets(['status', '--data-dir', cluster.dir, '--json']);
        const { processes } = JSON.parse(out) as { processes: { name: string; state: string }[] };
        assert.equal(processes.find((one) => one.name === victim.name)?.state, 'ready');
      });
    }
    await writer.stop();
    const there = await configMaps();
    assert.deepEqual(
      writer.acknowledged.filter((name) => !there.has(name)),
      [],
    );
  });
}

async function hashes(): Promise<string[]> {
  const text = await cluster.etcdctl(['endpoint', 'hashkv', '--cluster', '-w', 'json']);
  const rows = JSON.parse(text) as { HashKV: { hash: number; header: { revision: number } } }[];
  return rows.map(({ HashKV }) => `${HashKV.hash}`);
}

test('a power loss during writes loses nothing acknowledged, and the members agree', async () => {
  const writer = new Writer('power');
  await eventually('some writes', 20_000, async () => {
    assert.ok(writer.acknowledged.length >= 5);
  });
  const { supervisor } = JSON.parse(
    (await kubets(['status', '--data-dir', cluster.dir, '--json'])).out,
  ) as { supervisor: number };
  // The supervisor first, so that nothing is started again; then all the others in one go.
  for (const pid of [supervisor, ...cluster.processes().map((one) => one.pid)]) {
    process.kill(pid, 'SIGKILL');
  }
  await writer.stop();
  await cluster.start();
  const there = await configMaps();
  assert.deepEqual(
    writer.acknowledged.filter((name) => !there.has(name)),
    [],
  );
  await eventually('members agree', 20_000, async () => {
    const all = await hashes();
    assert.equal(all.length, 3);
    assert.equal(new Set(all).size, 1, all.join(' '));
  });
  await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
});

test('stopping and starting again brings the same objects back', async () => {
  const before = await cluster.kubectl([
    'get',
    'deployment',
    'web',
    '-o',
    'jsonpath={.metadata.uid}',
  ]);
  await cluster.stop();
  await cluster.start();
  const uid = await cluster.kubectl(['get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}']);
  assert.equal(uid, before);
});

/** Its parent may be gone, and nobody there yet to take note of its end. */
const isAlive = (pid: number): boolean => startTimeOf(pid) !== undefined;

test('down leaves no process', async () => {
  const pids = cluster.processes().map((one) => one.pid);
  await cluster.stop();
  assert.deepEqual(pids.filter(isAlive), []);
});

test('down ends what a killed supervisor has left, and status says what that is', async () => {
  await cluster.start();
  const pids = cluster.processes().map((one) => one.pid);
  const words = ['status', '--data-dir', cluster.dir];
  const { supervisor } = JSON.parse((await kubets([...words, '--json'])).out);
  process.kill(supervisor, 'SIGKILL');
  await eventually('the supervisor has ended', 10_000, async () => {
    const { code, err } = await kubets(words);
    assert.equal(code, 1);
    assert.match(err, /its supervisor has ended.*"kubets up" takes over, "kubets down" ends/);
  });
  await cluster.stop();
  assert.deepEqual(pids.filter(isAlive), []);
});
