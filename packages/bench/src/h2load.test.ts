import assert from 'node:assert/strict';
import { test } from 'node:test';
import { h2loadArgs, latenciesMs, loadResult } from './h2load.ts';

const OUTPUT = `
finished in 4.00s, 25.00 req/s, 64.50KB/s
requests: 103 total, 110 started, 103 done, 100 succeeded, 2 failed, 1 errored, 0 timeout
status codes: 101 2xx, 0 3xx, 1 4xx, 0 5xx
traffic: 129.00KB (132096) total, 2.02KB (2064) headers (space savings 93.00%), 30.00KB (30720) data
`;
const LOG = '1000\t200\t1500\n2000\t200\t2500\n3000\t200\t8000\n';

test('an output and its log become figures', () => {
  const result = loadResult(OUTPUT, LOG, 4);
  assert.deepEqual(result, {
    ...{ ok: 100, notOk: 4, perSecond: 25, meanMs: 4, p50Ms: 2.5, p99Ms: 8, bodyBytes: 30_720 },
  });
});

test('an output that says nothing is no success', () => {
  const { ok, perSecond, p99Ms } = loadResult('', '', 4);
  assert.deepEqual({ ok, perSecond, p99Ms }, { ok: 0, perSecond: 0, p99Ms: Number.NaN });
});

test('lines of the log that are cut off are left out', () => {
  assert.deepEqual(latenciesMs('1\t200\t1000\n2\t200'), [1]);
});

test('arguments hold the shape, the body and the headers', () => {
  const load = {
    shape: { clients: 10, streams: 5 },
    ...{ seconds: 3, url: 'http://h:1/p', bodyFile: 'b', logFile: 'l', headers: ['te: trailers'] },
  };
  const text = h2loadArgs(load).join(' ');
  assert.match(text, /-c 10 -m 5 -t 1 -D 3 --warm-up-time 1 --log-file l -d b/);
  assert.match(text, /-H te: trailers http:\/\/h:1\/p$/);
  assert.doesNotMatch(h2loadArgs({ ...load, bodyFile: undefined as never }).join(' '), /-d /);
});
