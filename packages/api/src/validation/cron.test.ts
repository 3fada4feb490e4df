import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isTimeZone, scheduleProblem } from './cron.ts';

describe('schedules', () => {
  for (const good of [
    '* * * * *',
    '*/5 0-6 1,15 jan-mar MON',
    '0 0 29 2 *',
    '59 23 31 12 6',
    '@hourly',
    '@every 5m',
    '0/15 * * * ?',
  ]) {
    test(`${good} can be read`, () => {
      assert.equal(scheduleProblem(good), undefined);
    });
  }

  const bad: readonly [string, RegExp][] = [
    ['* * * *', /expected exactly 5 fields, found 4/],
    ['60 * * * *', /end of range \(60\) above maximum \(59\)/],
    ['* * 0 * *', /beginning of range \(0\) below minimum \(1\)/],
    ['9-5 * * * *', /beginning of range \(9\) beyond end of range \(5\)/],
    ['*/0 * * * *', /step of range should be a positive number/],
    ['1/2/3 * * * *', /too many slashes/],
    ['1-2-3 * * * *', /too many hyphens/],
    ['a * * * *', /failed to parse int from a/],
    ['@sometimes', /unrecognized descriptor/],
  ];
  for (const [schedule, why] of bad) {
    test(`${schedule} can not`, () => {
      assert.match(scheduleProblem(schedule) ?? '', why);
    });
  }
});

test('time zones', () => {
  assert.equal(isTimeZone('Europe/Berlin'), true);
  assert.equal(isTimeZone('Mars/Olympus'), false);
});
