import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testNode } from '../testing/builders.ts';
import { World } from '../testing/world.ts';

it('what the scheduler does is counted under the stock names', async () => {
  const world = await new World().start();
  await world.node(testNode('node-1', { cpu: '1' }));
  await world.pod('fits', { requests: { cpu: '1' }, spec: { priority: 1 } });
  await world.pod('waits', { requests: { cpu: '1' } });
  await world.pod('gated', { spec: { schedulingGates: [{ name: 'example.com/wait' }] } });
  await world.pod('urgent', { requests: { cpu: '1' }, spec: { priority: 9 } });
  await world.pods.delete('default', 'fits', { gracePeriodSeconds: 0 });
  await world.pass(3_000);
  const text = await world.metrics.metrics();
  const value = (series: string): number => {
    const line = text.split('\n').find((one) => one.startsWith(`scheduler_${series} `));
    assert.ok(line, `${series} is not there`);
    return Number(line.split(' ').at(-1));
  };
  const profile = 'profile="default-scheduler"';
  assert.equal(value(`schedule_attempts_total{result="scheduled",${profile}}`), 2);
  assert.ok(value(`schedule_attempts_total{result="unschedulable",${profile}}`) >= 2);
  assert.equal(
    value(`scheduling_attempt_duration_seconds_count{result="scheduled",${profile}}`),
    2,
  );
  const bind = `extension_point="Bind",status="Success",${profile}`;
  assert.equal(value(`framework_extension_point_duration_seconds_count{${bind}}`), 2);
  assert.equal(value('pod_scheduling_sli_duration_seconds_count{attempts="1"}'), 1);
  assert.equal(value('pod_scheduling_attempts_count'), 2);
  assert.equal(value('pod_scheduling_attempts_sum'), 3);
  assert.ok(value('scheduling_algorithm_duration_seconds_count') >= 4);
  assert.equal(value('preemption_victims_sum'), 1);
  assert.ok(value('preemption_attempts_total') >= 1);
  assert.equal(value('queue_incoming_pods_total{queue="active",event="PodAdd"}'), 3);
  const failed = 'queue="unschedulable",event="ScheduleAttemptFailure"';
  assert.ok(value(`queue_incoming_pods_total{${failed}}`) >= 2);
  assert.equal(value('pending_pods{queue="unschedulable"}'), 1);
  assert.equal(value('pending_pods{queue="gated"}'), 1);
  assert.equal(value('scheduler_cache_size{type="nodes"}'), 1);
  assert.equal(value(`unschedulable_pods{plugin="NodeResourcesFit",${profile}}`), 1);
});
