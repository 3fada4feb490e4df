import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as names from './names.ts';

type Rule = (value: string) => string[];

/** Each rule with what it lets through and what it refuses (and a piece of why). */
const RULES: readonly [string, Rule, good: string[], bad: [string, RegExp][]][] = [
  [
    'subdomain',
    names.dns1123Subdomain,
    ['a', 'a.b', 'a-b.c-d', '1a', 'a'.repeat(253)],
    [
      ['', /subdomain must consist/],
      ['A', /subdomain must consist/],
      ['a_b', /subdomain must consist/],
      ['-a', /subdomain must consist/],
      ['a..b', /subdomain must consist/],
      ['a'.repeat(254), /no more than 253/],
    ],
  ],
  [
    'label',
    names.dns1123Label,
    ['a', '1', 'a-b', 'a'.repeat(63)],
    [
      ['a.b', /^must not contain dots$/],
      ['A', /label must consist/],
      ['', /label must consist/],
      ['a'.repeat(64), /no more than 63/],
    ],
  ],
  [
    'DNS 1035 label',
    names.dns1035Label,
    ['a', 'a1', 'a-1'],
    [
      ['1a', /start with an alphabetic/],
      ['a.b', /DNS-1035/],
    ],
  ],
  [
    'qualified name',
    names.qualifiedName,
    ['a', 'A_b.c', 'example.com/name', '1'],
    [
      ['', /name part must be non-empty/],
      ['/a', /prefix part must be non-empty/],
      ['a/b/c', /optional DNS subdomain prefix/],
      ['Bad/a', /prefix part a lowercase/],
      [`a/${'b'.repeat(64)}`, /name part must be no more than 63/],
      ['-a', /name part must consist/],
    ],
  ],
  [
    'label value',
    names.labelValue,
    ['', 'a', 'A.b_c-d'],
    [
      ['-a', /empty string or consist/],
      ['a'.repeat(64), /no more than 63/],
    ],
  ],
  [
    'path segment',
    names.pathSegmentName,
    ['system:a', 'Any Thing'],
    [
      ['.', /may not be '\.'/],
      ['..', /may not be '\.\.'/],
      ['a/b', /may not contain '\/'/],
      ['a%b', /may not contain '%'/],
    ],
  ],
  [
    'config key',
    names.configMapKey,
    ['a', 'A.b_c-d', '.hidden'],
    [
      ['', /valid config key/],
      ['a b', /valid config key/],
      ['.', /must not be '\.'/],
      ['..', /must not be '\.\.'/],
      ['..a', /must not start with '\.\.'/],
    ],
  ],
  [
    'environment variable',
    names.envVarName,
    ['A', 'a.b', '1x', 'with space'],
    [
      ['', /must be non-empty/],
      ['a=b', /printable ASCII characters other than '='/],
      ['ä', /printable ASCII/],
    ],
  ],
  [
    'port name',
    names.portName,
    ['http', 'a-1', 'p'.repeat(15)],
    [
      ['Http', /alpha-numeric/],
      ['p'.repeat(16), /no more than 15/],
      ['123', /at least one letter/],
      ['a--b', /consecutive hyphens/],
      ['-a', /begin or end with a hyphen/],
    ],
  ],
  [
    'C identifier',
    names.cIdentifier,
    ['a', '_a1'],
    [
      ['1a', /C identifier/],
      ['a-b', /C identifier/],
    ],
  ],
  [
    'wildcard subdomain',
    names.wildcardSubdomain,
    ['*.a.b'],
    [
      ['a.*.b', /wildcard DNS-1123/],
      ['*', /wildcard DNS-1123/],
    ],
  ],
];

for (const [title, rule, good, bad] of RULES) {
  describe(title, () => {
    for (const value of good) {
      test(`lets ${JSON.stringify(value.slice(0, 20))} through`, () => {
        assert.deepEqual(rule(value), []);
      });
    }
    for (const [value, why] of bad) {
      test(`refuses ${JSON.stringify(value.slice(0, 20))}`, () => {
        assert.match(rule(value).join('; '), why);
      });
    }
  });
}

test('port numbers', () => {
  assert.deepEqual(names.portNumber(1), []);
  assert.deepEqual(names.portNumber(65535), []);
  assert.deepEqual(names.portNumber(0), ['must be between 1 and 65535, inclusive']);
  assert.equal(names.portNumber(65536).length, 1);
});
