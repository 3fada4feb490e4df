import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap, Pod } from '@kubets/api';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { Informer, type InformerOptions } from './informer.ts';

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

function setup(options: Partial<InformerOptions<ConfigMap>> = {}) {
  const clock = new ManualClock();
  const api = new FakeApi({ clock });
  const informer = new Informer<ConfigMap>({
    api,
    gv: 'v1',
    resource: 'configmaps',
    clock,
    random: seededRandom(1),
    log: silentLogger,
    ...options,
  });
  const seen: string[] = [];
  informer.on({
    add: (object) => seen.push(`add ${object.metadata.name}`),
    update: (old, object) => seen.push(`update ${old.data?.n} ${object.data?.n}`),
    delete: (object) => seen.push(`delete ${object.metadata.name}`),
  });
  return { clock, api, informer, seen, maps: api.resource<ConfigMap>('v1', 'configmaps') };
}

describe('Informer', () => {
  it('lists, then follows every change', async () => {
    const { api, informer, seen, maps } = setup();
    await maps.create(configMap('a', { n: '1' }));
    assert.equal(informer.synced(), false);
    informer.start();
    await informer.whenSynced();
    await api.settle();
    assert.equal(informer.get('default/a')?.data?.n, '1');
    await maps.create(configMap('b'));
    const a = await maps.get('default', 'a');
    await maps.update({ ...a, data: { n: '2' } });
    await maps.delete('default', 'b');
    await api.settle();
    assert.deepEqual(seen, ['add a', 'add b', 'update 1 2', 'delete b']);
    assert.deepEqual(informer.keys(), ['default/a']);
    informer.stop();
  });

  it('takes over a long list in several turns, and is synced only with all of it', async () => {
    const { clock, api, informer } = setup();
    for (let i = 0; i < 1_000; i += 1) api.seed('v1', 'configmaps', configMap(`m${i}`));
    let added = 0;
    let turns = 0;
    informer.on({
      add: () => {
        added += 1;
        clock.advance(1);
      },
    });
    const count = (): void => {
      turns += 1;
      if (added < 1_000) setImmediate(count);
    };
    informer.start();
    setImmediate(count);
    await informer.whenSynced();
    assert.equal(added, 1_000);
    assert.ok(turns > 50, `${turns} turns`);
    informer.stop();
    await api.settle();
  });

  it('shows what it knows to handlers that come late, and none to those that left', async () => {
    const { api, informer, maps } = setup();
    await maps.create(configMap('a'));
    informer.start();
    await informer.whenSynced();
    const seen: string[] = [];
    const off = informer.on({ add: (object) => seen.push(object.metadata.name ?? '') });
    assert.deepEqual(seen, ['a']);
    off();
    await maps.create(configMap('b'));
    await api.settle();
    assert.deepEqual(seen, ['a']);
    informer.stop();
  });

  it('goes on from the last version after a broken watch, missing and repeating nothing', async () => {
    const { clock, api, informer, seen, maps } = setup();
    informer.start();
    await informer.whenSynced();
    await api.settle();
    await maps.create(configMap('a'));
    await api.settle();
    api.breakWatches(new TransportError('connection lost', { ambiguous: false }));
    await maps.create(configMap('b'));
    await api.settle();
    assert.deepEqual(seen, ['add a']);
    clock.advance(1_000);
    await api.settle();
    assert.deepEqual(seen, ['add a', 'add b']);
    assert.equal(api.requests.filter(({ verb }) => verb === 'list').length, 1);
    informer.stop();
  });

  it('lists again when its version is gone, and finds what changed meanwhile', async () => {
    const { clock, api, informer, seen, maps } = setup();
    await maps.create(configMap('kept'));
    await maps.create(configMap('gone', { n: '1' }));
    await maps.create(configMap('changed', { n: '1' }));
    informer.start();
    await informer.whenSynced();
    await api.settle();
    seen.length = 0;
    api.breakWatches();
    await maps.delete('default', 'gone');
    await maps.create(configMap('new'));
    const changed = await maps.get('default', 'changed');
    await maps.update({ ...changed, data: { n: '2' } });
    api.compact();
    for (let i = 0; i < 4; i += 1) {
      clock.advance(2_000);
      await api.settle();
    }
    assert.deepEqual(seen.toSorted(), ['add new', 'delete gone', 'update 1 2']);
    assert.equal(api.requests.filter(({ verb }) => verb === 'list').length, 2);
    informer.stop();
  });

  it('keeps trying when the API refuses, and is not synced before', async () => {
    const { clock, api, informer, maps } = setup();
    await maps.create(configMap('a'));
    let refusals = 3;
    api.intercept = ({ verb }) => {
      if (verb !== 'list' || refusals === 0) return;
      refusals -= 1;
      throw new TransportError('down', { ambiguous: false });
    };
    informer.start();
    await api.settle();
    assert.equal(informer.synced(), false);
    for (let i = 0; i < 4; i += 1) {
      clock.advance(20_000);
      await api.settle();
    }
    assert.equal(informer.synced(), true);
    assert.equal(informer.size, 1);
    informer.stop();
  });

  it('keeps indexes up to date', async () => {
    const { api, informer, maps } = setup({
      indexers: { color: (object) => [object.data?.color ?? 'none'] },
    });
    informer.start();
    await informer.whenSynced();
    await api.settle();
    const a = await maps.create(configMap('a', { color: 'red' }));
    await api.settle();
    assert.equal(informer.byIndex('color', 'red').length, 1);
    await maps.update({ ...a, data: { color: 'blue' } });
    await api.settle();
    assert.equal(informer.byIndex('color', 'red').length, 0);
    assert.equal(informer.byIndex('color', 'blue').length, 1);
    informer.stop();
  });

  it('survives a handler that throws', async () => {
    const { api, informer, seen, maps } = setup();
    informer.on({
      add: () => {
        throw new Error('broken handler');
      },
    });
    informer.start();
    await informer.whenSynced();
    await api.settle();
    await maps.create(configMap('a'));
    await api.settle();
    assert.deepEqual(seen, ['add a']);
    assert.equal(informer.size, 1);
    informer.stop();
  });

  it('stops for good, and leaves no timer', async () => {
    const { clock, api, informer, seen, maps } = setup();
    informer.start();
    await informer.whenSynced();
    await api.settle();
    informer.stop();
    await maps.create(configMap('late'));
    await api.settle();
    assert.deepEqual(seen, []);
    assert.equal(clock.pendingTimers, 0);
  });

  it('follows only what its selector shows: objects come into view and leave it', async () => {
    const clock = new ManualClock();
    const api = new FakeApi({ clock });
    const pods = api.resource<Pod>('v1', 'pods');
    const informer = new Informer<Pod>({
      api,
      gv: 'v1',
      resource: 'pods',
      fieldSelector: 'spec.nodeName=node-1',
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    informer.start();
    await informer.whenSynced();
    await api.settle();
    const containers = [{ name: 'main', image: 'busybox' }];
    await pods.create({ metadata: { name: 'p', namespace: 'default' }, spec: { containers } });
    await api.settle();
    assert.equal(informer.size, 0);
    const target = { target: { kind: 'Node', name: 'node-1' } };
    await pods.createSubresource('default', 'p', 'binding', target);
    await api.settle();
    assert.equal(informer.size, 1);
    informer.stop();
  });
});
