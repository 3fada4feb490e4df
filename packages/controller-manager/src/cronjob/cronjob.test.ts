import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '@kubets/api';
import fc from 'fast-check';
import { jobController } from '../job/reconciler.ts';
import { at, NOW_MS } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { decideCronJob, SCHEDULED_ANNOTATION } from './decide.ts';
import { cronJobController } from './reconciler.ts';
import { parseSchedule, ScheduleError } from './schedule.ts';

const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().replace(':00.000Z', '');
const ms = (text: string): number => Date.parse(`${text}:00Z`);

describe('a schedule', () => {
  const cases: [string, string, string, string][] = [
    ['* * * * *', '2026-01-02T03:04', '2026-01-02T03:05', '2026-01-02T03:04'],
    ['*/15 * * * *', '2026-01-02T03:04', '2026-01-02T03:15', '2026-01-02T03:00'],
    ['5-10/2 3 * * *', '2026-01-02T03:06', '2026-01-02T03:07', '2026-01-02T03:05'],
    ['0 0 1 * *', '2026-01-02T03:04', '2026-02-01T00:00', '2026-01-01T00:00'],
    ['0 0 29 2 *', '2026-01-02T03:04', '2028-02-29T00:00', '2024-02-29T00:00'],
    ['30 4 * * mon', '2026-01-02T03:04', '2026-01-05T04:30', '2025-12-29T04:30'],
    ['30 4 * * 7', '2026-01-02T03:04', '2026-01-04T04:30', '2025-12-28T04:30'],
    ['0 12 13 * fri', '2026-01-02T03:04', '2026-01-02T12:00', '2025-12-26T12:00'],
    ['0 0 * dec,JAN *', '2026-02-02T00:00', '2026-12-01T00:00', '2026-01-31T00:00'],
    ['20/10 * * * *', '2026-01-02T03:04', '2026-01-02T03:20', '2026-01-02T02:50'],
    ['@daily', '2026-01-02T03:04', '2026-01-03T00:00', '2026-01-02T00:00'],
    ['@yearly', '2026-01-02T03:04', '2027-01-01T00:00', '2026-01-01T00:00'],
    ['@every 1h30m', '2026-01-02T03:04', '2026-01-02T04:30', '2026-01-02T03:00'],
  ];
  for (const [text, now, next, previous] of cases) {
    it(`${text} around ${now}`, () => {
      const schedule = parseSchedule(text);
      assert.equal(iso(schedule.next(ms(now))), next);
      assert.equal(iso(schedule.previous(ms(now))), previous);
    });
  }

  it('that never comes is known never to come', () => {
    assert.equal(parseSchedule('0 0 31 2 *').next(NOW_MS), undefined);
    assert.equal(parseSchedule('0 0 31 2 *').previous(NOW_MS), undefined);
  });

  for (const text of [
    '* * * *',
    '60 * * * *',
    '* * * * * *',
    'x * * * *',
    '5-3 * * * *',
    '*/0 * * * *',
    '@every hour',
    '@often',
  ]) {
    it(`refuses "${text}"`, () => assert.throws(() => parseSchedule(text), ScheduleError));
  }

  it('follows the clocks of a place', () => {
    const berlin = parseSchedule('30 2 * * *', 'Europe/Berlin');
    assert.equal(iso(berlin.next(ms('2026-01-02T00:00'))), '2026-01-02T01:30');
    assert.equal(iso(berlin.next(ms('2026-07-02T00:00'))), '2026-07-02T00:30');
    // 29 March 2026, 02:00 to 03:00 does not happen; 25 October, it happens twice.
    assert.equal(iso(berlin.next(ms('2026-03-28T12:00'))), '2026-03-30T00:30');
    assert.equal(iso(berlin.next(ms('2026-10-24T12:00'))), '2026-10-25T00:30');
    assert.equal(iso(berlin.next(ms('2026-10-25T00:30'))), '2026-10-25T01:30');
    assert.equal(iso(berlin.next(ms('2026-10-25T01:30'))), '2026-10-26T01:30');
    assert.throws(() => parseSchedule('* * * * *', 'Mars/Olympus'), ScheduleError);
  });

  it('goes back to where it came from', () => {
    const field = (max: number, min = 0) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
      );
    fc.assert(
      fc.property(
        fc.tuple(field(59), field(23), field(28, 1), field(12, 1)),
        fc.integer({ min: 0, max: 2 ** 41 }),
        (fields, now) => {
          const schedule = parseSchedule(`${fields.join(' ')} *`);
          const next = schedule.next(now) ?? 0;
          assert.ok(next > now);
          assert.equal(schedule.previous(next), next);
          const previous = schedule.previous(now) ?? 0;
          assert.ok(previous <= now);
          assert.equal(schedule.next(previous), next);
        },
      ),
      { numRuns: 200 },
    );
  });
});

