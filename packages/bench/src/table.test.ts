import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf, type Row, renderTable } from './table.ts';

const ROW: Row = {
  work: 'put 1x1',
  unit: 'per second',
  ours: [
    { value: 300, p99Ms: 1 },
    { value: 100, p99Ms: 3 },
    { value: 200, p99Ms: 2, notOk: 1 },
  ],
  stock: [{ value: 400 }, { value: 400, notOk: 2 }],
};

test('figures are medians, and the ratio is ours to stock', () => {
  const { ours, stock, ratio, oursP99Ms, stockP99Ms, notOk } = figuresOf(ROW);
  assert.deepEqual(
    [ours, stock, ratio, oursP99Ms, stockP99Ms, notOk],
    [200, 400, 0.5, 2, undefined, 3],
  );
});

test('a side without samples has no figures', () => {
  const { ours, ratio } = figuresOf({ ...ROW, ours: [] });
  assert.deepEqual([ours, ratio], [Number.NaN, Number.NaN]);
  assert.match(renderTable([{ ...ROW, ours: [] }]), /\| +– \|/);
});

test('all lines of a table are as wide', () => {
  const lines = renderTable([ROW, { ...ROW, work: 'something with a long name' }]).split('\n');
  assert.equal(lines.length, 4);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[2] ?? '', /put 1x1 .* 0\.50 /);
});

test('a goal is a rate to reach, or a time, growth or size not to exceed', () => {
  const sides = { ours: [{ value: 90, p99Ms: 3 }], stock: [{ value: 100, p99Ms: 2 }] };
  const reached = (row: Partial<Row>) => figuresOf({ work: 'w', unit: 'ms', ...sides, ...row });
  assert.equal(reached({ unit: 'per second', goal: 0.9 }).reached, true);
  assert.equal(reached({ unit: 'per second', goal: 0.91 }).reached, false);
  assert.equal(reached({ unit: 'per second', goal: 0.9, p99Counts: true }).reached, false);
  assert.equal(reached({ goal: 0.9 }).reached, true);
  assert.equal(reached({ goal: 0.35 }).reached, false);
  assert.equal(reached({ unit: 'MiB', limit: 89 }).reached, false);
  assert.equal(reached({}).reached, undefined);
  assert.equal(reached({ goal: 1, stock: [] }).reached, undefined);
  assert.match(renderTable([{ work: 'w', unit: 'MiB', limit: 350, ...sides }]), /≤ 350 +\| +yes/);
});
