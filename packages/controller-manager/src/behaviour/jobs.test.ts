import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Job, JobSpec, Pod } from '@kubets/api';
import { Metrics, seededRandom } from '@kubets/platform';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { ControllerFigures } from '../host/figures.ts';
import { finishedCondition } from '../job/decide.ts';
import { jobExpiryController } from '../job/expiry.ts';
import { jobController } from '../job/reconciler.ts';
import { TRACKING_FINALIZER } from '../job/tally.ts';
import { formatTime, isDeleting, nameOf } from '../objects/meta.ts';
import { type ClusterOptions, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

async function start(options: Partial<ClusterOptions> = {}): Promise<void> {
  cluster = new TestCluster({
    controllers: (deps) => [jobController(deps), jobExpiryController(deps), garbageCollector(deps)],
    ...options,
  });
  cluster.outcomes.set('good', 'Succeeded');
  cluster.outcomes.set('bad', 'Failed');
  await cluster.start();
}

afterEach(() => cluster.stop());

const job = (image: string, spec: Partial<JobSpec> = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j', namespace: 'default' },
  spec: {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    selector: {},
    template: {
      metadata: { labels: { app: 'j' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] },
    },
    ...spec,
  },
});

const status = () => cluster.get<Job>('jobs', 'j').status ?? {};
const endOf = (): string | undefined => finishedCondition(cluster.get<Job>('jobs', 'j'))?.type;
const livePods = (): Pod[] => cluster.list<Pod>('pods').filter((pod) => !isDeleting(pod));

