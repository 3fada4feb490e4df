import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Metrics } from '@kubets/platform';
import { instrument } from './instrument.ts';

it('loads and changes are counted under the stock names', async () => {
  const registry = new Metrics();
  let nowMs = 1_000;
  const figures = instrument(registry, { mode: 'iptables', now: () => nowMs });
  const value = async (series: string): Promise<number> => {
    const lines = (await registry.metrics()).split('\n');
    const line = lines.find((one) => one.startsWith(`kubeproxy_sync_${series} `));
    assert.ok(line, `${series} is not there`);
    return Number(line.split(' ').at(-1));
  };
  figures.changed('services');
  figures.changed('endpoints');
  figures.changed('endpoints');
  assert.equal(await value('proxy_rules_endpoint_changes_pending'), 2);
  assert.equal(await value('proxy_rules_last_queued_timestamp_seconds'), 1);
  figures.synced({ ok: false, tookMs: 10, full: true });
  assert.equal(await value('proxy_rules_iptables_restore_failures_total'), 1);
  assert.equal(await value('proxy_rules_service_changes_pending'), 1);
  nowMs = 3_000;
  figures.begun();
  figures.changed('services');
  figures.synced({ ok: true, tookMs: 30, full: false });
  assert.equal(await value('proxy_rules_last_timestamp_seconds'), 3);
  assert.equal(await value('proxy_rules_service_changes_pending'), 1);
  assert.equal(await value('proxy_rules_endpoint_changes_pending'), 0);
  assert.equal(await value('proxy_rules_endpoint_changes_total'), 2);
  assert.equal(await value('proxy_rules_duration_seconds_count'), 2);
  assert.equal(await value('full_proxy_rules_duration_seconds_count'), 1);
  assert.equal(await value('partial_proxy_rules_duration_seconds_sum'), 0.03);
});

it('the way of a change into the rules is measured once they are loaded', async () => {
  const registry = new Metrics();
  let nowMs = 10_000;
  const figures = instrument(registry, { mode: 'iptables', now: () => nowMs });
  const total = async (): Promise<string[]> =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => /^kubeproxy_network_programming_duration_seconds_(sum|count)/.test(line))
      .map((line) => line.split(' ').at(-1) ?? '');
  figures.changed('endpoints', 9_000); // Before this process.
  figures.changed('endpoints', 11_000);
  figures.changed('endpoints');
  nowMs = 12_000;
  figures.begun();
  figures.synced({ ok: false, tookMs: 10, full: false });
  assert.deepEqual(await total(), ['0', '0']);
  nowMs = 13_000;
  figures.begun();
  figures.changed('endpoints', 12_500); // For the next load.
  figures.synced({ ok: true, tookMs: 10, full: false });
  assert.deepEqual(await total(), ['2', '1']);
});
