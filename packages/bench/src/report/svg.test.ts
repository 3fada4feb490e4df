import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { barChart, lineChart, roundUp, short, thin } from './svg.ts';

describe('lineChart', () => {
  const series = [{ name: 'a <b>', points: [[0, 1] as const, [10, 30] as const] }];
  const phases = [{ name: 'fill', fromS: 0, toS: 10, note: '' }];

  it('draws lines inside its frame, and escapes names', () => {
    const svg = lineChart({ title: 't', unit: 'ms', series }, phases, 10);
    assert.ok(svg.includes('a &#60;b&#62;'));
    const numbers = [...svg.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].flatMap((m) => [
      Number(m[1]) <= 760,
      Number(m[2]) <= 220,
    ]);
    assert.ok(numbers.length === 4 && numbers.every(Boolean));
  });

  it('is drawn without points, too', () => {
    assert.ok(!lineChart({ title: 't', unit: '', series: [] }, [], 0).includes('NaN'));
    assert.ok(!barChart('t', '', []).includes('NaN'));
  });
});

describe('numbers', () => {
  it('are rounded up', () => {
    assert.deepEqual([0, 1, 1.1, 34, 501].map(roundUp), [1, 1, 1.2, 40, 600]);
  });

  it('are short', () => {
    assert.deepEqual([0, 0.1234, 999, 1_234, 5_600_000].map(short), [
      '0',
      '0.123',
      '999',
      '1.23k',
      '5.6M',
    ]);
  });

  it('keep their peaks when there are many', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => [i, i === 777 ? 9 : 0] as const);
    const few = thin(many);
    assert.ok(few.length <= 400 && few.some(([x, y]) => x === 777 && y === 9));
  });
});