describe('a job', () => {
  it('is counted under the stock names', async () => {
    const registry = new Metrics();
    await start({ figures: new ControllerFigures(registry) });
    await cluster.create('jobs', job('good', { completions: 5, parallelism: 2 }));
    await cluster.settle();
    const text = await registry.metrics();
    const value = (series: string): number => {
      const line = text.split('\n').find((one) => one.startsWith(`job_controller_${series} `));
      return Number(line?.split(' ').at(-1));
    };
    assert.equal(
      value('job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"}'),
      5,
    );
    const end = 'completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"';
    assert.equal(value(`jobs_finished_total{${end}}`), 1);
    const created = 'completion_mode="NonIndexed",result="success",action="pods_created"';
    assert.ok(value(`job_syncs_total{${created}}`) >= 1);
    const looks = value(`job_sync_duration_seconds_count{${created}}`);
    assert.equal(looks, value(`job_syncs_total{${created}}`));
  });

  it('runs to its end, and its pods may go', async () => {
    await start();
    await cluster.create('jobs', job('good', { completions: 5, parallelism: 2 }));
    await cluster.settle();
    assert.equal(endOf(), 'Complete');
    assert.equal(status().succeeded, 5);
    assert.deepEqual(status().uncountedTerminatedPods, {});
    const pods = cluster.list<Pod>('pods');
    assert.equal(pods.length, 5);
    assert.ok(pods.every((p) => (p.metadata.finalizers ?? []).length === 0));
    assert.ok(cluster.events().includes('Completed: Job completed'));
  });

  it('gives up after its limit, each time waiting longer', async () => {
    await start();
    await cluster.create('jobs', job('bad', { backoffLimit: 2 }));
    await cluster.settle();
    assert.equal(cluster.list('pods').length, 1);
    await cluster.pass(11_000);
    assert.equal(cluster.list('pods').length, 2);
    await cluster.pass(10_000);
    assert.equal(cluster.list('pods').length, 2);
    await cluster.pass(15_000);
    assert.equal(endOf(), 'Failed');
    assert.equal(status().failed, 3);
    assert.ok(
      cluster
        .events()
        .includes('BackoffLimitExceeded: Job has reached the specified backoff limit'),
    );
  });

  it('counts pods that are deleted before it saw their end', async () => {
    await start();
    await cluster.create('jobs', job('slow', { completions: 2 }));
    await cluster.settle();
    const [victim] = cluster.names('pods');
    await cluster.delete('pods', victim ?? '');
    await cluster.settle();
    assert.equal(status().failed, 1);
    assert.ok(!cluster.has('pods', victim ?? ''));
    await cluster.pass(11_000);
    assert.equal(livePods().length, 1);
  });

  it('of indexes gives each its number', async () => {
    await start();
    const spec = { completionMode: 'Indexed', completions: 4, parallelism: 4 };
    await cluster.create('jobs', job('good', spec));
    await cluster.settle();
    assert.equal(status().completedIndexes, '0-3');
    const prefixes = cluster.names('pods').map((name) => name.slice(0, 4));
    assert.deepEqual(prefixes, ['j-0-', 'j-1-', 'j-2-', 'j-3-']);
  });

  it('can be suspended and goes on later, without a failure', async () => {
    await start();
    await cluster.create('jobs', job('slow'));
    await cluster.settle();
    const suspend = (on: boolean) =>
      cluster.change<Job>('jobs', 'j', (j) => {
        if (j.spec) j.spec.suspend = on;
      });
    await suspend(true);
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
    assert.equal(status().failed ?? 0, 0);
    await suspend(false);
    await cluster.settle();
    assert.equal(livePods().length, 1);
  });

  it('goes some time after its end if it asks for that, with its pods', async () => {
    await start();
    await cluster.create('jobs', job('good', { ttlSecondsAfterFinished: 30 }));
    await cluster.settle();
    assert.equal(endOf(), 'Complete');
    await cluster.pass(20_000);
    assert.ok(cluster.has('jobs', 'j'));
    await cluster.pass(20_000);
    assert.deepEqual([...cluster.names('jobs'), ...cluster.names('pods')], []);
  });

  it('goes after its end whoever ran it, and not when it may stay longer meanwhile', async () => {
    await start();
    const managedBy = 'example.com/other';
    await cluster.create('jobs', job('good', { managedBy, ttlSecondsAfterFinished: 30 }));
    const lastTransitionTime = formatTime(cluster.clock.now());
    const conditions = [{ type: 'Complete', status: 'True', lastTransitionTime }];
    const api = cluster.api.resource<Job>('batch/v1', 'jobs');
    await api.updateStatus({ ...cluster.get<Job>('jobs', 'j'), status: { conditions } });
    await cluster.pass(20_000);
    await cluster.change<Job>('jobs', 'j', ({ spec }) => {
      if (spec) spec.ttlSecondsAfterFinished = 60;
    });
    await cluster.pass(20_000);
    assert.ok(cluster.has('jobs', 'j'));
    await cluster.pass(30_000);
    assert.ok(!cluster.has('jobs', 'j'));
  });

  it('takes its running pods with it when deleted', async () => {
    await start();
    await cluster.create('jobs', job('slow', { completions: 3, parallelism: 3 }));
    await cluster.settle();
    assert.equal(livePods().length, 3);
    await cluster.delete('jobs', 'j');
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
  });

  it('of another manager is left alone', async () => {
    await start();
    await cluster.create('jobs', job('good', { managedBy: 'example.org/other' }));
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), []);
  });

  it('takes back orphans it selects and lets go of what it does not', async () => {
    await start();
    const selector = { matchLabels: { app: 'j' } };
    await cluster.create('jobs', job('slow', { selector }));
    await cluster.settle();
    const [name = ''] = cluster.names('pods');
    await cluster.change<Pod>('pods', name, (pod) => {
      pod.metadata.ownerReferences = [];
      pod.metadata.finalizers = [];
    });
    await cluster.settle();
    const adopted = cluster.get<Pod>('pods', name);
    assert.equal(adopted.metadata.ownerReferences?.[0]?.name, 'j');
    assert.deepEqual(adopted.metadata.finalizers, [TRACKING_FINALIZER]);
    await cluster.change<Pod>('pods', name, (pod) => {
      pod.metadata.labels = {};
    });
    await cluster.settle();
    const released = cluster.get<Pod>('pods', name);
    assert.deepEqual(released.metadata.ownerReferences ?? [], []);
    assert.deepEqual(released.metadata.finalizers ?? [], []);
    assert.equal(livePods().length, 2);
  });

  for (const seed of [1, 2, 3, 4, 5, 6, 137]) {
    it(`counts every end once, whoever leads and however late it hears (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      await start({ lagging: true, seed });
      await cluster.create('jobs', job('good', { completions: 12, parallelism: 4 }));
      const names = new Set<string>();
      for (let i = 0; i < 60; i++) {
        await cluster.turn(20);
        for (const pod of cluster.list<Pod>('pods')) names.add(nameOf(pod));
        if (random.int(8) === 0) cluster.failover();
      }
      await cluster.settle();
      assert.equal(endOf(), 'Complete');
      assert.equal(status().succeeded, 12);
      assert.equal(names.size, 12);
    });
  }
});

const isOdd = (pod: Pod): boolean =>
  Number(pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']) % 2 === 1;

const indexed = (spec: Partial<JobSpec>): Job =>
  job('odd ones fail', { completionMode: 'Indexed', completions: 4, parallelism: 2, ...spec });

async function startIndexed(spec: Partial<JobSpec>): Promise<void> {
  await start();
  cluster.outcomes.set('odd ones fail', (pod) => (isOdd(pod) ? 'Failed' : 'Succeeded'));
  await cluster.create('jobs', indexed(spec));
  await cluster.settle();
}

describe('an indexed job with a limit for each index', () => {
  const limits = { backoffLimit: 2 ** 31 - 1 };

  it('tries all, each as often as it may', async () => {
    await startIndexed({ ...limits, backoffLimitPerIndex: 1 });
    await cluster.pass(60_000);
    assert.equal(endOf(), 'Failed');
    const { failedIndexes, completedIndexes, failed, succeeded } = status();
    assert.deepEqual([failedIndexes, completedIndexes, failed, succeeded], ['1,3', '0,2', 4, 2]);
    const counts = cluster
      .list<Pod>('pods')
      .filter(isOdd)
      .map((pod) => pod.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']);
    assert.deepEqual(counts.sort(), ['0', '0', '1', '1']);
    assert.ok(cluster.events().includes('FailedIndexes: Job has failed indexes'));
    assert.ok(cluster.list<Pod>('pods').every((pod) => !pod.metadata.finalizers?.length));
  });

  for (const seed of [1, 2, 3, 4]) {
    it(`counts the same, whoever leads and however late it hears (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      await start({ lagging: true, seed });
      cluster.outcomes.set('odd ones fail', (pod) => (isOdd(pod) ? 'Failed' : 'Succeeded'));
      await cluster.create('jobs', indexed({ ...limits, backoffLimitPerIndex: 2, parallelism: 4 }));
      for (let i = 0; i < 120; i++) {
        await cluster.turn(500);
        if (random.int(8) === 0) cluster.failover();
      }
      await cluster.settle();
      assert.equal(endOf(), 'Failed');
      const { failedIndexes, failed, succeeded } = status();
      assert.deepEqual([failedIndexes, failed, succeeded], ['1,3', 6, 2]);
    });
  }

  it('ends when too many failed', async () => {
    const spec = { backoffLimitPerIndex: 0, maxFailedIndexes: 0, parallelism: 1 };
    await startIndexed({ ...limits, ...spec });
    assert.equal(endOf(), 'Failed');
    assert.deepEqual([status().failedIndexes, status().failed], ['1', 1]);
    const condition = finishedCondition(cluster.get<Job>('jobs', 'j'));
    assert.equal(condition?.reason, 'MaxFailedIndexesExceeded');
  });

  it('does not try again an index that a rule has failed', async () => {
    const onExitCodes = { operator: 'In', values: [1] };
    const podFailurePolicy = { rules: [{ action: 'FailIndex', onExitCodes }] };
    await startIndexed({ ...limits, backoffLimitPerIndex: 5, podFailurePolicy, completions: 2 });
    assert.equal(endOf(), 'Failed');
    assert.deepEqual([status().failedIndexes, status().failed, status().succeeded], ['1', 1, 1]);
  });
});

