import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, JobSpec, JobStatus, Pod, PodCondition, SuccessPolicyRule } from '@kubets/api';
import fc from 'fast-check';
import { at, NOW_MS, pod } from '../testing/builders.ts';
import { retryAtMs } from './backoff.ts';
import { decideJob, type JobPlan } from './decide.ts';
import { matchFailurePolicy } from './failure-policy.ts';
import { formatIndexes, freeIndexes, parseIndexes } from './indexes.ts';
import { jobPod } from './pod.ts';
import { matchSuccessPolicy } from './success-policy.ts';
import { TRACKING_FINALIZER, tally } from './tally.ts';

function job(spec: Partial<JobSpec> = {}, status: JobStatus = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'default', uid: 'uid-of-j' },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
      ...spec,
    },
    status,
  };
}

interface Parts {
  tracked?: boolean;
  index?: number;
  deleting?: boolean;
  ended?: number;
}

function jobsPod(phase: string, parts: Parts = {}): Pod {
  const { tracked = true, index, deleting = false, ended = -20 } = parts;
  const annotations = { 'batch.kubernetes.io/job-completion-index': String(index) };
  return pod({
    phase,
    ...(phase === 'Running' ? { readyAt: -10 } : {}),
    meta: {
      ...(tracked ? { finalizers: [TRACKING_FINALIZER] } : {}),
      ...(index === undefined ? {} : { annotations }),
      ...(deleting ? { deletionTimestamp: at(0) } : {}),
    },
    status: {
      phase,
      conditions: phase === 'Running' ? [{ type: 'Ready', status: 'True' }] : [],
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 0, finishedAt: at(ended) } },
        },
      ],
    },
  });
}

const many = (count: number, phase: string, parts?: Parts): Pod[] =>
  Array.from({ length: count }, () => jobsPod(phase, parts));
const decide = (one: Job, pods: Pod[]): JobPlan => decideJob({ job: one, pods, nowMs: NOW_MS });
const types = (plan: JobPlan): string[] =>
  (plan.status.conditions ?? []).map((c) => `${c.type}=${c.status}`);

describe('completion indexes', () => {
  it('read and write', () => {
    assert.deepEqual([...parseIndexes('0-2,5')], [0, 1, 2, 5]);
    assert.deepEqual([...parseIndexes('')], []);
    assert.deepEqual([...parseIndexes('x,7')], [7]);
    assert.deepEqual([...parseIndexes('1-9,12', 4)], [1, 2, 3]);
    assert.equal(formatIndexes(new Set([0, 1, 3, 5, 6, 7])), '0,1,3,5-7');
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (indexes) => {
        const set = new Set(indexes);
        assert.deepEqual(parseIndexes(formatIndexes(set)), new Set([...set].sort((a, b) => a - b)));
      }),
    );
  });

  it('are given from the lowest free one', () => {
    assert.deepEqual(freeIndexes(5, new Set([0, 2]), 2), [1, 3]);
    assert.deepEqual(freeIndexes(2, new Set([0, 1]), 3), []);
  });
});

describe('the tally', () => {
  it('notes an end, then counts it when the finalizer is gone, once', () => {
    const p = jobsPod('Succeeded');
    const uid = p.metadata.uid ?? '';
    const first = tally(job(), [p]);
    assert.deepEqual(first.uncounted, { succeeded: [uid], failed: [] });
    assert.deepEqual([first.succeeded, first.counted.succeeded], [1, 0]);
    assert.deepEqual(first.release, [p]);
    const noted = job({}, { uncountedTerminatedPods: { succeeded: [uid] } });
    assert.equal(tally(noted, [p]).counted.succeeded, 0);
    const released = jobsPod('Succeeded', { tracked: false });
    released.metadata.uid = uid;
    for (const pods of [[released], []]) {
      const then = tally(noted, pods);
      assert.deepEqual([then.succeeded, then.counted.succeeded], [1, 1]);
      assert.deepEqual(then.uncounted.succeeded, []);
    }
    assert.equal(tally(job({}, { succeeded: 1 }), [released]).succeeded, 1);
  });

  it('takes a pod that is being deleted for failed, unless the job waits for its end', () => {
    const going = jobsPod('Running', { deleting: true });
    assert.equal(tally(job(), [going]).failed, 1);
    assert.equal(tally(job({ podReplacementPolicy: 'Failed' }), [going]).failed, 0);
  });

  it('of an indexed job counts indexes, not pods', () => {
    const indexed = job({ completionMode: 'Indexed', completions: 3 });
    const pods = [
      jobsPod('Succeeded', { index: 1 }),
      jobsPod('Succeeded', { index: 1 }),
      jobsPod('Succeeded', { index: 9 }),
    ];
    const counts = tally(indexed, pods);
    assert.equal(counts.succeeded, 1);
    assert.deepEqual([...counts.completedIndexes], [1]);
    assert.equal(counts.release.length, 3);
  });
});

