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
    '@every 1h30m.5s',
    '@every -3s',
    '1,,2 * * * *',
    '0/15 * * * ?',
    '+5 * * * *',
    '*-5-6 * * * *',
    'TZ=UTC * * * * *',
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
    ['a/2/3 * * * *', /failed to parse int from a/],
    ['70/0 * * * *', /beginning of range \(70\) beyond end of range \(59\): 70\/0$/],
    ['*/-1 * * * *', /^negative number \(-1\) not allowed: -1$/],
    ['99999999999999999999 * * * *', /parsing "99999999999999999999": value out of range$/],
    ['CRON_TZ=UTC * * * *', /^expected exactly 5 fields, found 4: \[\* \* \* \*\]$/],
    ['TZ=Mars/Olympus * * * * *', /^provided bad location Mars\/Olympus: unknown time zone Mars/],
    ['@sometimes', /unrecognized descriptor/],
    ['@every 5x', /^failed to parse duration @every 5x: time: unknown unit "x" in duration "5x"$/],
    ['@every 5', /time: missing unit in duration "5"$/],
    ['@every soon', /time: invalid duration "soon"$/],
    ['@every ', /time: invalid duration ""$/],
  ];
  for (const [schedule, why] of bad) {
    test(`${schedule} can not`, () => {
      assert.match(scheduleProblem(schedule) ?? '', why);
    });
  }
});

test('time zones', () => {
  assert.equal(isTimeZone('Europe/Berlin'), true);
  assert.equal(isTimeZone('US/Pacific'), true);
  assert.equal(isTimeZone('Etc/GMT+5'), true);
  assert.equal(isTimeZone('UTC'), true);
  for (const name of ['Mars/Olympus', 'europe/berlin', 'EUROPE/BERLIN', '+01:00', 'utc']) {
    assert.equal(isTimeZone(name), false, name);
  }
});
