import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApiServerConfig } from './apiserver/config.ts';
import { ETCD_OPS, parseConfig, parseEtcdConfig, parseShapes } from './config.ts';
import { BenchError } from './errors.ts';

test('without options everything is measured against stock members', () => {
  const { ops, vs, rounds, shapes, json } = parseEtcdConfig([]);
  assert.deepEqual(ops, ETCD_OPS);
  assert.deepEqual([vs, rounds, shapes.length, json], ['stock', 3, 3, undefined]);
});

test('options are taken; reads come first whatever the order', () => {
  const args = '--ops put,range --shapes 2x3 --rounds 5 --duration 2 --vs http://h:1 --json f';
  const config = parseEtcdConfig(args.split(' '));
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
  ['apiserver', '--rows', 'fly'],
  ['apiserver', '--server', 'https://h:1'],
  ['apiserver', '--server', 'http://h:1', '--token', 't'],
  ['apiserver', '--server', 'https://h:1', '--token', 't', '--kubeconfig', 'f'],
  ['apiserver', '--pods', '-1'],
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

test('rows of the apiserver come in their own order, and the address without its last slash', () => {
  const args = '--rows list,create-1x1 --server https://h:1/ --token t --pods 10'.split(' ');
  const { rows, server, pods, watchers } = parseApiServerConfig(args);
  assert.deepEqual(rows, ['create-1x1', 'list']);
  assert.deepEqual([server, pods, watchers], [{ url: 'https://h:1', token: 't' }, 10, 1_000]);
});