describe('a job with policies', () => {
  it('succeeds as soon as its success policy is fulfilled', async () => {
    await startIndexed({ successPolicy: { rules: [{ succeededIndexes: '0' }] } });
    assert.equal(endOf(), 'Complete');
    assert.equal(status().completedIndexes, '0');
    const condition = finishedCondition(cluster.get<Job>('jobs', 'j'));
    assert.equal(condition?.reason, 'SuccessPolicy');
    assert.equal(condition?.message, 'Matched rules at index 0');
  });

  it('fails at once by a rule of its failure policy, and its running pods with it', async () => {
    const onExitCodes = { operator: 'In', values: [1] };
    const podFailurePolicy = { rules: [{ action: 'FailJob', onExitCodes }] };
    await start();
    cluster.outcomes.set('one fails', (pod) => (isOdd(pod) ? 'Failed' : undefined));
    const spec = { completionMode: 'Indexed', completions: 2, parallelism: 2, podFailurePolicy };
    await cluster.create('jobs', job('one fails', spec));
    await cluster.settle();
    assert.equal(endOf(), 'Failed');
    assert.equal(status().failed, 2);
    const message = cluster.events().find((event) => event.startsWith('PodFailurePolicy: '));
    const rule = 'failed with exit code 1 matching FailJob rule at index 0';
    assert.match(message ?? '', new RegExp(`Container c for pod default/j-1-\\w+ ${rule}`));
  });

  it('does not count failures that a rule ignores', async () => {
    const pattern = { type: 'DisruptionTarget', status: 'True' };
    const podFailurePolicy = { rules: [{ action: 'Ignore', onPodConditions: [pattern] }] };
    await start();
    await cluster.create('jobs', job('slow', { backoffLimit: 0, podFailurePolicy }));
    await cluster.settle();
    const [name = ''] = cluster.names('pods');
    const failed = structuredClone(cluster.get<Pod>('pods', name));
    const conditions = [pattern];
    await cluster.api
      .resource<Pod>('v1', 'pods')
      .updateStatus({ ...failed, status: { phase: 'Failed', conditions } });
    await cluster.pass(12_000);
    assert.equal(endOf(), undefined);
    assert.equal(status().failed ?? 0, 0);
    assert.equal(livePods().filter((pod) => pod.status?.phase === 'Running').length, 1);
  });
});
