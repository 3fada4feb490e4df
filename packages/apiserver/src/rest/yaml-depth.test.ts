import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_YAML_DEPTH } from '../limits.ts';
import { checkYamlDepth } from './yaml-depth.ts';

const TOO_DEEP = MAX_YAML_DEPTH + 1;

describe('the depth of YAML', () => {
  const deep: readonly [string, string][] = [
    ['brackets in brackets', '['.repeat(TOO_DEEP)],
    ['braces in braces', '{a: '.repeat(TOO_DEEP)],
    ['dashes after dashes', `${'- '.repeat(TOO_DEEP)}x`],
    ['keys that are sequences', `${'? - '.repeat(TOO_DEEP)}x`],
  ];
  for (const [what, text] of deep) {
    it(`refuses ${what}`, () => assert.throws(() => checkYamlDepth(text), /exceeded max depth/));
  }

  const shallow: readonly [string, string][] = [
    ['many sequences side by side', `[${'[],'.repeat(TOO_DEEP)}]`],
    ['many items of a list', '- a\n'.repeat(TOO_DEEP)],
    ['brackets in quotes', `a: "${'['.repeat(TOO_DEEP)}"`],
    ['brackets in a block of text', `a: |\n  ${'['.repeat(TOO_DEEP)}`],
    ['what is broken otherwise', 'a: [}\n\t: "'],
  ];
  for (const [what, text] of shallow) {
    it(`lets ${what} pass`, () => checkYamlDepth(text));
  }
});
