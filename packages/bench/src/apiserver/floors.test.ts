import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiRow, apiFigures, renderApiTable } from './floors.ts';
import { finishedSeconds } from './list-ops.ts';

const CREATE: ApiRow = {
  ...{ name: 'create-10x10', work: 'create pod 10x10', unit: 'per second' },
  samples: [{ value: 200, p99Ms: 4 }, { value: 400, p99Ms: 2 }, { value: 300 }],
  yardstick: [{ value: 1_000, notOk: 1 }],
  floor: { of: 'ratio', direction: 'at least', bound: 0.2 },
};
const READY: ApiRow = {
  ...{ name: 'ready', work: 'ready', unit: 's', samples: [{ value: 1 }], yardstick: [] },
  floor: { of: 'value', direction: 'at most', bound: 0.9 },
};

test('a ratio is judged by the yardstick’s median, a value by itself', () => {
  const { value, ratio, p99Ms, notOk, met } = apiFigures(CREATE);
  assert.deepEqual([value, ratio, p99Ms, notOk, met], [300, 0.3, 3, 1, true]);
  assert.equal(apiFigures(READY).met, false);
  assert.equal(apiFigures({ ...READY, samples: [{ value: 0.9 }] }).met, true);
});

test('all lines of a table are as wide, and say what is reached', () => {
  const lines = renderApiTable([CREATE, READY]).split('\n');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[2] ?? '', /≥ 0\.2 of etcd \| +yes/);
  assert.match(lines[3] ?? '', /≤ 0\.9 \| +no/);
});

test('the time of a run is read in its unit', () => {
  assert.equal(finishedSeconds('finished in 1.50s, 2 req/s'), 1.5);
  assert.equal(finishedSeconds('finished in 250.00ms, 2 req/s'), 0.25);
  assert.ok(Number.isNaN(finishedSeconds('nothing')));
});
