import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare, renderDifferences } from './compare.ts';
import { renderHtml } from './html.ts';
import type { BenchResult } from './result.ts';

function result(change: Partial<BenchResult> = {}): BenchResult {
  return {
    version: 1,
    kind: 'nodes',
    title: 'a <title>',
    startedAt: '2026-01-01T00:00:00Z',
    seconds: 60,
    finished: true,
    machine: { cpus: 2, model: 'm', memoryBytes: 2 ** 34 },
    target: 't',
    config: { nodes: 10 },
    slos: [{ name: 'lists, p99', limit: '30 s', measured: '1.00 s (LIST pods)', met: true }],
    figures: { 'pods a second (more is better)': 100 },
    phases: [{ name: 'fill', fromS: 0, toS: 60, note: 'n' }],
    api: [],
    stages: [],
    throughput: [],
    processes: [{ name: 'p', cpuSeconds: 5, cpuShare: 0.1, rssMaxBytes: 2 ** 20, rssEndBytes: 1 }],
    failures: {},
    pictures: [{ title: 'p', unit: 'u', series: [{ name: 's', points: [[0, 1]] }] }],
    tables: [],
    notes: [],
    ...change,
  };
}

describe('compare', () => {
  it('knows which way is better, and what is noise', () => {
    const other = result({
      figures: { 'pods a second (more is better)': 150, 'only here': 1 },
      processes: [{ name: 'p', cpuSeconds: 10, cpuShare: 0, rssMaxBytes: 2 ** 20, rssEndBytes: 1 }],
    });
    const found = compare(result(), other).map(({ name, better }) => [name, better]);
    assert.deepEqual(found, [
      ['pods a second (more is better)', true],
      ['p: CPU, s', false],
      ['p: memory max, MiB', undefined],
    ]);
    assert.match(renderDifferences(result(), other), /p: CPU, s +5 +10 +2\.00 +worse/);
  });
});

describe('renderHtml', () => {
  it('is one file with everything escaped', () => {
    const html = renderHtml(result());
    assert.ok(html.includes('a &#60;title&#62;'));
    assert.ok(!/<script|src=|href=/.test(html));
  });
});
