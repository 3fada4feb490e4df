import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSchedule } from './schedule.ts';

const MINUTE_MS = 60_000;

/** Cases of the parser the stock controller uses: from one time to the next, again and again. */
describe('a schedule where clocks are changed', () => {
  const cases: [string, string, string[]][] = [
    ['a time that is skipped', '30 2 11 3 ?', ['2012-03-11T00:00-0500', '2013-03-11T02:30-0400']],
    [
      'every hour, one skipped',
      '0 * * * ?',
      ['2012-03-11T00:00-0500', '2012-03-11T01:00-0500', '2012-03-11T03:00-0400'],
    ],
    [
      'every night at one, before the change',
      '0 1 * * ?',
      ['2012-03-11T00:00-0500', '2012-03-11T01:00-0500', '2012-03-12T01:00-0400'],
    ],
    [
      'every night at two, skipped',
      '0 2 * * ?',
      ['2012-03-11T00:00-0500', '2012-03-12T02:00-0400'],
    ],
    ['after the second hour', '30 2 04 Nov ?', ['2012-11-04T00:00-0400', '2012-11-04T02:30-0500']],
    ['in the second hour', '30 1 04 Nov ?', ['2012-11-04T01:45-0400', '2012-11-04T01:30-0500']],
    [
      'every hour, one twice',
      '0 * * * ?',
      [
        '2012-11-04T00:00-0400',
        '2012-11-04T01:00-0400',
        '2012-11-04T01:00-0500',
        '2012-11-04T02:00-0500',
      ],
    ],
    [
      'every night at one, twice',
      '0 1 * * ?',
      [
        '2012-11-04T00:00-0400',
        '2012-11-04T01:00-0400',
        '2012-11-04T01:00-0500',
        '2012-11-05T01:00-0500',
      ],
    ],
    [
      'every night at two',
      '0 2 * * ?',
      ['2012-11-04T00:00-0400', '2012-11-04T02:00-0500', '2012-11-05T02:00-0500'],
    ],
  ];
  const iso = (ms: number | undefined): string => new Date(ms ?? 0).toISOString();
  for (const [name, text, times] of cases) {
    it(name, () => {
      const moments = times.map((time) => Date.parse(time.replace(/(\d\d)$/, ':$1')));
      for (const given of ['TZ', 'CRON_TZ']) {
        const schedule = parseSchedule(`${given}=America/New_York ${text}`);
        for (const [at, ms] of moments.entries()) {
          const then = moments[at + 1];
          if (then === undefined) continue;
          assert.equal(iso(schedule.next(ms)), iso(then));
          assert.equal(iso(schedule.previous(then)), iso(then));
          const before = schedule.previous(then - 1) ?? 0;
          assert.equal(iso(schedule.next(before)), iso(then));
        }
      }
    });
  }

  it('misses no minute and makes none up', () => {
    const zones = ['America/New_York', 'Australia/Lord_Howe', 'Europe/Berlin', 'Africa/Casablanca'];
    const fields = fc.tuple(
      fc.constantFrom('*', '*/7', '0', '30', '59'),
      fc.constantFrom('*', '*/2', '0', '1', '2', '3'),
    );
    // Around the days clocks change in the second half of 2026 and the first of 2027.
    const days = fc.constantFrom(
      '2026-10-25',
      '2026-11-01',
      '2027-03-14',
      '2027-03-28',
      '2027-04-04',
    );
    fc.assert(
      fc.property(fc.constantFrom(...zones), fields, days, (zone, [minute, hour], day) => {
        const schedule = parseSchedule(`${minute} ${hour} * * *`, zone);
        const format = new Intl.DateTimeFormat('en', {
          ...{ timeZone: zone, hourCycle: 'h23', hour: 'numeric', minute: 'numeric' },
        });
        const holds = (field: string, value: number): boolean =>
          field === '*' ||
          (field.startsWith('*/') ? value % Number(field.slice(2)) === 0 : Number(field) === value);
        const start = Date.parse(`${day}T00:00Z`) - 16 * 60 * MINUTE_MS;
        const expected: number[] = [];
        for (let ms = start; ms < start + 32 * 60 * MINUTE_MS; ms += MINUTE_MS) {
          const parts = new Map(format.formatToParts(ms).map((p) => [p.type, Number(p.value)]));
          const [h = -1, m = -1] = [parts.get('hour'), parts.get('minute')];
          if (holds(minute, m) && holds(hour, h)) expected.push(ms);
        }
        for (const [at, ms] of expected.entries()) {
          if (at === 0) continue;
          assert.equal(iso(schedule.next(expected[at - 1] ?? 0)), iso(ms));
          assert.equal(iso(schedule.previous(ms - 1)), iso(expected[at - 1]));
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('an interval', () => {
  const start = Date.parse('2026-01-02T03:04:05Z');
  const cases: [string, number][] = [
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['90s', 90],
    ['100ms', 1],
    ['0s', 1],
    ['-5m', 1],
    ['1m0.7s', 60],
  ];
  for (const [text, seconds] of cases) {
    it(`of ${text} is counted from the last run`, () => {
      const schedule = parseSchedule(`@every ${text}`, 'UTC', start);
      assert.equal(schedule.next(start), start + seconds * 1000);
      assert.equal(schedule.previous(start + seconds * 2500), start + seconds * 2000);
    });
  }
});

describe('fields of a schedule', () => {
  const start = Date.parse('2026-01-02T03:04:00Z');
  const same: [string, string][] = [
    ['1,,2 * * * *', '1,2 * * * *'],
    // A star among others leaves the other day to decide.
    ['0 0 *,5 * mon', '0 0 * * mon'],
    ['0 0 */1 * mon', '0 0 * * mon'],
    ['0 0 1 * */1', '0 0 1 * *'],
  ];
  for (const [one, other] of same) {
    it(`"${one}" is "${other}"`, () => {
      let [a, b]: (number | undefined)[] = [start, start];
      for (let at = 0; at < 5; at += 1) {
        a = parseSchedule(one).next(a ?? 0);
        b = parseSchedule(other).next(b ?? 0);
        assert.equal(a, b);
      }
    });
  }
});
