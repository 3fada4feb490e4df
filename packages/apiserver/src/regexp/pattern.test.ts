import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goPattern, patternProblem } from './pattern.ts';

const REFUSED: readonly [string, string][] = [
  ['(', 'missing closing ): `(`'],
  ['a(b|c', 'missing closing ): `a(b|c`'],
  ['a)', 'unexpected ): `a)`'],
  ['x[a', 'missing closing ]: `[a`'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['*a', 'missing argument to repetition operator: `*`'],
  ['a|+', 'missing argument to repetition operator: `+`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['a{3,2}', 'invalid repeat count: `{3,2}`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['a(?!b)', 'invalid or unsupported Perl syntax: `(?!`'],
  ['(?<=a)b', 'invalid named capture: `(?<=a)b`'],
  ['(a)\\1', 'invalid escape sequence: `\\1`'],
  ['\\q', 'invalid escape sequence: `\\q`'],
  ['a\\', 'trailing backslash at end of expression: ``'],
];

const TAKEN: readonly string[] = [
  ...['', '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'a{2,3}?b+?', '(?i)ab', '(?i:a)|b', '(?P<n>a)'],
  ...['[]a]', '[^]]', '[[:alpha:]_-]', '\\p{Greek}\\d\\.\\/', '\\x{10FFFF}', '{', 'a{,2}', '[\\]]'],
  ...['^(\\d+\\.){3}\\d+(/\\d{1,2})?$', '(a|b)*', 'é+'],
];

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
    const first = (pattern: string): string[] => goPattern(pattern).matches('aaa', 1);
    assert.deepEqual(first('(?U)a+'), ['a']);
    assert.deepEqual(first('(?U)a+?'), ['aaa']);
    assert.deepEqual(first('a+?'), ['a']);
  });

  it('is matched in time that grows with the text', () => {
    assert.equal(goPattern('(a+)+$').test(`${'a'.repeat(20_000)}b`), false);
  });

  for (const [pattern, why] of REFUSED) {
    it(`${pattern} is refused in its words`, () => {
      assert.equal(patternProblem(pattern), `error parsing regexp: ${why}`);
    });
  }

  it('that RE2 knows is taken', () => {
    for (const pattern of TAKEN) assert.equal(patternProblem(pattern), undefined, pattern);
  });
});
