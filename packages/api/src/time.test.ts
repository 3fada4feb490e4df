import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  formatMicroTime,
  formatTime,
  humanDuration,
  isPlainTime,
  parseDurationMs,
  parseTime,
  TimeError,
} from './time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('durations as kubectl shows them', () => {
  const cases: readonly [number, string][] = [
    [-5 * SECOND, '<invalid>'],
    [-1 * SECOND, '0s'],
    [0, '0s'],
    [999, '0s'],
    [45 * SECOND, '45s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [3 * MINUTE + 20 * SECOND, '3m20s'],
    [10 * MINUTE + 5 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [5 * HOUR + 7 * MINUTE, '5h7m'],
    [8 * HOUR + 7 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [2 * DAY, '2d'],
    [2 * DAY + 3 * HOUR, '2d3h'],
    [8 * DAY + 3 * HOUR, '8d'],
    [400 * DAY, '400d'],
    [2 * 365 * DAY, '2y'],
    [2 * 365 * DAY + 10 * DAY, '2y10d'],
    [8 * 365 * DAY + 10 * DAY, '8y'],
  ];
  for (const [ms, text] of cases) {
    test(`${ms} ms → ${text}`, () => {
      assert.equal(humanDuration(ms), text);
    });
  }
});

describe('times', () => {
  test('are written in UTC, to the second or the microsecond', () => {
    const time = parseTime('2024-01-02T03:04:05.123456+01:00');
    assert.equal(formatTime(time), '2024-01-02T02:04:05Z');
    assert.equal(formatMicroTime(time), '2024-01-02T02:04:05.123456Z');
    assert.equal(formatMicroTime(0), '1970-01-01T00:00:00.000000Z');
    assert.equal(formatTime(1500), '1970-01-01T00:00:01Z');
  });

  const broken: readonly [string, RegExp][] = [
    [
      'yesterday',
      /parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"/,
    ],
    ['2024', /cannot parse "" as "-"/],
    ['2024-01-02', /cannot parse "" as "T"/],
    ['2024-01-02 03:04:05Z', /cannot parse " 03:04:05Z" as "T"/],
    ['2024-01-02T03:04:05', /cannot parse "" as "Z07:00"/],
    ['2024-01-02T03:04:05Zx', /extra text: "x"/],
  ];
  for (const [text, why] of broken) {
    test(`${text} is refused`, () => {
      assert.throws(() => parseTime(text), TimeError);
      assert.throws(() => parseTime(text), why);
    });
  }
});

test('Go durations', () => {
  assert.equal(parseDurationMs('1h30m'), 5_400_000);
  assert.equal(parseDurationMs('1.5s'), 1500);
  assert.equal(parseDurationMs('-2s'), -2000);
  assert.equal(parseDurationMs('250ms'), 250);
  assert.equal(parseDurationMs('0'), 0);
  assert.equal(parseDurationMs('5'), undefined);
  assert.equal(parseDurationMs('s'), undefined);
});

describe('times that need no parsing', () => {
  test('are those that come out as they went in', () => {
    const plain = fc.record({
      ms: fc.integer({ min: Date.UTC(0, 0), max: Date.UTC(9999, 11, 31) }),
      us: fc.integer({ min: 0, max: 999 }),
    });
    fc.assert(
      fc.property(plain, ({ ms, us }) => {
        const [micro, whole] = [formatMicroTime({ ms, us }), formatTime(ms)];
        const isLeapDay = whole.slice(4, 10) === '-02-29';
        assert.equal(isPlainTime(micro, true), !isLeapDay);
        assert.equal(isPlainTime(whole, false), !isLeapDay);
        assert.ok(!isPlainTime(micro, false) && !isPlainTime(whole, true));
      }),
    );
  });

  test('are none that have to be changed or refused', () => {
    const others = [
      ...['2024-13-01T00:00:00Z', '2024-00-10T00:00:00Z', '2024-02-30T00:00:00Z'],
      ...['2024-04-31T00:00:00Z', '2023-02-29T00:00:00Z', '2024-01-32T00:00:00Z'],
      ...['2024-01-01T24:00:00Z', '2024-01-01T00:60:00Z', '2024-01-01T00:00:60Z'],
      ...['2024-01-01T00:00:00+00:00', '2024-01-01T00:00:00.5Z', ' 2024-01-01T00:00:00Z', ''],
    ];
    for (const text of others) {
      assert.equal(isPlainTime(text, false) || isPlainTime(text, true), false, text);
    }
  });
});
