/**
 * `deploy/compose.yaml` on this machine: node containers without privileges run pods that reach each other. With stock kubectl. Not part
 * of `npm test`: nine containers want a machine for themselves. `node --test tests/compose.long.ts`, as root.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ComposeCluster } from './support/compose.ts';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/image.ts';
import { eventually } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env.CI === 'true' ? false : 'SKIPPED: docker needs root';
const PATIENCE_MS = 300_000;

const web = (node: string, name: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: ${BUSYBOX_IMAGE}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'mkdir -p /www; echo ${name} > /www/who; exec busybox httpd -f -p 80 -h /www']
---
`;
const service = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`;

let cluster: ComposeCluster;
const dir = mkdtempSync(join(tmpdir(), 'kubets-compose-image-'));

before(async () => {
  if (skip !== false) return;
  cluster = await ComposeCluster.create();
  await writeBusyboxImage(join(dir, 'busybox.tar'));
});
after(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
});

const podsOf = async (): Promise<{ name: string; ip: string; isReady: boolean }[]> => {
  const list = JSON.parse(await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'json']));
  return list.items.map((pod: Record<string, Record<string, unknown>>) => ({
    name: pod.metadata?.name,
    ip: pod.status?.podIP ?? '',
    isReady: JSON.stringify(pod.status?.conditions ?? []).includes(
      '"status":"True","type":"Ready"',
    ),
  }));
};

/** Every pod asks every other one, and the Service by its name. */
async function everybodyTalks(): Promise<void> {
  await eventually('both pods are ready and reach each other', PATIENCE_MS, async () => {
    const pods = await podsOf();
    for (const from of pods) {
      const ask = (host: string) =>
        `printf 'GET /who HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 ${host} 80`;
      const targets = [...pods.map((pod) => pod.ip), 'web'];
      const words = ['exec', from.name, '--', 'sh', '-c', targets.map(ask).join('; ')];
      const answers = await cluster.kubectl(words);
      for (const { name } of pods) assert.ok(answers.includes(name), `${from.name}: ${answers}`);
      assert.equal(answers.split('200 OK').length - 1, targets.length, answers);
    }
  });
}

const nodesReady = (count: number) =>
  eventually(`${count} nodes are Ready`, PATIENCE_MS, async () => {
    const nodes = await cluster.kubectl(['get', 'nodes', '--no-headers']);
    assert.equal(nodes.match(/ Ready /g)?.length, count, nodes);
  });

test('nodes in containers join by their names', { skip }, async () => {
  await cluster.up(2);
  try {
    await nodesReady(2);
  } catch (error) {
    throw new Error(await cluster.lastWords(), { cause: error });
  }
  await cluster.kubectl(['get', 'node', cluster.nodeName(1), cluster.nodeName(2)]);
});

test('pods of two nodes reach each other, and a Service by its name', { skip }, async () => {
  for (const n of [1, 2]) await cluster.load(n, join(dir, 'busybox.tar'));
  const pods = [1, 2].map((n) => web(cluster.nodeName(n), `web-${n}`)).join('');
  await eventually('pods are taken', PATIENCE_MS, () =>
    cluster.kubectl(['apply', '-f', '-'], pods + service),
  );
  await everybodyTalks();
});

