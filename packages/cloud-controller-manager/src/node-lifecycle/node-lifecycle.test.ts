import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Node } from '@kubets/api';
import { node } from '@kubets/controller-manager/testing';
import { InventoryError } from '../errors.ts';
import { readInventory } from '../local/inventory.ts';
import { World } from '../testing/world.ts';
import { actOn, lookAt, SHUTDOWN_TAINT, taintsWith } from './decide.ts';

const shut = { key: SHUTDOWN_TAINT, effect: 'NoSchedule' };
const other = { key: 'dedicated', effect: 'NoSchedule' };

describe('nodes that are not ready', () => {
  const fresh = node('n');
  fresh.status = { conditions: [] };
  const looks: [string, Node, ReturnType<typeof lookAt>][] = [
    ['a ready one', node('n'), 'nothing'],
    ['a ready one that was shut down', node('n', { taints: [shut] }), 'untaint'],
    ['one that is not ready', node('n', { ready: 'False' }), 'ask'],
    ['a silent one', node('n', { ready: 'Unknown' }), 'ask'],
    ['one that never spoke', fresh, 'nothing'],
  ];
  for (const [what, one, wanted] of looks) {
    it(`${what}: ${wanted}`, () => assert.equal(lookAt(one), wanted));
  }

  const acts: [Parameters<typeof actOn>[1], Node, ReturnType<typeof actOn>][] = [
    ['gone', node('n'), 'delete'],
    ['stopped', node('n'), 'taint'],
    ['stopped', node('n', { taints: [shut] }), 'nothing'],
    ['running', node('n', { taints: [shut] }), 'untaint'],
    ['running', node('n'), 'nothing'],
  ];
  for (const [state, one, wanted] of acts) {
    it(`${state}, ${one.spec?.taints?.length ?? 0} taints: ${wanted}`, () =>
      assert.equal(actOn(one, state), wanted));
  }

  it('other taints stay', () => {
    assert.deepEqual(taintsWith(node('n', { taints: [other] }), true), [other, shut]);
    assert.deepEqual(taintsWith(node('n', { taints: [shut, other] }), false), [other]);
  });
});

describe('the loop', () => {
  let world: World;
  afterEach(() => world.cluster.stop());
  const taints = (name: string) => world.cluster.get<Node>('nodes', name).spec?.taints ?? [];
  const begin = (state: string) => {
    world = new World({ nodes: ['fine'] });
    world.inventory = readInventory({ nodes: { n: { state }, fine: { state } } });
  };

  it('deletes a node whose machine is gone, never one that is ready', async () => {
    begin('gone');
    world.cluster.addNode(node('n', { ready: 'Unknown' }));
    await world.start();
    assert.deepEqual(world.cluster.names('nodes'), ['fine']);
    assert.match(
      world.cluster.events().join(),
      /DeletingNode: Deleting node n because it does not/,
    );
  });

  it('marks a node whose machine is shut down, until it runs again', async () => {
    begin('stopped');
    world.cluster.addNode(node('n', { ready: 'Unknown', taints: [other] }));
    await world.start();
    assert.deepEqual(taints('n'), [other, shut]);
    const back = { ...world.cluster.get<Node>('nodes', 'n'), status: node('n').status };
    await world.cluster.api.resource<Node>('v1', 'nodes').updateStatus(back);
    await world.cluster.pass(6_000);
    assert.deepEqual(taints('n'), [other]);
  });

  it('judges nobody while nothing is known, nor machines of another provider', async () => {
    begin('gone');
    const theirs = node('theirs', { ready: 'Unknown' });
    theirs.spec = { providerID: 'aws:///i-1' };
    world.cluster.addNode(theirs);
    world.cluster.addNode(node('n', { ready: 'Unknown' }));
    const known = world.inventory;
    Object.defineProperty(world, 'inventory', {
      get: () => {
        throw new InventoryError('the file is gone');
      },
      configurable: true,
    });
    await world.start();
    await world.cluster.pass(11_000);
    assert.deepEqual(world.cluster.names('nodes'), ['fine', 'n', 'theirs']);
    Object.defineProperty(world, 'inventory', { value: known });
    await world.cluster.pass(6_000);
    assert.deepEqual(world.cluster.names('nodes'), ['fine', 'theirs']);
  });
});
