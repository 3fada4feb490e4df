import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter } from 'prom-client';
import { CounterTable, exponentialBounds, HistogramTable, readFamily } from './metric-table.ts';
import { Metrics } from './metrics.ts';

describe('metric tables', () => {
  it('shows counters by their labels, zeros included', async () => {
    const registry = new Metrics();
    const table = new CounterTable({
      registry,
      name: 'things_total',
      help: 'Things.',
      labels: ['a', 'b'],
    });
    table.at('x', 'y').inc();
    table.at('x', 'y').inc(2);
    table.at('x"\\\n', '').inc(0);
    assert.equal(
      await registry.metrics(),
      '# HELP things_total Things.\n# TYPE things_total counter\n' +
        'things_total{a="x",b="y"} 3\nthings_total{a="x\\"\\\\\\n",b=""} 0\n',
    );
  });

  it('adds the buckets of histograms up', async () => {
    const registry = new Metrics();
    const bounds = exponentialBounds(0.001, 10, 3);
    const table = new HistogramTable({
      registry,
      name: 't_seconds',
      help: 'T.',
      labels: [],
      bounds,
    });
    for (const value of [0.001, 0.0011, 0.1, 7]) table.at().observe(value);
    assert.equal(
      await registry.metrics(),
      '# HELP t_seconds T.\n# TYPE t_seconds histogram\nt_seconds_bucket{le="0.001"} 1\n' +
        't_seconds_bucket{le="0.01"} 2\nt_seconds_bucket{le="0.1"} 3\nt_seconds_bucket{le="+Inf"} 4\n' +
        't_seconds_sum 7.1021\nt_seconds_count 4\n',
    );
  });

  it('reads what is read when asked, and leaves out what has no series', async () => {
    const registry = new Metrics();
    const common = { registry, help: 'G.', labels: ['name'] } as const;
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 4];
    const read = () => values.map((value, i) => ({ labels: [`n${i}`] as const, value }));
    readFamily({ ...common, name: 'g', read });
    readFamily({ ...common, name: 'none', read: () => [] });
    const text = await registry.metrics();
    assert.match(text, /^# HELP g G\.\n# TYPE g gauge\ng\{name="n0"\} \+Inf\n/);
    assert.match(text, /g\{name="n1"\} -Inf\ng\{name="n2"\} NaN\ng\{name="n3"\} 4\n$/);
  });

  it('stands beside metrics of the library, and takes no name twice', async () => {
    const registry = new Metrics();
    new Counter({ name: 'lib_total', help: 'L.', registers: [registry] }).inc();
    const make = (name: string) => new CounterTable({ registry, name, help: 'O.', labels: [] });
    make('own_total').at().inc();
    assert.throws(() => make('own_total'), /there is a metric own_total already/);
    assert.throws(() => make('lib_total'), /there is a metric lib_total already/);
    assert.match(
      await registry.metrics(),
      /lib_total 1\n# HELP own_total O\.\n# TYPE own_total counter\nown_total 1\n$/,
    );
  });
});
