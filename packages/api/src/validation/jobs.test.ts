import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Job } from '../generated/types.ts';
import { builtinKind } from '../registry.ts';
import { complaints, created } from '../testing/make.ts';
import { validateUpdate } from './index.ts';
import { countIndexes, IndexesError, sharedIndex } from './job-indexes.ts';

const JOB = builtinKind('batch/v1', 'Job');
const once = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
const INDEXED = { completionMode: 'Indexed', completions: 3 };
const rules = (...all: object[]) => ({ podFailurePolicy: { rules: all } });
const ends = (...all: object[]) => ({ ...INDEXED, successPolicy: { rules: all } });
const AT = 'spec.podFailurePolicy.rules[0]';
const WIN = 'spec.successPolicy.rules[0]';

const cases: readonly [spec: object, ...complaints: string[]][] = [
  [
    rules({ action: 'FailJob' }),
    `${AT}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
  ],
  [
    rules({ action: 'Stop', onExitCodes: { operator: 'In', values: [0, 2, 1, 1] } }),
    `${AT}.action: Unsupported value: "Stop": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
    `${AT}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator`,
    `${AT}.onExitCodes.values[3]: Duplicate value: 1`,
    `${AT}.onExitCodes.values: Invalid value: []int32{0, 2, 1, 1}: must be ordered`,
  ],
  [
    rules({
      action: 'FailIndex',
      onExitCodes: { operator: '', values: [], containerName: 'x' },
      onPodConditions: [{ type: 'Ready', status: 'Maybe' }],
    }),
    `${AT}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`,
    `${AT}.onExitCodes.operator: Required value: valid values: ["In" "NotIn"]`,
    `${AT}.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
    `${AT}.onExitCodes.values: Invalid value: []int32{}: at least one value is required`,
    `${AT}.onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`,
    `${AT}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`,
  ],
  [
    {
      ...rules({ action: 'Count', onPodConditions: [{ type: 'Ready', status: 'True' }] }),
      podReplacementPolicy: 'TerminatingOrFailed',
    },
    'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
  ],
  [
    { maxFailedIndexes: 5, ...INDEXED },
    'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    'spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions',
  ],
  [
    { ...INDEXED, completions: 200_000, parallelism: 20_000, backoffLimitPerIndex: 1 },
    'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
    'spec.parallelism: Invalid value: 20000: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
  ],
  [
    { managedBy: 'me' },
    'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [{ managedBy: 'example.com/me' }],
  [
    ends({}),
    `${WIN}: Required value: at least one of succeededCount or succeededIndexes must be specified`,
  ],
  [
    ends({ succeededIndexes: '0-9' }),
    `${WIN}.succeededIndexes: Invalid value: "0-9": error parsing succeededIndexes: too large index: "9"`,
  ],
  [
    ends({ succeededIndexes: '0,2', succeededCount: 5 }),
    `${WIN}.succeededCount: Invalid value: 5: must be less than or equal to 3 (the number of specified completions)`,
    `${WIN}.succeededCount: Invalid value: 5: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)`,
  ],
  [
    { successPolicy: { rules: [] } },
    'spec.successPolicy: Invalid value: batch.SuccessPolicy{Rules:[]batch.SuccessPolicyRule{}}: requires indexed completion mode',
  ],
  [
    ends(),
    'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
  ],
];

describe('jobs', () => {
  for (const [spec, ...expected] of cases) {
    test(expected[0] ?? `fine: ${JSON.stringify(spec)}`, () => {
      assert.deepEqual(complaints(JOB, { spec: { ...spec, template: once } }), expected);
    });
  }

  test('the name has to leave room for an index', () => {
    const metadata = { name: 'a'.repeat(62), namespace: 'default' };
    const [first] = complaints(JOB, { metadata, spec: { ...INDEXED, template: once } });
    assert.match(first ?? '', /will not able to create pod with invalid DNS label: a+-2$/);
  });

  test('the generated labels are not for the author to choose', () => {
    const labels = { 'job-name': 'other', app: 'a' };
    const [first, ...more] = complaints(JOB, {
      spec: { parallelism: -1, template: { ...once, metadata: { labels } } },
    });
    assert.match(
      first ?? '',
      /^spec\.template\.metadata\.labels\[job-name\]: Invalid value: map\[string\]string\{.*\}: must be 'x'$/,
    );
    assert.deepEqual(more, [
      'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });

  test('a selector that selects none of its pods is told beside other errors', () => {
    const selector = { matchLabels: { a: 'b' } };
    const spec = { template: once, manualSelector: true, parallelism: -1 };
    const at = 'spec.template.metadata.labels: Invalid value: map[string]string(nil)';
    const why = '`selector` does not match template `labels`';
    const first = 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0';
    assert.deepEqual(complaints(JOB, { spec: { ...spec, selector } }), [first, `${at}: ${why}`]);
    assert.deepEqual(complaints(JOB, { spec }), [
      first,
      'spec.selector: Required value',
      `${at}: ${why}`,
    ]);
  });

  test('of the affinity of a suspended job only that to nodes may change', () => {
    const term = { topologyKey: 'zone', labelSelector: {} };
    const affinities = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
        },
      },
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
    };
    const old = created<Job>(JOB, { spec: { suspend: true, template: once } });
    const found = (affinity: object) => {
      const next = structuredClone(old);
      Object.assign(next.spec?.template.spec ?? {}, { affinity });
      return validateUpdate(JOB, next, old).map((e) => e.field);
    };
    assert.deepEqual(found({ nodeAffinity: affinities.nodeAffinity }), []);
    assert.deepEqual(found(affinities), ['spec.template']);
  });

  test('the template of a CronJob selects nothing itself', () => {
    const spec = { template: once, manualSelector: true, selector: { matchLabels: { a: 'b' } } };
    const body = { spec: { schedule: '@daily', jobTemplate: { spec } } };
    const found = complaints(builtinKind('batch/v1', 'CronJob'), body);
    assert.equal(found.length, 2);
    assert.match(found[0] ?? '', /`selector` will be auto-generated$/);
    assert.match(
      found[1] ?? '',
      /manualSelector: Unsupported value: true: supported values: "nil"/,
    );
  });

  test('zones of schedules', () => {
    const found = (spec: object) =>
      complaints(builtinKind('batch/v1', 'CronJob'), {
        spec: { jobTemplate: { spec: { template: once } }, ...spec },
      });
    const inSchedule = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    const at = 'spec.schedule: Invalid value: "TZ=UTC * * * *"';
    assert.deepEqual(found({ schedule: 'TZ=UTC * * * *' }), [
      `${at}: expected exactly 5 fields, found 4: [* * * *]`,
      `${at}: ${inSchedule}`,
    ]);
    const explicit =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    const zone = (name: string, why: string) => `spec.timeZone: Invalid value: "${name}": ${why}`;
    const schedule = '@daily';
    assert.deepEqual(found({ schedule, timeZone: 'Local' }), [zone('Local', explicit)]);
    assert.deepEqual(found({ schedule, timeZone: 'local' }), [
      zone('local', explicit),
      zone('local', 'unknown time zone local'),
    ]);
  });

  test('completions of an indexed job change with parallelism only', () => {
    const old = created<Job>(JOB, { spec: { ...INDEXED, parallelism: 3, template: once } });
    const change = (more: object) =>
      validateUpdate(JOB, { ...old, spec: { ...old.spec, ...more } } as never, old as never).map(
        String,
      );
    assert.deepEqual(change({ completions: 4, parallelism: 4 }), []);
    assert.deepEqual(change({ completions: 4 }), [
      'spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism',
    ]);
    assert.deepEqual(change({ managedBy: 'example.com/me' }), [
      'spec.managedBy: Invalid value: "example.com/me": field is immutable',
    ]);
  });
});

describe('the status of jobs', () => {
  const TIME = '2024-01-02T03:04:05Z';
  const is = (...types: string[]) => ({
    conditions: types.map((type) => ({ type, status: 'True' })),
  });
  const old = created<Job>(JOB, { spec: { template: once, completions: 2, parallelism: 1 } });
  const change = (status: object, before: object = {}): string[] =>
    validateUpdate(
      JOB,
      { ...old, status } as never,
      { ...old, status: before } as never,
      'status',
    ).map(String);
  const AT_CONDITIONS = 'status.conditions: Invalid value: ';

  test('an end as the controller reports it', () => {
    const met = { startTime: TIME, succeeded: 2, ...is('SuccessCriteriaMet') };
    const done = {
      ...{ startTime: TIME, completionTime: TIME, succeeded: 2 },
      ...is('SuccessCriteriaMet', 'Complete'),
    };
    assert.deepEqual(change(met, { startTime: TIME }), []);
    assert.deepEqual(change(done, met), []);
    const lost = { startTime: TIME, failed: 1, ...is('FailureTarget', 'Failed') };
    assert.deepEqual(change(lost, { startTime: TIME }), []);
  });

  const wrong: readonly [string, object, object, ...string[]][] = [
    [
      'Complete alone',
      { startTime: TIME, completionTime: TIME, ...is('Complete') },
      {},
      `${AT_CONDITIONS}cannot set Complete=True condition without the SuccessCriteriaMet=true condition`,
    ],
    [
      'Failed alone',
      { startTime: TIME, ...is('Failed') },
      {},
      `${AT_CONDITIONS}cannot set Failed=True condition without the FailureTarget=true condition`,
    ],
    [
      'an end without a beginning',
      { active: 1, ...is('FailureTarget', 'Failed') },
      {},
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.startTime: Required value: startTime is required for finished job',
    ],
    [
      'fewer failures',
      { failed: 1 },
      { failed: 2 },
      'status.failed: Invalid value: 1: cannot decrease the failed counter',
    ],
    [
      'another start',
      {},
      { startTime: TIME },
      'status.startTime: Required value: startTime cannot be removed for unsuspended job',
    ],
    [
      'more ready than active',
      { ready: 2, active: 1 },
      {},
      'status.ready: Invalid value: 2: cannot set more ready pods than active',
    ],
    [
      'indexes of a job without',
      { completedIndexes: '0' },
      {},
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
    ],
    [
      'a time without an end',
      { startTime: TIME, completionTime: TIME },
      {},
      `status.completionTime: Invalid value: "${TIME}": cannot set completionTime when there is no Complete=True condition`,
    ],
  ];
  for (const [what, status, before, ...expected] of wrong) {
    test(what, () => assert.deepEqual(change(status, before), expected));
  }

  test('what was wrong before is not held against a change', () => {
    assert.deepEqual(change({ ...is('Complete'), succeeded: 1 }, is('Complete')), []);
  });
});

describe('sets of indexes', () => {
  test('are counted', () => {
    assert.equal(countIndexes('', 3), 0);
    assert.equal(countIndexes('0,2-4', 5), 4);
  });
  for (const text of ['a', '1-2-3', '5', '0-5', '2-1', '1,1', '0,']) {
    test(`are refused: ${text}`, () => assert.throws(() => countIndexes(text, 5), IndexesError));
  }
  test('may share an index', () => {
    assert.equal(sharedIndex('0-2,4', '3', 9), undefined);
    assert.equal(sharedIndex('0-2,4', '3-5', 9), 4);
    assert.equal(sharedIndex('0-2,4', 'x,1', 9), 1);
  });
});
