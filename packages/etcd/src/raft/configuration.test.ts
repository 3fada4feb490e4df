import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allMembers,
  type ConfChange,
  type Configuration,
  ConfigurationError,
  changeConfiguration,
  configurationOf,
  EMPTY_CONFIGURATION,
  isJoint,
  isVoter,
} from './configuration.ts';

function show(conf: Configuration): string {
  const part = (name: string, ids: ReadonlySet<bigint>): string =>
    ids.size === 0 ? '' : ` ${name}=${[...ids].sort().join(',')}`;
  return (
    part('v', conf.voters) +
    part('out', conf.outgoing) +
    part('l', conf.learners) +
    part('next', conf.learnersNext)
  ).trim();
}

function change(text: string): ConfChange {
  const names = { v: 'voter', l: 'learner', r: 'remove' } as const;
  return text
    .split(' ')
    .filter(Boolean)
    .map((word) => ({ op: names[word[0] as 'v' | 'l' | 'r'], id: BigInt(word.slice(1)) }));
}

const start = (voters: number[], learners: number[] = []): Configuration =>
  configurationOf(voters.map(BigInt), learners.map(BigInt));

test('one operation at a time changes the configuration directly', () => {
  const cases: [Configuration, string, string][] = [
    [EMPTY_CONFIGURATION, 'v1', 'v=1'],
    [start([1]), 'v2', 'v=1,2'],
    [start([1]), 'l2', 'v=1 l=2'],
    [start([1], [2]), 'v2', 'v=1,2'],
    [start([1, 2, 3]), 'r3', 'v=1,2'],
    [start([1, 2, 3]), 'l3', 'v=1,2 l=3'],
    [start([1], [2]), 'r2', 'v=1'],
    [start([1]), 'r9', 'v=1'],
  ];
  for (const [from, operations, expected] of cases) {
    const to = changeConfiguration(from, change(operations));
    assert.equal(show(to), expected, operations);
    assert.ok(!isJoint(to));
  }
});

test('several operations go through a joint configuration and out of it', () => {
  const joint = changeConfiguration(start([1, 2, 3], [4]), change('v4 v5 r1 l2'));
  assert.equal(show(joint), 'v=3,4,5 out=1,2,3 next=2');
  assert.ok(isJoint(joint));
  assert.ok(isVoter(joint, 1n) && isVoter(joint, 5n));
  assert.deepEqual([...allMembers(joint)].sort(), [1n, 2n, 3n, 4n, 5n]);
  assert.equal(show(changeConfiguration(joint, [])), 'v=3,4,5 l=2');
});

test('what makes no sense is refused', () => {
  const joint = changeConfiguration(start([1, 2, 3]), change('v4 r1'));
  const cases: [Configuration, string][] = [
    [start([1]), 'r1'],
    [start([1]), 'l1'],
    [start([1]), ''],
    [joint, 'v9'],
    [EMPTY_CONFIGURATION, 'l1'],
  ];
  for (const [from, operations] of cases) {
    assert.throws(() => changeConfiguration(from, change(operations)), ConfigurationError);
  }
});

test('the configuration changed from stays as it was', () => {
  const from = start([1, 2], [3]);
  changeConfiguration(from, change('v3'));
  assert.equal(show(from), 'v=1,2 l=3');
});
