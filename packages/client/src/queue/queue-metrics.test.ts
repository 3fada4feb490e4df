import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, Metrics, seededRandom } from '@kubets/platform';
import { QueueMetrics } from './queue-metrics.ts';
import { WorkQueue } from './work-queue.ts';

function setup() {
  const clock = new ManualClock();
  const registry = new Metrics();
  const by = new QueueMetrics(registry);
  const queue = (name: string) =>
    new WorkQueue({ clock, random: seededRandom(1), counted: { by, as: name } });
  const value = async (series: string): Promise<number> => {
    const line = (await registry.metrics()).split('\n').find((one) => one.startsWith(`${series} `));
    assert.ok(line, `${series} is not there`);
    return Number(line.slice(series.length + 1));
  };
  return { clock, queue, value };
}

describe('figures of work queues', () => {
  it('counts keys once while they wait, and those put off', async () => {
    const { queue, value } = setup();
    const deployments = queue('deployment');
    for (const key of ['a', 'b', 'a']) deployments.add(key);
    deployments.addRateLimited('c');
    assert.equal(await value('workqueue_adds_total{name="deployment"}'), 2);
    assert.equal(await value('workqueue_depth{name="deployment"}'), 2);
    assert.equal(await value('workqueue_retries_total{name="deployment"}'), 1);
  });

  it('times the wait and the work', async () => {
    const { clock, queue, value } = setup();
    const jobs = queue('job');
    const gate = Promise.withResolvers<void>();
    jobs.add('a');
    clock.advance(2_000);
    jobs.run(1, () => gate.promise);
    clock.advance(3_000);
    assert.equal(await value('workqueue_queue_duration_seconds_sum{name="job"}'), 2);
    assert.equal(await value('workqueue_unfinished_work_seconds{name="job"}'), 3);
    assert.equal(await value('workqueue_longest_running_processor_seconds{name="job"}'), 3);
    assert.equal(await value('workqueue_work_duration_seconds_count{name="job"}'), 0);
    gate.resolve();
    await jobs.whenIdle();
    assert.equal(await value('workqueue_work_duration_seconds_sum{name="job"}'), 3);
    assert.equal(await value('workqueue_work_duration_seconds_bucket{name="job",le="1"}'), 0);
    assert.equal(await value('workqueue_work_duration_seconds_bucket{name="job",le="10"}'), 1);
    assert.equal(await value('workqueue_unfinished_work_seconds{name="job"}'), 0);
  });

  it('waits since it was added while it was worked on', async () => {
    const { clock, queue, value } = setup();
    const sets = queue('statefulset');
    let rounds = 0;
    sets.run(1, async () => {
      rounds += 1;
      if (rounds > 1) return;
      sets.add('a');
      clock.advance(5_000);
    });
    sets.add('a');
    await sets.whenIdle();
    assert.equal(await value('workqueue_adds_total{name="statefulset"}'), 2);
    assert.equal(await value('workqueue_queue_duration_seconds_sum{name="statefulset"}'), 5);
  });

  it('adds up the queues of one name, and forgets those that stopped', async () => {
    const { queue, value } = setup();
    const [one, other] = [queue('certificate'), queue('certificate')];
    one.add('a');
    other.add('b');
    assert.equal(await value('workqueue_depth{name="certificate"}'), 2);
    await one.run(0, async () => undefined).stop();
    assert.equal(await value('workqueue_depth{name="certificate"}'), 1);
    assert.equal(await value('workqueue_adds_total{name="certificate"}'), 2);
  });
});
