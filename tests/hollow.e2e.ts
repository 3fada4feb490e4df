/** Many simulated nodes in one process: the short form of the node-count benchmark. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestCluster } from './support/cluster.ts';
import { eventually } from './support/shell.ts';

const NODES = 20;
const PODS = 200;
const LIMIT_MS = 120_000;

let cluster: TestCluster;

before(async () => {
  const shape = ['--masters', '1', '--nodes', '0', '--hollow-nodes', String(NODES)];
  cluster = await TestCluster.create(shape);
  await cluster.start();
});

after(() => cluster?.destroy());

test('all nodes are Ready', async () => {
  const lines = (await cluster.kubectl(['get', 'nodes', '--no-headers'])).trim().split('\n');
  assert.equal(lines.length, NODES);
  assert.ok(lines.every((line) => / Ready /.test(line)));
});

test('every pod of a large deployment runs, spread over the nodes', async () => {
  const make = ['create', 'deployment', 'many', '--image=example.com/many:1'];
  await cluster.kubectl([...make, `--replicas=${PODS}`]);
  await eventually('all pods run', LIMIT_MS, async () => {
    const path = '{.status.readyReplicas}';
    const ready = await cluster.kubectl(['get', 'deployment', 'many', '-o', `jsonpath=${path}`]);
    assert.equal(Number(ready), PODS);
  });
  const path = '{range .items[*]}{.spec.nodeName}{"\\n"}{end}';
  const nodes = await cluster.kubectl(['get', 'pods', '-o', `jsonpath=${path}`]);
  const used = new Set(nodes.trim().split('\n'));
  assert.equal(used.size, NODES);
});

test('deleting the deployment removes its pods', async () => {
  await cluster.kubectl(['delete', 'deployment', 'many']);
  await eventually('no pod is left', LIMIT_MS, async () => {
    assert.equal((await cluster.kubectl(['get', 'pods', '-o', 'name'])).trim(), '');
  });
});
