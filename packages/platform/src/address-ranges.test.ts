import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatIPv4, inRanges, parseIPv4, parseRanges } from './address-ranges.ts';
import { ConfigError } from './errors.ts';

const read = (...texts: string[]) =>
  parseRanges(texts, '--r').map(({ first, last }) => `${formatIPv4(first)}-${formatIPv4(last)}`);

describe('address ranges', () => {
  const good: [string[], string[]][] = [
    [['192.0.2.0/24'], ['192.0.2.1-192.0.2.254']],
    [['192.0.2.8/30'], ['192.0.2.9-192.0.2.10']],
    [['192.0.2.8/31'], ['192.0.2.8-192.0.2.9']],
    [['192.0.2.8/32'], ['192.0.2.8-192.0.2.8']],
    [['192.0.2.7'], ['192.0.2.7-192.0.2.7']],
    [['192.0.2.250-192.0.3.5'], ['192.0.2.250-192.0.3.5']],
    [['0.0.0.0/0'], ['0.0.0.1-255.255.255.254']],
    [
      ['198.51.100.1', '192.0.2.7'],
      ['192.0.2.7-192.0.2.7', '198.51.100.1-198.51.100.1'],
    ],
    [[], []],
  ];
  for (const [texts, wanted] of good) {
    it(`reads ${texts.join(' and ') || 'nothing'}`, () => assert.deepEqual(read(...texts), wanted));
  }

  const bad: [string[], RegExp][] = [
    [['192.0.2.1/24'], /"192\.0\.2\.1\/24" is no range/],
    [['192.0.2.0/33'], /no range/],
    [['192.0.2.0/'], /no range/],
    [['192.0.2.300'], /no range/],
    [['192.0.2.07'], /no range/],
    [['192.0.2.9-192.0.2.8'], /no range/],
    [['fd00::/64'], /no range/],
    [['home'], /--r: "home"/],
    [['192.0.2.0/24', '192.0.2.100-192.0.2.110'], /overlap/],
  ];
  for (const [texts, message] of bad) {
    it(`refuses ${texts.join(' and ')}`, () => {
      assert.throws(
        () => read(...texts),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    });
  }

  it('knows what lies inside', () => {
    const ranges = parseRanges(['192.0.2.0/24', '198.51.100.7'], '--r');
    assert.deepEqual(
      ['192.0.2.1', '192.0.2.0', '198.51.100.7', '198.51.100.8', 'fd00::1', ''].map((ip) =>
        inRanges(ip, ranges),
      ),
      [true, false, true, false, false, false],
    );
    assert.equal(parseIPv4('255.255.255.255'), 2 ** 32 - 1);
  });
});
