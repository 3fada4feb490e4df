import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRanges } from '@kubets/platform';
import { InventoryError } from '../errors.ts';
import { readInventory } from './inventory.ts';
import { AddressPool } from './pool.ts';
import { chooseSpeaker } from './speaker.ts';

const pool = (...texts: string[]) => new AddressPool(parseRanges(texts, '--r'));
const free = () => false;

describe('the pool of addresses', () => {
  it('gives the lowest first, across ranges, and nothing when all are given', () => {
    const some = pool('192.0.2.9', '192.0.2.4-192.0.2.5');
    const given = ['a', 'b', 'c', 'd'].map((owner) => some.allocate(owner, free));
    assert.deepEqual(given, ['192.0.2.4', '192.0.2.5', '192.0.2.9', undefined]);
    some.release('b');
    assert.equal(some.allocate('d', free), '192.0.2.5');
  });

  it('passes over what is taken for other reasons, and comes back to it', () => {
    const some = pool('192.0.2.4-192.0.2.5');
    assert.equal(
      some.allocate('a', (ip) => ip === '192.0.2.4'),
      '192.0.2.5',
    );
    assert.equal(some.allocate('b', free), '192.0.2.4');
  });

  it('lets nobody claim what another has, or what is out of range', () => {
    const some = pool('192.0.2.4-192.0.2.5');
    assert.equal(some.claim('192.0.2.5', 'a'), true);
    assert.equal(some.claim('192.0.2.5', 'a'), true);
    assert.equal(some.claim('192.0.2.5', 'b'), false);
    assert.equal(some.claim('192.0.2.6', 'b'), false);
    assert.equal(some.ownerOf('192.0.2.5'), 'a');
  });

  it('an owner has one address: another one in place of the first', () => {
    const some = pool('192.0.2.4-192.0.2.5');
    some.allocate('a', free);
    some.claim('192.0.2.5', 'a');
    assert.equal(some.addressOf('a'), '192.0.2.5');
    assert.equal(some.ownerOf('192.0.2.4'), undefined);
    assert.equal(some.release('a'), true);
    assert.equal(some.release('a'), false);
  });

  it('holds ten thousand', () => {
    const some = pool('10.0.0.0/8');
    const given = new Set(
      Array.from({ length: 10_000 }, (_u, at) => some.allocate(`s${at}`, free)),
    );
    assert.equal(given.size, 10_000);
  });
});

describe('the node that answers', () => {
  const address = '192.0.2.4';
  const three = ['a', 'b', 'c'];

  it('stays while it can, and while nobody can', () => {
    for (const current of three) {
      assert.equal(chooseSpeaker({ address, current, candidates: three }), current);
      assert.equal(chooseSpeaker({ address, current, candidates: [] }), current);
    }
    assert.equal(chooseSpeaker({ address, current: undefined, candidates: [] }), undefined);
  });

  it('does not depend on the order of nodes', () => {
    const choose = (candidates: string[]) =>
      chooseSpeaker({ address, current: undefined, candidates });
    assert.equal(choose(three), choose([...three].reverse()));
  });

  it('addresses spread over nodes whose names differ in one digit', () => {
    const nodes = Array.from({ length: 10 }, (_unused, at) => `node-${at}`);
    const counts = new Map<string, number>();
    for (let at = 1; at <= 250; at += 1) {
      const one = chooseSpeaker({
        address: `192.0.2.${at}`,
        current: undefined,
        candidates: nodes,
      });
      counts.set(one ?? '', (counts.get(one ?? '') ?? 0) + 1);
    }
    assert.equal(counts.size, 10);
    assert.ok(Math.max(...counts.values()) < 60, [...counts.values()].join());
  });
});

describe('the inventory', () => {
  it('reads machines, with what holds for all of them', () => {
    const { zone, region, machines } = readInventory({
      zone: 'attic',
      nodes: { n: { state: 'stopped', instanceType: 'nuc' }, m: null },
    });
    assert.deepEqual([zone, region], ['attic', undefined]);
    assert.equal(machines.get('n')?.state, 'stopped');
    assert.equal(machines.get('m')?.state, 'running');
    assert.equal(readInventory(null).machines.size, 0);
  });

  const bad: [unknown, RegExp][] = [
    ['text', /the file must be a mapping/],
    [{ machines: {} }, /"machines" is none of region, zone, nodes/],
    [{ nodes: [] }, /nodes must be a mapping/],
    [{ nodes: { n: { state: 'asleep' } } }, /nodes\.n\.state must be one of/],
    [{ nodes: { n: { sate: 'gone' } } }, /nodes\.n: "sate" is none of/],
    [{ zone: 'a b' }, /the file\.zone must be text/],
    [{ nodes: { n: { addresses: 'x' } } }, /nodes\.n\.addresses must be a list/],
    [{ nodes: { n: { addresses: [{ type: 'InternalIP' }] } } }, /addresses\[0\] needs a type/],
  ];
  for (const [content, message] of bad) {
    it(`refuses ${JSON.stringify(content)}`, () => {
      assert.throws(
        () => readInventory(content),
        (error) => error instanceof InventoryError && message.test(error.message),
      );
    });
  }
});