function cron(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', namespace: 'default', uid: 'uid-of-c', creationTimestamp: at(-600) },
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { containers: [{ name: 'c', image: 'good' }] } } } },
      ...spec,
    },
    status,
  };
}

function ran(name: string, end: 'Complete' | 'Failed' | undefined, age: number): Job {
  const conditions = end ? [{ type: end, status: 'True' }] : [];
  return {
    metadata: {
      ...{ name, namespace: 'default', uid: name, creationTimestamp: at(-age) },
      annotations: { [SCHEDULED_ANNOTATION]: at(-age) },
    },
    status: { conditions, ...(end === 'Complete' ? { completionTime: at(-age + 5) } : {}) },
  };
}

const decide = (cronJob: CronJob, jobs: Job[] = []) => {
  const schedule = parseSchedule(cronJob.spec?.schedule ?? '');
  return decideCronJob({ cronJob, schedule, jobs, nowMs: NOW_MS });
};

describe('a cron job', () => {
  it('starts the run that is due, under its time', () => {
    const plan = decide(cron());
    assert.equal(plan.create?.metadata.name, `c-${Math.floor(NOW_MS / 60_000)}`);
    assert.equal(plan.status.lastScheduleTime, '2026-01-02T03:04:00Z');
    assert.equal(plan.wakeAtMs, Date.parse('2026-01-02T03:05:00Z'));
  });

  it('does not start it again, nor before its time, nor while suspended', () => {
    assert.equal(decide(cron({}, { lastScheduleTime: '2026-01-02T03:04:00Z' })).create, undefined);
    assert.equal(decide(cron({ schedule: '0 0 1 1 *' })).create, undefined);
    const suspended = decide(cron({ suspend: true }));
    assert.deepEqual([suspended.create, suspended.wakeAtMs], [undefined, undefined]);
  });

  it('lets a run go that is too late', () => {
    const late = decide(cron({ schedule: '0 3 * * *', startingDeadlineSeconds: 60 }));
    assert.equal(late.create, undefined);
    assert.match(late.missed ?? '', /: Fri, 02 Jan 2026 03:00:00 \+0000$/);
    assert.ok(decide(cron({ schedule: '0 3 * * *', startingDeadlineSeconds: 600 })).create);
  });

  it('says so when its time never comes', () => {
    const { create, wakeAtMs, never } = decide(cron({ schedule: '59 23 31 2 *' }));
    assert.deepEqual([create, wakeAtMs], [undefined, undefined]);
    const why = 'time difference between two schedules is less than 1 second';
    assert.equal(never, `invalid schedule: 59 23 31 2 * : ${why}`);
    assert.equal(decide(cron({ schedule: '59 23 31 2 *', suspend: true })).never, undefined);
  });

  it('treats runs that still go as it is told', () => {
    const running = [ran('r', undefined, 90)];
    assert.ok(decide(cron(), running).create);
    assert.equal(decide(cron({ concurrencyPolicy: 'Forbid' }), running).create, undefined);
    const replacing = decide(cron({ concurrencyPolicy: 'Replace' }), running);
    assert.ok(replacing.create);
    assert.deepEqual(replacing.remove, running);
  });

  it('keeps a few ended runs and remembers the last success', () => {
    const jobs = [
      ...[10, 20, 30, 40, 50].map((age) => ran(`good-${age}`, 'Complete', age)),
      ...[15, 25].map((age) => ran(`bad-${age}`, 'Failed', age)),
    ];
    const plan = decide(cron(), jobs);
    assert.deepEqual(plan.remove.map((j) => j.metadata.name).sort(), [
      'bad-25',
      'good-40',
      'good-50',
    ]);
    assert.equal(plan.status.lastSuccessfulTime, at(-5));
  });

  it('tells of ends it has not told of', () => {
    const known = cron({}, { active: [{ uid: 'r', name: 'r' }] });
    assert.deepEqual(decide(known, [ran('r', 'Failed', 9)]).ended, [
      { name: 'r', condition: 'Failed' },
    ]);
    assert.deepEqual(decide(cron(), [ran('r', 'Failed', 9)]).ended, []);
  });

  it('says when a run is held back by the one before', () => {
    const running = [ran('r', undefined, 90)];
    assert.equal(decide(cron({ concurrencyPolicy: 'Forbid' }), running).held, true);
    assert.equal(decide(cron({ concurrencyPolicy: 'Replace' }), running).held, undefined);
  });

  it('tells of Jobs that are none of its runs, and goes on beside them', () => {
    const manual = { ...ran('m', undefined, 9), metadata: { name: 'm', uid: 'm' } };
    const plan = decide(cron({ concurrencyPolicy: 'Forbid' }), [manual]);
    assert.ok(plan.create);
    assert.deepEqual([plan.unexpected, plan.status.active], [['m'], []]);
    const known = cron({ concurrencyPolicy: 'Forbid' }, { active: [{ uid: 'm', name: 'm' }] });
    const held = decide(known, [manual]);
    assert.deepEqual([held.unexpected, held.held], [[], true]);
  });

  it('says when so many runs were missed that something must be wrong', () => {
    const long = (minutes: number, more = {}) =>
      decide(cron(more, { lastScheduleTime: at(-60 * minutes) })).missedMany;
    assert.equal(long(90), undefined);
    assert.equal(long(110), true);
    assert.equal(long(110, { startingDeadlineSeconds: 600 }), undefined);
    assert.ok(decide(cron({}, { lastScheduleTime: at(-99_999) })).create);
  });

  it('tells of a running job that somebody took away', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [cronJobController(deps)] });
    await cluster.start();
    const metadata = { name: 'c', namespace: 'default' };
    await cluster.create('cronjobs', { ...cron(), metadata });
    await cluster.pass(61_000);
    const [name = ''] = cluster.names('jobs');
    await cluster.delete('jobs', name);
    await cluster.settle();
    assert.ok(cluster.events().includes(`MissingJob: Active job went missing: ${name}`));
    assert.deepEqual(cluster.get<CronJob>('cronjobs', 'c').status?.active ?? [], []);
    await cluster.stop();
  });

  it('goes by UTC where it does not know the zone, and by a zone in the schedule', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [cronJobController(deps)] });
    await cluster.start();
    const specs: [string, Partial<CronJobSpec>][] = [
      ['a', { timeZone: 'Mars/Olympus' }],
      ['b', { schedule: 'TZ=Asia/Tokyo * * * * *' }],
      ['c', { schedule: 'now and then' }],
    ];
    for (const [name, spec] of specs) {
      await cluster.create('cronjobs', { ...cron(spec), metadata: { name, namespace: 'default' } });
    }
    await cluster.pass(61_000);
    const runs = cluster.names('jobs').map((name) => name.slice(0, 1));
    assert.deepEqual(runs.sort(), ['a', 'b']);
    const events = cluster.events();
    for (const start of [
      'UnknownTimeZone: invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus',
      'UnsupportedSchedule: CRON_TZ or TZ used in schedule "TZ=Asia/Tokyo * * * * *" is not officially supported, see ',
      'UnparseableSchedule: unparseable schedule: "now and then" : expected exactly 5 fields, found 3: [now and then]',
    ]) {
      assert.ok(
        events.some((event) => event.startsWith(start)),
        events.join('\n'),
      );
    }
    await cluster.stop();
  });

  it('runs once a minute, also when leaders change', async () => {
    const cluster = new TestCluster({
      controllers: (deps) => [cronJobController(deps), jobController(deps)],
    });
    cluster.outcomes.set('good', 'Succeeded');
    await cluster.start();
    const wanted = cron({ successfulJobsHistoryLimit: 10 });
    await cluster.create('cronjobs', { ...wanted, metadata: { name: 'c', namespace: 'default' } });
    for (let i = 0; i < 6; i++) {
      await cluster.pass(30_000);
      cluster.failover();
    }
    await cluster.pass(2000);
    const names = cluster.names('jobs');
    assert.equal(names.length, 3, names.join());
    assert.ok(cluster.events().some((e) => e.startsWith('SawCompletedJob: Saw completed job: c-')));
    await cluster.stop();
  });
});
