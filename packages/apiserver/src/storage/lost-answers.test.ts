import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AmbiguousError, NotTakenError } from '@kubets/etcd/client';
import { ManualClock } from '@kubets/platform';
import { AMBIGUOUS_ATTEMPTS, SWAP_MS } from '../limits.ts';
import { type Answer, type Change, type Current, untilKnown } from './lost-answers.ts';

const lost = (): AmbiguousError => new AmbiguousError('other', 14, 'the connection broke');

/** Sends a change of which the first answers are lost. */
function send(change: Change, answers: readonly (Answer | Error | 'lost')[], tryMs = 0) {
  const clock = new ManualClock();
  const given: number[] = [];
  const once = async (timeoutMs: number): Promise<Answer> => {
    const answer = answers[given.length] ?? 'lost';
    given.push(timeoutMs);
    clock.advance(Math.min(tryMs, timeoutMs));
    if (answer === 'lost') throw lost();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { result: untilKnown(change, once, clock), count: () => given.length, given };
}

const bytes = (uid: string, n = 1): Buffer =>
  Buffer.from(`{"kind":"X","metadata":{"uid":"${uid}"},"n":${n}}`);

function current(value: Buffer, revision: bigint, createRevision = revision): Current {
  return { key: '/k', value, revision, createRevision };
}

const refused = (at: bigint, there?: Current): Answer => ({ ok: false, current: there, at });

describe('a write whose answer is lost', () => {
  it('has worked when our own bytes stand there', async () => {
    const { result } = send({ expected: 5n, value: bytes('a') }, [
      'lost',
      refused(9n, current(bytes('a'), 7n, 2n)),
    ]);
    assert.deepEqual(await result, { ok: true, revision: 7n });
  });

  it('is sent again with effect when it had none', async () => {
    const { result, count } = send({ expected: 5n, value: bytes('a') }, [
      'lost',
      'lost',
      { ok: true, revision: 8n, at: 8n },
    ]);
    assert.equal((await result).ok, true);
    assert.equal(count(), 3);
  });

  it('is a conflict when something else stands there', async () => {
    const there = current(bytes('a', 2), 7n, 2n);
    const { result } = send({ expected: 5n, value: bytes('a', 1) }, ['lost', refused(9n, there)]);
    assert.deepEqual(await result, refused(9n, there));
  });

  it('has created an object that somebody changed since', async () => {
    const { result } = send({ expected: 0n, value: bytes('a', 1) }, [
      'lost',
      refused(9n, current(bytes('a', 2), 9n, 7n)),
    ]);
    assert.deepEqual(await result, { ok: true, revision: 7n });
  });

  it('has not created an object of the same name by somebody else', async () => {
    const there = current(bytes('b'), 7n);
    const { result } = send({ expected: 0n, value: bytes('a') }, ['lost', refused(9n, there)]);
    assert.equal((await result).ok, false);
  });

  it('has deleted what is gone, or is another object now', async () => {
    const gone = { expected: 5n, value: undefined };
    assert.equal((await send(gone, ['lost', refused(9n)]).result).ok, true);
    const anew = refused(9n, current(bytes('b'), 8n));
    assert.equal((await send(gone, ['lost', anew]).result).ok, true);
    const changed = refused(9n, current(bytes('a'), 8n, 2n));
    assert.equal((await send(gone, ['lost', changed]).result).ok, false);
  });

  it('stays unknown when no answer comes at all', async () => {
    const { result, count } = send({ expected: 5n, value: bytes('a') }, []);
    await assert.rejects(result, AmbiguousError);
    assert.equal(count(), AMBIGUOUS_ATTEMPTS);
  });

  it('stays unknown after ten seconds, however few tries that were', async () => {
    const { result, given } = send({ expected: 5n, value: bytes('a') }, [], 4_000);
    await assert.rejects(result, AmbiguousError);
    assert.deepEqual(given, [SWAP_MS, SWAP_MS - 4_000]);
  });

  it('stays unknown when a later try surely had no effect', async () => {
    const refusal = new NotTakenError('noLeader', 14, 'nobody leads');
    const { result } = send({ expected: 5n, value: bytes('a') }, ['lost', refusal]);
    await assert.rejects(result, AmbiguousError);
    const { result: first } = send({ expected: 5n, value: bytes('a') }, [refusal]);
    await assert.rejects(first, NotTakenError);
  });

  it('a create that somebody changed since is known by what the sealed values hold', async () => {
    const sealed = (text: string): Buffer => Buffer.from(Buffer.from(text).toString('hex'));
    const open = (value: Buffer): Buffer => Buffer.from(value.toString('utf8'), 'hex');
    const ours = { expected: 0n, value: sealed('{"uid":"u","n":1}'), open };
    const changed = current(sealed('{"uid":"u","n":2}'), 8n, 7n);
    const made = await send(ours, ['lost', refused(9n, changed)]).result;
    assert.deepEqual(made, { ok: true, revision: 7n });
    const theirs = current(sealed('{"uid":"v","n":2}'), 8n, 7n);
    assert.equal((await send(ours, ['lost', refused(9n, theirs)]).result).ok, false);
  });

  it('is not mistaken for a success when no answer was lost', async () => {
    const there = current(bytes('a'), 7n);
    const { result } = send({ expected: 5n, value: bytes('a') }, [refused(9n, there)]);
    assert.equal((await result).ok, false);
  });
});