test('a load balancer’s address answers from a container of the network', { skip }, async () => {
  await cluster.kubectl(['expose', 'service', 'web', '--name=front', '--type=LoadBalancer']);
  await eventually('the address answers', PATIENCE_MS, async () => {
    const path = '{.status.loadBalancer.ingress[0].ip}';
    const address = await cluster.kubectl(['get', 'service', 'front', '-o', `jsonpath=${path}`]);
    assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
    const ask = `exec 3<>/dev/tcp/${address}/80; printf 'GET /who HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
    const answer = await cluster.docker([
      'exec',
      cluster.outsider,
      'timeout',
      '5',
      'bash',
      '-c',
      ask,
    ]);
    assert.match(answer, /200 OK[\s\S]*web-[12]/);
  });
});

test('a node container made anew is the same node, with its images and pods', {
  skip,
}, async () => {
  await cluster.docker(['rm', '-f', cluster.node(2)]);
  await cluster.up(2);
  await nodesReady(2);
  await everybodyTalks();
});

const moving = `apiVersion: apps/v1
kind: Deployment
metadata: {name: moving}
spec:
  replicas: 2
  selector: {matchLabels: {app: moving}}
  template:
    metadata: {labels: {app: moving}}
    spec:
      terminationGracePeriodSeconds: 1
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: moving}}}}
      containers:
      - {name: c, image: ${BUSYBOX_IMAGE}, imagePullPolicy: IfNotPresent, command: [busybox, sleep, '100000']}
`;

/** Nodes of the Deployment's pods that run and are not going away. */
async function movingOn(): Promise<string[]> {
  const list = await cluster.kubectl(['get', 'pods', '-l', 'app=moving', '-o', 'json']);
  const pods: {
    metadata: { deletionTimestamp?: string };
    spec: { nodeName?: string };
    status: object;
  }[] = JSON.parse(list).items;
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .filter((pod) => JSON.stringify(pod.status).includes('"status":"True","type":"Ready"'))
    .map((pod) => pod.spec.nodeName ?? '')
    .sort();
}

test('of a lost node the pods move, and nobody asks its name server; it comes back', {
  skip,
}, async (t) => {
  const [stays, goes] = [cluster.nodeName(1), cluster.nodeName(2)];
  await cluster.kubectl(['apply', '-f', '-'], moving);
  await eventually('a pod on each node', PATIENCE_MS, async () =>
    assert.deepEqual(await movingOn(), [stays, goes].sort()),
  );
  const read = (kind: string, name: string, path: string): Promise<string> =>
    cluster.kubectl(['-n', 'kube-system', 'get', kind, name, '-o', `jsonpath=${path}`]);
  const nodeReady = (): Promise<string> =>
    read('node', goes, '{.status.conditions[?(@.type=="Ready")].status}');
  const serverReady = (): Promise<string> =>
    read('endpointslice', `kube-dns-${goes}`, '{.endpoints[0].conditions.ready}');

  await cluster.docker(['kill', cluster.node(2)]);
  const killed = performance.now();
  const say = (what: string): void =>
    t.diagnostic(`${what} after ${((performance.now() - killed) / 1_000).toFixed(1)} s`);
  await eventually('the node is not ready', PATIENCE_MS, async () =>
    assert.equal(await nodeReady(), 'Unknown'),
  );
  say('not ready');
  await eventually('its name server is not ready', PATIENCE_MS, async () =>
    assert.equal(await serverReady(), 'false'),
  );
  await eventually('both pods are on the node that is left', PATIENCE_MS, async () =>
    assert.deepEqual(await movingOn(), [stays, stays]),
  );
  say('pods elsewhere');
  const lookUp =
    'for i in 1 2 3 4 5 6; do busybox nslookup web.default.svc.cluster.local || exit 1; done';
  await cluster.kubectl(['exec', 'web-1', '--', 'sh', '-c', lookUp]);

  await cluster.docker(['start', cluster.node(2)]);
  await eventually('the node and its name server are back', PATIENCE_MS, async () => {
    assert.equal(await nodeReady(), 'True');
    assert.equal(await serverReady(), 'true');
  });
  say('back');
});

test('everything comes back when the Docker daemon is started again', { skip }, async (t) => {
  if (!(await cluster.restartDaemon())) {
    t.skip(
      'SKIPPED: this daemon is not ours; with DOCKER_HOST=unix:///nowhere one is started for the test',
    );
    return;
  }
  const began = performance.now();
  await nodesReady(2);
  await everybodyTalks();
  t.diagnostic(`after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
});
