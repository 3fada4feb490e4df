import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ControllerRevision, DaemonSet, Pod } from '@kubets/api';
import { targetNode } from '../daemonset/nodes.ts';
import { daemonSetController } from '../daemonset/reconciler.ts';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { templateOf } from '../history/revisions.ts';
import { isDeleting } from '../objects/meta.ts';
import { node } from '../testing/builders.ts';
import { type ClusterOptions, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

async function start(options: Partial<ClusterOptions> = {}): Promise<void> {
  cluster = new TestCluster({
    controllers: (deps) => [daemonSetController(deps), garbageCollector(deps)],
    ...options,
  });
  for (const name of ['a', 'b', 'c']) cluster.addNode(node(name));
  await cluster.start();
}

afterEach(() => cluster.stop());

const daemons = (): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'ds', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'ds' } },
    revisionHistoryLimit: 10,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    template: {
      metadata: { labels: { app: 'ds' } },
      spec: { containers: [{ name: 'c', image: 'v1' }] },
    },
  },
});

const setImage = (image: string) =>
  cluster.change<DaemonSet>('daemonsets', 'ds', (ds) => {
    const container = ds.spec?.template.spec?.containers[0];
    if (container) container.image = image;
  });
const places = (): string[] =>
  cluster
    .list<Pod>('pods')
    .filter((pod) => !isDeleting(pod))
    .map((pod) => `${targetNode(pod)}:${pod.spec?.containers[0]?.image}`)
    .sort();
const status = () => cluster.get<DaemonSet>('daemonsets', 'ds').status;

describe('a daemon set', () => {
  it('is on every node, new ones too, and leaves with them', async () => {
    await start();
    await cluster.create('daemonsets', daemons());
    await cluster.settle();
    assert.deepEqual(places(), ['a:v1', 'b:v1', 'c:v1']);
    assert.equal(status()?.numberAvailable, 3);
    cluster.addNode(node('d'));
    await cluster.settle();
    assert.deepEqual(places(), ['a:v1', 'b:v1', 'c:v1', 'd:v1']);
    await cluster.delete('daemonsets', 'ds');
    await cluster.settle();
    assert.deepEqual([...places(), ...cluster.names('controllerrevisions')], []);
  });

  it('is updated node by node, and its history goes back', async () => {
    await start({ gracefulPods: true });
    await cluster.create('daemonsets', daemons());
    await cluster.settle();
    await setImage('v2');
    await cluster.until('all nodes have the new version', () => {
      assert.ok(places().length >= 2, 'more than one node without a daemon');
      return places().join() === 'a:v2,b:v2,c:v2' && status()?.numberAvailable === 3;
    });
    const revisions = cluster.list<ControllerRevision>('controllerrevisions');
    assert.deepEqual(revisions.map((r) => r.revision).sort(), [1, 2]);
    const first = revisions.find((r) => r.revision === 1);
    assert.equal(first && templateOf(first)?.spec?.containers[0]?.image, 'v1');
    await setImage('v1');
    await cluster.settle();
    assert.deepEqual(places(), ['a:v1', 'b:v1', 'c:v1']);
    const numbers = cluster.list<ControllerRevision>('controllerrevisions').map((r) => r.revision);
    assert.deepEqual(numbers.sort(), [2, 3]);
  });

  it('replaces a daemon that keeps failing, slower each time', async () => {
    await start();
    cluster.outcomes.set('bad', 'Failed');
    const ds = daemons();
    if (ds.spec?.template.spec) ds.spec.template.spec.containers = [{ name: 'c', image: 'bad' }];
    await cluster.create('daemonsets', ds);
    await cluster.pass(60_000, 500);
    const failures = cluster.events().filter((e) => e.startsWith('FailedDaemonPod'));
    assert.ok(failures.length >= 3, `${failures.length} failures told`);
    const created = cluster.api.requests.filter(
      (r) => r.verb === 'create' && r.resource === 'pods',
    );
    assert.ok(created.length < 40, `${created.length} pods made`);
  });

  it('replaces a daemon that ended well, and says that it did', async () => {
    await start();
    let ends = 1;
    cluster.outcomes.set('v1', () => (ends-- > 0 ? 'Succeeded' : undefined));
    await cluster.create('daemonsets', daemons());
    await cluster.settle();
    assert.equal(places().length, 3);
    const told = cluster.events().filter((event) => event.includes('succeeded daemon pod'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^SucceededDaemonPod: .* on node [abc], will try to delete it$/);
    assert.ok(!cluster.events().some((event) => event.startsWith('FailedDaemonPod')));
  });

  for (const seed of [1, 2, 3]) {
    it(`never has two on a node, whoever leads and however late it hears (seed ${seed})`, async () => {
      await start({ lagging: true, seed });
      await cluster.create('daemonsets', daemons());
      for (let i = 0; i < 40; i++) {
        await cluster.turn(20);
        if (i % 10 === 5) await setImage(`v${i}`);
        if (i % 7 === 3) cluster.failover();
        const nodes = places().map((place) => place.split(':')[0]);
        assert.equal(new Set(nodes).size, nodes.length, places().join());
      }
      await setImage('final');
      await cluster.settle();
      assert.deepEqual(places(), ['a:final', 'b:final', 'c:final']);
    });
  }
});