describe('a job', () => {
  const cases: [string, Partial<JobSpec>, Pod[], number, number][] = [
    ['starts', {}, [], 1, 0],
    ['runs in parallel', { completions: 5, parallelism: 3 }, [], 3, 0],
    ['runs no more than it needs', { completions: 2, parallelism: 9 }, [], 2, 0],
    ['counts what succeeded', { completions: 3, parallelism: 3 }, many(2, 'Succeeded'), 1, 0],
    ['is content', { completions: 2, parallelism: 2 }, many(2, 'Running'), 0, 0],
    ['takes back too many', { completions: 5, parallelism: 1 }, many(3, 'Running'), 0, 2],
    ['stands still while suspended', { suspend: true }, many(1, 'Running'), 0, 1],
    ['a work queue starts its workers', { completions: undefined, parallelism: 2 }, [], 2, 0],
    [
      'a work queue adds none after a success',
      { completions: undefined, parallelism: 3 },
      [...many(1, 'Succeeded'), ...many(1, 'Running')],
      0,
      0,
    ],
    ['replaces a pod on its way out', {}, many(1, 'Running', { deleting: true }), 1, 0],
    [
      'or waits for its end if asked',
      { podReplacementPolicy: 'Failed' },
      many(1, 'Running', { deleting: true }),
      0,
      0,
    ],
  ];
  for (const [what, spec, pods, create, remove] of cases) {
    it(what, () => {
      const plan = decide(job(spec), pods);
      assert.deepEqual([plan.create.length, plan.remove.length], [create, remove]);
    });
  }

  it('counts pods', () => {
    const pods = [...many(2, 'Running'), ...many(1, 'Running', { deleting: true })];
    const { status } = decide(job({ completions: 9, parallelism: 3 }), pods);
    assert.deepEqual([status.active, status.ready, status.terminating], [2, 2, 1]);
    assert.equal(status.startTime, at(0));
  });

  it('of indexes runs each once', () => {
    const indexed = job({ completionMode: 'Indexed', completions: 4, parallelism: 3 });
    const pods = [
      jobsPod('Succeeded', { index: 0 }),
      jobsPod('Running', { index: 1 }),
      jobsPod('Running', { index: 1 }),
      jobsPod('Running', { index: 7 }),
    ];
    const plan = decide(indexed, pods);
    assert.deepEqual(plan.create, [2, 3]);
    assert.equal(plan.remove.length, 2);
    assert.equal(plan.status.completedIndexes, '0');
  });
});

describe('a success policy', () => {
  const cases: [string, SuccessPolicyRule[], number[], number | undefined][] = [
    ['by number', [{ succeededCount: 2 }], [0, 3], 0],
    ['by number, not yet', [{ succeededCount: 2 }], [3], undefined],
    ['by indexes', [{ succeededIndexes: '0,2-3' }], [0, 2, 3, 4], 0],
    ['by indexes, not yet', [{ succeededIndexes: '0,2-3' }], [0, 3, 4], undefined],
    ['by some of the indexes', [{ succeededIndexes: '0-3', succeededCount: 2 }], [1, 2], 0],
    ['by its second rule', [{ succeededIndexes: '4' }, { succeededCount: 1 }], [0], 1],
    ['without a success', [{ succeededIndexes: '9' }], [], undefined],
  ];
  for (const [what, rules, completed, expected] of cases) {
    it(what, () => {
      const one = job({ completionMode: 'Indexed', completions: 5, successPolicy: { rules } });
      assert.equal(matchSuccessPolicy(one, new Set(completed)), expected);
    });
  }
});

describe('a failure policy', () => {
  const rules = [
    { action: 'Ignore', onExitCodes: { containerName: 'other', operator: 'In', values: [3] } },
    { action: 'Count', onExitCodes: { operator: 'In', values: [3] } },
    { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [3, 4] } },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  ];
  const failing = (exitCode: number, conditions: PodCondition[] = []): Pod =>
    pod({
      name: 'p',
      status: {
        phase: 'Failed',
        conditions,
        containerStatuses: [
          { name: 'c', image: '', imageID: '', ready: false, restartCount: 0 },
          { name: 'd', image: '', imageID: '', ready: false, restartCount: 0 },
        ].map((c) => ({
          ...c,
          state: { terminated: { exitCode: c.name === 'd' ? exitCode : 0 } },
        })),
      },
    });
  const match = (failed: Pod): string | undefined =>
    matchFailurePolicy(job({ podFailurePolicy: { rules } }), failed)?.action;

  it('speaks by its first rule that fits', () => {
    assert.equal(match(failing(3)), 'Count');
    assert.equal(match(failing(5)), 'FailJob');
    assert.equal(match(failing(4)), undefined);
    assert.equal(match(failing(0)), undefined);
    assert.equal(match(failing(4, [{ type: 'DisruptionTarget', status: 'True' }])), 'Ignore');
  });
});

