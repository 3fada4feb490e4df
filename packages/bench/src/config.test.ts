import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ETCD_OPS, parseConfig, parseShapes } from './config.ts';
import { BenchError } from './errors.ts';

test('without options everything is measured against stock members', () => {
  const { ops, vs, rounds, shapes, json } = parseConfig(['etcd']);
  assert.deepEqual(ops, ETCD_OPS);
  assert.deepEqual([vs, rounds, shapes.length, json], ['stock', 3, 3, undefined]);
});

test('options are taken; reads come first whatever the order', () => {
  const args = '--ops put,range --shapes 2x3 --rounds 5 --duration 2 --vs http://h:1 --json f';
  const config = parseConfig(['etcd', ...args.split(' ')]);
  assert.deepEqual(config.ops, ['range', 'put']);
  assert.deepEqual(config.shapes, [{ clients: 2, streams: 3 }]);
  assert.deepEqual([config.rounds, config.seconds, config.vs, config.json], [5, 2, 'h:1', 'f']);
});

for (const args of [
  [],
  ['something'],
  ['etcd', '--ops', 'put,fly'],
  ['etcd', '--rounds', '0'],
  ['etcd', '--rounds', 'many'],
  ['etcd', '--shapes', '10'],
  ['etcd', '--shapes', '0x5'],
  ['etcd', '--what'],
]) {
  test(`refused: ${args.join(' ') || 'nothing'}`, () => {
    assert.throws(() => parseConfig(args), BenchError);
  });
}

test('shapes are connections and streams', () => {
  assert.deepEqual(parseShapes('1x1,100x10'), [
    { clients: 1, streams: 1 },
    { clients: 100, streams: 10 },
  ]);
});
