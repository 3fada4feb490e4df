import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  exactInteger,
  hasLongDigits,
  infiniteIn,
  isInt64,
  literalAt,
  parseExact,
  parseNumbers,
} from './exact-json.ts';

/** Upstream's table of numbers, and what each is written as again; see apimachinery/pkg/util/json/json_test.go. */
const NUMBERS: readonly [text: string, value: number | bigint, written: string][] = [
  ['0', 0, '0'],
  ['1', 1, '1'],
  ['2147483647', 2147483647, '2147483647'],
  ['-2147483648', -2147483648, '-2147483648'],
  ['9007199254740991', Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ['9007199254740992', 9007199254740992n, '9007199254740992'],
  ['9007199254740993', 9007199254740993n, '9007199254740993'],
  ['9223372036854775807', 9223372036854775807n, '9223372036854775807'],
  ['-9223372036854775808', -9223372036854775808n, '-9223372036854775808'],
  ['9223372036854775808', 2 ** 63, '9223372036854776000'],
  ['-9223372036854775809', -(2 ** 63), '-9223372036854776000'],
  ['0.0', 0, '0'],
  ['0.5', 0.5, '0.5'],
  ['1e3', 1000, '1000'],
  ['1e18', 1e18, '1000000000000000000'],
  ['1.5', 1.5, '1.5'],
  ['-0.3', -0.3, '-0.3'],
  ['3.40282346638528859811704183484516925440e+38', 3.4028234663852886e38, '3.4028234663852886e+38'],
  ['1.175494351e-38', 1.175494351e-38, '1.175494351e-38'],
  ['4.940656458412465441765687928682213723651e-324', 5e-324, '5e-324'],
];

describe('numbers keep what they say', () => {
  for (const [text, value, written] of NUMBERS) {
    it(text, () => {
      for (const [before, after] of [
        ['{"data":', '}'],
        ['[0,', ']'],
        ['{"__proto__":', '}'],
        ['[[[', ' ]]]'],
      ]) {
        const whole = `${before}${text}${after}`;
        assert.equal(
          JSON.stringify(parseExact(whole)),
          `${before}${written}${after}`.replace(' ', ''),
        );
      }
      assert.equal((parseExact(`{"data":${text}}`) as { data: unknown }).data, value);
    });
  }
});

describe('a look at the digits', () => {
  const cases: readonly [string, boolean][] = [
    ['{"a":9007199254740993}', true],
    ['[9007199254740993]', true],
    ['[-9007199254740993 ,1]', true],
    ['{"a":123456789012345}', false],
    ['{"a":"1234567890123456789012"}', false],
    ['{"a":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}', false],
  ];
  for (const [text, expected] of cases) {
    it(text, () => {
      // Wherever the digits begin.
      for (let n = 0; n < 20; n += 1) {
        assert.equal(hasLongDigits(text.padStart(text.length + n)), expected, `moved by ${n}`);
      }
    });
  }
});

it('an integer within the safe range is a number, so that equal ones are one', () => {
  assert.equal(exactInteger(5n), 5);
  assert.equal(exactInteger(2n ** 53n), 2n ** 53n);
  assert.deepEqual([5, 2n ** 60n].map(isInt64), [true, true]);
  assert.deepEqual([1.5, 1e18, '5', null].map(isInt64), [false, false, false, false]);
});

it('texts of numbers are known where their values do not tell them', () => {
  const parsed = parseNumbers('{"a":1.0,"b":[1e3,7],"c":18446744073709551615,"d":5}') as {
    b: object;
  };
  assert.equal(literalAt(parsed, 'a'), '1.0');
  assert.equal(literalAt(parsed.b, 0), '1e3');
  assert.equal(literalAt(parsed.b, 1), undefined);
  assert.equal(literalAt(parsed, 'c'), '18446744073709551615');
  assert.equal(literalAt(parsed, 'd'), undefined);
  assert.equal(infiniteIn(parsed), undefined);
  assert.equal(infiniteIn(parseNumbers('{"a":[1e400]}')), '1e400');
});
