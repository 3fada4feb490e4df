import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countVotes, majorityValue, quorumValue, type VoteResult } from './quorum.ts';

const set = (...ids: number[]): Set<bigint> => new Set(ids.map(BigInt));

test('the majority value is what more than half have reached', () => {
  const cases: [number[], number][] = [
    [[5], 5],
    [[5, 3], 3],
    [[5, 3, 4], 4],
    [[0, 0, 9], 0],
    [[1, 2, 3, 4], 2],
    [[1, 2, 3, 4, 5], 3],
    [[7, 7, 7, 0, 0], 7],
  ];
  for (const [values, expected] of cases) {
    const ids = set(...values.keys());
    assert.equal(
      majorityValue(ids, (id) => values[Number(id)] ?? 0),
      expected,
      `${values}`,
    );
  }
});

test('the majority value agrees with counting, for every small group', () => {
  for (let size = 1; size <= 5; size += 1) {
    for (let code = 0; code < 4 ** size; code += 1) {
      const values = Array.from({ length: size }, (_, at) => Math.floor(code / 4 ** at) % 4);
      const got = majorityValue(set(...values.keys()), (id) => values[Number(id)] ?? 0);
      const reached = (value: number): boolean =>
        values.filter((v) => v >= value).length > size / 2;
      assert.ok(reached(got) && !reached(got + 1), `${values}: ${got}`);
    }
  }
});

test('a joint electorate needs both halves', () => {
  const reached = (id: bigint): number => (id <= 3n ? 10 : 4);
  const joint = { voters: set(3, 4, 5), outgoing: set(1, 2, 3) };
  assert.equal(quorumValue(joint, reached), 4);
  assert.equal(quorumValue({ voters: set(1, 2, 3), outgoing: set() }, reached), 10);
});

test('an electorate without voters decides nothing', () => {
  const nobody = { voters: set(), outgoing: set() };
  assert.equal(
    quorumValue(nobody, () => 9),
    0,
  );
  assert.equal(countVotes(nobody, new Map()), 'lost');
});

test('votes are won, lost or open', () => {
  const cases: [number[], number[], string, VoteResult][] = [
    [[1], [], '1y', 'won'],
    [[1, 2, 3], [], '', 'pending'],
    [[1, 2, 3], [], '1y', 'pending'],
    [[1, 2, 3], [], '1y 2y', 'won'],
    [[1, 2, 3], [], '1y 2n', 'pending'],
    [[1, 2, 3], [], '1y 2n 3n', 'lost'],
    [[1, 2], [], '1y 2n', 'lost'],
    [[1, 2, 3], [], '1y 9y 8y', 'pending'],
    [[1, 2, 3], [3, 4, 5], '1y 2y', 'pending'],
    [[1, 2, 3], [3, 4, 5], '1y 2y 4y 5y', 'won'],
    [[1, 2, 3], [3, 4, 5], '1y 2y 3y 4n 5n', 'lost'],
  ];
  for (const [voters, outgoing, given, expected] of cases) {
    const votes = new Map<bigint, boolean>();
    for (const vote of given.split(' ').filter(Boolean)) {
      votes.set(BigInt(vote.slice(0, -1)), vote.endsWith('y'));
    }
    const result = countVotes({ voters: set(...voters), outgoing: set(...outgoing) }, votes);
    assert.equal(result, expected, `${voters} / ${outgoing}: ${given}`);
  }
});
