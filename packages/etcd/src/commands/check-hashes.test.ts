import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeHashes, type MemberHash, restOf } from './check-hashes.ts';

const said = (id: bigint, hash: number, compactRevision = 5n): MemberHash => {
  return { id, name: `m${id}`, hash, compactRevision };
};

describe('members that are compared', () => {
  it('are the same when all hashes are', () => {
    assert.equal(judgeHashes([said(1n, 7), said(2n, 7), said(3n, 7)], 3).kind, 'same');
    assert.equal(judgeHashes([said(1n, 7)], 3).kind, 'same');
  });

  it('differ: those against more than half of all are named', () => {
    const verdict = judgeHashes([said(1n, 7), said(2n, 8), said(3n, 7)], 3);
    assert.ok(verdict.kind === 'different');
    assert.deepEqual(
      verdict.minority.map((one) => one.id),
      [2n],
    );
  });

  it('differ, and nobody is named, when more than half agree on nothing', () => {
    const two = judgeHashes([said(1n, 7), said(2n, 8)], 2);
    assert.deepEqual(two, { kind: 'different', minority: [] });
    const silentThird = judgeHashes([said(1n, 7), said(2n, 8)], 3);
    assert.deepEqual(silentThird, { kind: 'different', minority: [] });
  });

  it('say nothing of each other when not compacted alike', () => {
    assert.equal(judgeHashes([said(1n, 7), said(2n, 8, 6n)], 2).kind, 'incomparable');
  });

  it('are said to hold the same only when there was something to compare', () => {
    assert.equal(restOf([]), 'nothing was compared');
    assert.equal(restOf([said(1n, 7)]), 'nothing was compared');
    assert.equal(restOf([said(1n, 7), said(2n, 7)]), 'the others hold the same');
  });
});