describe('the end of a job', () => {
  it('is told first and final once every end is counted', () => {
    const done = decide(job(), many(1, 'Succeeded'));
    assert.deepEqual(types(done), ['SuccessCriteriaMet=True']);
    const counted = job({}, { ...done.status, succeeded: 1, uncountedTerminatedPods: {} });
    const final = decide(counted, many(1, 'Succeeded', { tracked: false }));
    assert.deepEqual(types(final), ['SuccessCriteriaMet=True', 'Complete=True']);
    assert.equal(final.status.completionTime, at(0));
    assert.equal(final.status.succeeded, 1);
  });

  it('by failures comes after the limit', () => {
    assert.deepEqual(types(decide(job({ backoffLimit: 2 }), many(2, 'Failed'))), []);
    const over = decide(job({ backoffLimit: 2 }), [...many(3, 'Failed'), ...many(1, 'Running')]);
    assert.deepEqual(types(over), ['FailureTarget=True']);
    assert.equal(over.status.conditions?.[0]?.reason, 'BackoffLimitExceeded');
    assert.equal(over.remove.length, 1);
    const quiet = job(
      { backoffLimit: 2 },
      { ...over.status, failed: 3, uncountedTerminatedPods: {} },
    );
    const final = decide(quiet, many(3, 'Failed', { tracked: false }));
    assert.deepEqual(types(final), ['FailureTarget=True', 'Failed=True']);
    assert.equal(final.status.completionTime, undefined);
  });

  it('by restarts in place comes at the limit', () => {
    const restarting = jobsPod('Running');
    const [container] = restarting.status?.containerStatuses ?? [];
    if (container) container.restartCount = 3;
    const template = { spec: { restartPolicy: 'OnFailure', containers: [] } };
    assert.deepEqual(types(decide(job({ template, backoffLimit: 3 }), [restarting])), [
      'FailureTarget=True',
    ]);
    assert.deepEqual(types(decide(job({ template, backoffLimit: 4 }), [restarting])), []);
  });

  it('by time comes at the deadline, and wakes the loop for it', () => {
    const spec = { activeDeadlineSeconds: 30 };
    const early = decide(job(spec, { startTime: at(-20) }), many(1, 'Running'));
    assert.equal(early.wakeAtMs, NOW_MS + 10_000);
    const late = decide(job(spec, { startTime: at(-30) }), many(1, 'Running'));
    assert.equal(late.status.conditions?.[0]?.reason, 'DeadlineExceeded');
    assert.equal(late.remove.length, 1);
  });

  it('stands: a finished job makes nothing and lets its pods go', () => {
    const status = { conditions: [{ type: 'Complete', status: 'True' }] };
    const plan = decide(job({ completions: 5 }, status), [
      ...many(1, 'Running'),
      ...many(2, 'Failed'),
    ]);
    assert.deepEqual([plan.create.length, plan.remove.length, plan.release.length], [0, 1, 3]);
    assert.equal(plan.status, status);
  });
});

describe('suspension', () => {
  it('is told, and takes the start time with it; resuming starts anew', () => {
    const suspended = decide(job({ suspend: true }, { startTime: at(-99) }), []);
    assert.deepEqual(types(suspended), ['Suspended=True']);
    assert.equal(suspended.status.startTime, undefined);
    const resumed = decide(job({}, suspended.status), []);
    assert.deepEqual(types(resumed), ['Suspended=False']);
    assert.equal(resumed.status.startTime, at(0));
    assert.equal(resumed.create.length, 1);
  });
});

describe('waiting after failures', () => {
  it('doubles, and ends with a success', () => {
    const failed = (ended: number): Pod => jobsPod('Failed', { ended });
    assert.equal(retryAtMs([]), 0);
    assert.equal(retryAtMs([failed(-5)]), NOW_MS + 5000);
    assert.equal(retryAtMs([failed(-5), failed(-50)]), NOW_MS + 15_000);
    assert.equal(retryAtMs(Array.from({ length: 99 }, () => failed(0))), NOW_MS + 600_000);
    assert.equal(retryAtMs([failed(-50), jobsPod('Succeeded', { ended: -5 })]), 0);
  });

  it('holds the next pod back', () => {
    const plan = decide(job(), [jobsPod('Failed', { ended: -4 })]);
    assert.deepEqual(plan.create, []);
    assert.equal(plan.wakeAtMs, NOW_MS + 6000);
  });
});

describe('the pod of a job', () => {
  it('is tracked', () => {
    assert.deepEqual(jobPod(job(), undefined).metadata.finalizers, [TRACKING_FINALIZER]);
  });

  it('knows its index', () => {
    const made = jobPod(job(), 3);
    assert.equal(made.metadata.generateName, 'j-3-');
    assert.equal(made.metadata.annotations?.['batch.kubernetes.io/job-completion-index'], '3');
    assert.equal(made.spec?.hostname, 'j-3');
    const [variable] = made.spec?.containers[0]?.env ?? [];
    assert.equal(variable?.name, 'JOB_COMPLETION_INDEX');
    const label = "metadata.labels['batch.kubernetes.io/job-completion-index']";
    assert.equal(variable?.valueFrom?.fieldRef?.fieldPath, label);
  });

  it('shows its index in its name, however long that of the Job is', () => {
    const long = job();
    long.metadata.name = 'n'.repeat(60);
    const prefix = jobPod(long, 12).metadata.generateName ?? '';
    assert.equal(prefix, `${'n'.repeat(54)}-12-`);
  });
});
