import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { regexpProblem } from './problem.ts';

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

describe('patterns', () => {
  for (const [pattern, why] of REFUSED) {
    it(`${pattern} is refused`, () => {
      assert.equal(regexpProblem(pattern), `error parsing regexp: ${why}`);
    });
  }

  it('that RE2 knows are taken', () => {
    for (const pattern of TAKEN) assert.equal(regexpProblem(pattern), undefined, pattern);
  });
});
