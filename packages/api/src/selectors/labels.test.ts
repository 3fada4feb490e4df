import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import {
  EVERYTHING,
  formatLabelSelector,
  labelSelectorOf,
  labelSetSelector,
  matchesLabels,
  NOTHING,
  parseLabelSelector,
} from './labels.ts';

const LABELS = { env: 'prod', tier: 'web', n: '10', in: 'x' };

const MATCHES: readonly [selector: string, holds: boolean][] = [
  ['', true],
  ['env=prod', true],
  ['env==prod', true],
  ['env=dev', false],
  ['env!=dev', true],
  ['env!=prod', false],
  ['other!=x', true],
  ['other=x', false],
  ['env in (dev,prod)', true],
  ['env in (dev)', false],
  ['env notin (dev)', true],
  ['other notin (dev)', true],
  ['env', true],
  ['!env', false],
  ['!other', true],
  ['n>9', true],
  ['n>10', false],
  ['n<11', true],
  ['env>1', false],
  ['other>1', false],
  ['env=prod,tier=web', true],
  ['env=prod,tier=db', false],
  ['  env = prod , tier in ( web , db ) ', true],
  ['env=', false],
  ['env in ()', false],
  ['in=x', true],
  ['in in (x)', true],
];

describe('which labels a selector fits', () => {
  for (const [selector, holds] of MATCHES) {
    test(`${selector || '(empty)'} ${holds ? 'fits' : 'does not fit'}`, () => {
      assert.equal(matchesLabels(parseLabelSelector(selector), LABELS), holds);
    });
  }

  test('no labels at all are like an empty set', () => {
    assert.equal(matchesLabels(parseLabelSelector('!a'), undefined), true);
    assert.equal(matchesLabels(parseLabelSelector('a'), undefined), false);
    assert.equal(matchesLabels(EVERYTHING, undefined), true);
    assert.equal(matchesLabels(NOTHING, LABELS), false);
  });
});

const MALFORMED: readonly [selector: string, message: string][] = [
  ['a===b', "unable to parse requirement: found '=', expected: identifier"],
  ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['!!a', "unable to parse requirement: found '!', expected: identifier"],
  ['bad key=v', "unable to parse requirement: found 'key', expected: in, notin, =, ==, !=, gt, lt"],
  [
    'n>x',
    `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
  ],
  ['a,', "unable to parse requirement: found '', expected: identifier after ','"],
  ['a in b', "unable to parse requirement: found 'b', expected: '('"],
];

describe('malformed selectors are bad requests', () => {
  for (const [selector, message] of MALFORMED) {
    test(selector, () => {
      assert.throws(
        () => parseLabelSelector(selector),
        (err: unknown) => err instanceof ApiError && err.code === 400 && err.message === message,
      );
    });
  }

  test('values are checked', () => {
    assert.throws(() => parseLabelSelector(`a=${'x'.repeat(64)}`), /no more than 63 characters/);
    assert.throws(() => parseLabelSelector('a=b_'), /a valid label must be an empty string/);
    assert.throws(() => parseLabelSelector('/a=b'), /prefix part must be non-empty/);
  });
});

describe('selectors of specs', () => {
  test('absent selects nothing, empty everything', () => {
    assert.equal(matchesLabels(labelSelectorOf(undefined), LABELS), false);
    assert.equal(matchesLabels(labelSelectorOf({}), LABELS), true);
  });

  test('labels and expressions must all hold', () => {
    const selector = labelSelectorOf({
      matchLabels: { env: 'prod' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['web'] },
        { key: 'other', operator: 'DoesNotExist' },
      ],
    });
    assert.equal(matchesLabels(selector, LABELS), true);
    assert.equal(matchesLabels(selector, { ...LABELS, other: '' }), false);
    assert.throws(() => labelSelectorOf({ matchExpressions: [{ key: 'a', operator: 'Like' }] }));
  });

  test('plain maps select by equality', () => {
    assert.equal(matchesLabels(labelSetSelector({ env: 'prod' }), LABELS), true);
    assert.equal(matchesLabels(labelSetSelector({}), LABELS), true);
  });

  test('the text form is sorted by key', () => {
    const text = 'z=1,a in (y,x),!m,k,b notin (c)';
    assert.equal(formatLabelSelector(parseLabelSelector(text)), 'a in (x,y),b notin (c),k,!m,z=1');
  });
});
