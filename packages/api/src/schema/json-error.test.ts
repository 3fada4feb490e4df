import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goJsonError } from './json-error.ts';

const BEGIN = 'looking for beginning of value';
const cases: readonly [text: string, complaint: string][] = [
  ['', 'unexpected end of JSON input'],
  ['{', 'unexpected end of JSON input'],
  ['[1, 2', 'unexpected end of JSON input'],
  ['x', `invalid character 'x' ${BEGIN}`],
  ['{"a":}', `invalid character '}' ${BEGIN}`],
  ['[1,]', `invalid character ']' ${BEGIN}`],
  ["'a'", `invalid character '\\'' ${BEGIN}`],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
  ['[1 2]', "invalid character '2' after array element"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['-a', "invalid character 'a' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['"a\x01b"', "invalid character '\\x01' in string literal"],
  ['é', `invalid character 'Ã' ${BEGIN}`],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['[{"a": [true, null, -1.5e+3, "\\u00e9"]}', 'unexpected end of JSON input'],
];
for (const [text, complaint] of cases) {
  test(JSON.stringify(text), () => assert.equal(goJsonError(text), complaint));
}

test('a text may nest as deep as it likes', () => {
  assert.equal(goJsonError('['.repeat(1_000_000)), 'exceeded max depth');
});
