import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Node } from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { nodeTtlController } from './reconciler.ts';
import { ClusterSize } from './steps.ts';

const TTL = 'node.alpha.kubernetes.io/ttl';

describe('the size of a cluster', () => {
  it('lets nodes keep what they read for longer, and a node more or less changes nothing', () => {
    const size = new ClusterSize();
    const grow = (to: number, from: number): number => {
      for (let at = from; at < to; at += 1) size.add(1);
      return size.ttlSeconds;
    };
    const shrink = (from: number, to: number): number => {
      for (let at = from; at > to; at -= 1) size.add(-1);
      return size.ttlSeconds;
    };
    assert.equal(grow(100, 0), 0);
    assert.equal(grow(101, 100), 15);
    assert.equal(shrink(101, 90), 15);
    assert.equal(shrink(90, 89), 0);
    assert.equal(grow(501, 89), 30);
    assert.equal(grow(1001, 501), 60);
    assert.equal(grow(2001, 1001), 300);
    assert.equal(shrink(2001, 1800), 300);
    assert.equal(shrink(1800, 1799), 60);
  });
});

describe('nodes', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = new TestCluster({ controllers: (deps) => [nodeTtlController(deps)] });
    await cluster.start();
  });
  afterEach(() => cluster.stop());

  const node = (name: string, annotations = {}): Node => ({
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, annotations } },
  });
  const ttlOf = (name: string) => cluster.get('nodes', name).metadata.annotations?.[TTL];

  it('are told, and told again when that was changed', async () => {
    cluster.addNode(node('n', { other: 'x', [TTL]: 'soon' }));
    await cluster.settle();
    assert.deepEqual(cluster.get('nodes', 'n').metadata.annotations, { other: 'x', [TTL]: '0' });
    await cluster.change('nodes', 'n', ({ metadata }) => {
      metadata.annotations = {};
    });
    await cluster.settle();
    assert.equal(ttlOf('n'), '0');
  });
});
