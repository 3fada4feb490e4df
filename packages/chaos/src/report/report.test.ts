import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '@kubets/etcd/testing';
import type { Verdict } from '../history/judge.ts';
import type { History } from '../history/records.ts';
import type { FaultRecord } from '../ports.ts';
import { reportHtml } from './report.ts';
import { bucketsOf, figuresOf, spreadOf } from './stats.ts';
import { duration, ticks } from './svg.ts';

const fault = (
  number: number,
  withoutWritesMs: number,
  kind: FaultRecord['kind'],
): FaultRecord => ({
  ...{ number, kind, member: 'm1', wasLeader: true, detail: 'SIGKILL', withoutWritesMs },
  ...{ startMs: number * 100, undoneMs: number * 100 + 50, recoveredMs: number * 100 + 80 },
});

const read = (begunMs: number, endedMs: number): Operation => ({
  request: { type: 'range', key: 'a', end: '', revision: 0 },
  ...{ serializable: false, begunMs, endedMs },
  outcome: Number.isFinite(endedMs)
    ? { type: 'ok', revision: 1, result: { type: 'range', kvs: [], count: 0 } }
    : { type: 'unknown' },
});

const HISTORY: History = {
  facts: {
    ...{ scenario: 'failover', target: 'kubets <1>', seed: 7, faultsWanted: 3 },
    ...{ startedAt: '2026-11-28T00:00:00Z', startedMs: 0, endedMs: 1_000 },
    ...{ members: ['m1', 'm2', 'm3'], idle: [[400, 500]] },
  },
  operations: [read(0, 10), read(100, 130), read(150, Number.POSITIVE_INFINITY), read(900, 950)],
  ...{ watches: [], leases: [], seenMs: new Map(), bankTotal: 600, complaints: [] },
  faults: [fault(1, 40, 'kill'), fault(2, 80, 'kill'), fault(3, 900, 'stop')],
  leaders: [{ atMs: 0, leader: 'm2', term: 2 }],
};
const VERDICT: Verdict = {
  ...{ ok: true, violations: [], operations: 4, acknowledged: 3, unknown: 1 },
  ...{ revisions: 1, watchEvents: 0, leasesEnded: 0 },
};

test('percentiles are of the nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  assert.deepEqual(spreadOf(values), { count: 100, p50: 50, p99: 99, max: 100 });
  assert.deepEqual(spreadOf([5]), { count: 1, p50: 5, p99: 5, max: 5 });
  assert.ok(Number.isNaN(spreadOf([]).p50));
});

test('each kind of fault has a row, and all together one', () => {
  const rows = figuresOf(HISTORY.faults);
  assert.deepEqual(
    rows.map(({ kind, withoutWrites: { count, max } }) => [kind, count, max]),
    [
      ['kill', 2, 80],
      ['stop', 1, 900],
      ['all', 3, 900],
    ],
  );
});

test('a span counts what was acknowledged in it, and what was begun in it in vain', () => {
  const [first, second] = bucketsOf(HISTORY, 10);
  assert.deepEqual([first?.perSecond, first?.p50Ms], [10, 10]);
  assert.deepEqual([second?.perSecond, second?.failedPerSecond, second?.p99Ms], [10, 10, 30]);
});

test('the report is one file with everything in it', () => {
  const command = 'npx kubets chaos run failover --seed 7';
  const html = reportHtml({ runs: [{ history: HISTORY, verdict: VERDICT }], command });
  assert.ok(html.startsWith('<!doctype html>') && html.endsWith('</html>\n'));
  // Nothing is fetched, and nothing a target says becomes markup.
  assert.doesNotMatch(html, /<script|<link|src=|https?:\/\/|kubets <1>/);
  assert.match(html, /kubets &lt;1&gt;: nothing lost, nothing wrong/);
  assert.match(html, /seed 7/);
  assert.ok(html.includes(command));
  assert.equal(html.match(/<svg /g)?.length, 2);
  assert.equal(html.match(/class="kill"/g)?.length, 2);
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

test('a report of two targets shows both, and what is wrong first', () => {
  const other = { ...HISTORY, facts: { ...HISTORY.facts, target: 'stock' } };
  const bad = { ...VERDICT, ok: false, violations: ['a wrong answer'] };
  const runs = [
    { history: HISTORY, verdict: VERDICT },
    { history: other, verdict: bad },
  ];
  const html = reportHtml({ runs, command: '' });
  assert.match(html, /What is wrong with stock.*a wrong answer/s);
  assert.ok(html.includes('class="run-1"'));
});

test('a run without faults has a report, too', () => {
  const empty = { ...HISTORY, faults: [], operations: [], leaders: [] };
  const html = reportHtml({ runs: [{ history: empty, verdict: VERDICT }], command: '' });
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

test('durations and axes are for people', () => {
  assert.deepEqual([1.234, 45.6, 1_234, 12_345, Number.NaN].map(duration), [
    ...['1.2 ms', '46 ms', '1.23 s', '12.3 s', '–'],
  ]);
  assert.deepEqual(ticks(0, 1_000, 5), [0, 200, 400, 600, 800, 1_000]);
});
