import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goPattern, PatternError } from './pattern.ts';

describe("a pattern of Go's", () => {
  const rows: [string, string, boolean][] = [
    ['^a+$', 'aaa', true],
    ['(?i)abc', 'xABC', true],
    ['a(?i)b', 'aB', true],
    ['a(?i)b', 'AB', false],
    ['(a(?i)b)c', 'aBC', false],
    ['(?i:a)b', 'Ab', true],
    ['(?-i:a)', 'A', false],
    ['a.b', 'a\nb', false],
    ['(?s)a.b', 'a\nb', true],
    ['a.b', 'a\rb', true],
    ['(?m)^b$', 'a\nb\nc', true],
    ['^b$', 'a\nb\nc', false],
    ['\\Aa\\z', 'a', true],
    ['a\\z', 'a\n', false],
    ['[[:alpha:]]+[[:^digit:]]', 'ab-', true],
    ['^[[:^alpha:]]$', 'a', false],
    ['^[^[:space:]]$', ' ', false],
    ['[a\\]b]', ']', true],
    ['[]a]', ']', true],
    ['[^]a]', ']', false],
    ['^[a&&b]$', '&', true],
    ['\\x41\\x{1F451}', 'A👑', true],
    ['\\101', 'A', true],
    ['\\Qa.b\\E+', 'a.bbb', true],
    ['\\Qa.b', 'axb', false],
    ['\\p{Greek}\\PL', 'α1', true],
    ['\\pN', '1', true],
    ['\\p{^L}', 'a', false],
    ['^\\s$', '\u00a0', false],
    ['(?P<year>\\d{4})-(?<month>\\d\\d)', '2024-02', true],
    ['a{,2}', 'a{,2}', true],
    ['x{2', 'x{2', true],
    ['}', '}', true],
    ['\\-\\_\\"', '-_"', true],
    ['', 'anything', true],
  ];
  for (const [pattern, text, wanted] of rows) {
    it(`${pattern} and ${JSON.stringify(text)}`, () => {
      assert.equal(goPattern(pattern).test(text), wanted);
    });
  }

  it('may be lazy where it is greedy', () => {
    assert.equal(goPattern('(?U)a+').exec('aaa')?.[0], 'a');
    assert.equal(goPattern('(?U)a+?').exec('aaa')?.[0], 'aaa');
    assert.equal(goPattern('a+?').exec('aaa')?.[0], 'a');
  });

  it('is refused in its words', () => {
    for (const [pattern, why] of [
      ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
      ['(a', 'missing closing ): `(a`'],
      ['a**', 'invalid nested repetition operator: `**`'],
    ] as const) {
      assert.throws(
        () => goPattern(pattern),
        (error) =>
          error instanceof PatternError && error.message === `error parsing regexp: ${why}`,
      );
    }
  });
});
