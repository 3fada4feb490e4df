/** What must hold in the end however late caches hear of things and whoever leads meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  ConfigMap,
  EndpointSlice,
  Endpoints,
  OwnerReference,
  Pod,
  Service,
} from '@kubets/api';
import { seededRandom } from '@kubets/platform';
import { endpointSliceController, endpointsController } from '../endpoints/reconciler.ts';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { isDeleting, nameOf } from '../objects/meta.ts';
import { service } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';

const SEEDS = [1, 2, 3, 4];

describe('services on slow watches', () => {
  for (const seed of SEEDS) {
    it(`show every pod exactly once (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const cluster = new TestCluster({
        controllers: (deps) => [endpointsController(deps), endpointSliceController(deps)],
        lagging: true,
        seed,
      });
      await cluster.start();
      cluster.addNode({ metadata: { name: 'n' } });
      const { apiVersion, kind, spec } = service('web');
      const metadata = { name: 'web', namespace: 'default' };
      await cluster.create<Service>('services', {
        apiVersion,
        kind,
        metadata,
        ...(spec ? { spec } : {}),
      });
      for (let i = 0; i < 60; i++) {
        if (random.int(3) > 0) {
          await cluster.create<Pod>('pods', {
            metadata: { name: `p${i}`, namespace: 'default', labels: { app: 'web' } },
            spec: { containers: [{ name: 'c', image: 'v1' }], nodeName: 'n' },
          });
        } else {
          const names = cluster.names('pods');
          const victim = names[random.int(names.length)];
          if (victim !== undefined) await cluster.delete('pods', victim);
        }
        await cluster.turn(10);
        if (random.int(15) === 0) cluster.failover();
      }
      await cluster.settle();
      const wanted = cluster
        .list<Pod>('pods')
        .map((pod) => pod.status?.podIP ?? '')
        .sort();
      const slices = cluster.list<EndpointSlice>('endpointslices');
      const shown = slices.flatMap((s) => s.endpoints ?? []).flatMap((e) => e.addresses);
      assert.deepEqual(shown.sort(), wanted);
      const { subsets = [] } = cluster.get<Endpoints>('endpoints', 'web');
      const listed = subsets.flatMap((s) => s.addresses ?? []).map((a) => a.ip);
      assert.deepEqual(listed.sort(), wanted);
      await cluster.stop();
    });
  }
});

describe('owners on slow watches', () => {
  const reference = (owner: ConfigMap): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: nameOf(owner),
    uid: owner.metadata.uid ?? '',
    blockOwnerDeletion: true,
  });

  /** Names that must be gone: those whose owners are all gone, and so on down. */
  function doomed(
    all: ReadonlyMap<string, { owners: string[] }>,
    deleted: Set<string>,
  ): Set<string> {
    const gone = new Set(deleted);
    for (let before = -1; before !== gone.size; ) {
      before = gone.size;
      for (const [name, { owners }] of all) {
        if (owners.length > 0 && owners.every((owner) => gone.has(owner))) gone.add(name);
      }
    }
    return gone;
  }

  for (const seed of SEEDS) {
    it(`leave exactly what has an owner, or never had one (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const cluster = new TestCluster({
        controllers: (deps) => [garbageCollector(deps)],
        lagging: true,
        seed,
      });
      await cluster.start();
      const made: ConfigMap[] = [];
      const family = new Map<string, { owners: string[] }>();
      const deleted = new Set<string>();
      for (let i = 0; i < 40; i++) {
        const alive = made.filter((map) => !doomed(family, deleted).has(nameOf(map)));
        const owners = alive.filter(() => random.int(4) === 0).slice(0, 2);
        const map = await cluster.create<ConfigMap>('configmaps', {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {
            name: `m${i}`,
            namespace: 'default',
            ownerReferences: owners.map(reference),
          },
        });
        made.push(map);
        family.set(nameOf(map), { owners: owners.map(nameOf) });
        await cluster.turn(10);
        const victim = alive[random.int(alive.length * 3)];
        if (victim && !isDeleting(victim)) {
          const foreground = random.int(2) === 0;
          await cluster.delete(
            'configmaps',
            nameOf(victim),
            foreground ? 'Foreground' : 'Background',
          );
          deleted.add(nameOf(victim));
        }
        if (random.int(12) === 0) cluster.failover();
      }
      await cluster.settle();
      const gone = doomed(family, deleted);
      assert.deepEqual(
        cluster.names('configmaps'),
        [...family.keys()].filter((name) => !gone.has(name)).sort(),
      );
      await cluster.stop();
    });
  }
});
