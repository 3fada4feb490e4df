import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, seededRandom } from '@kubets/platform';
import { messageType, type ProposalBatch } from '../codec/index.ts';
import { isEtcdError } from '../errors.ts';
import { NoLeaderError, ProposalDroppedError, TooManyProposalsError } from '../host/errors.ts';
import { LIMITS } from '../limits.ts';
import type { Consensus, ConsensusStatus } from '../ports.ts';
import { Proposer } from './proposer.ts';

const BATCH = messageType<ProposalBatch>('kubets.etcd.v1.ProposalBatch');
const ME = 7n;
const KEY = Buffer.from('k');
const TIMEOUT_MS = 5_000;

/** A log that takes what it is given, or refuses it, and applies only when told to. */
class FakeConsensus {
  leader = ME;
  term = 3n;
  refuseWith: Error | undefined;
  /** What the next calls resolve with, when it is not at once. */
  answer: Promise<void> | undefined;
  readonly batches: ProposalBatch[] = [];

  propose(data: Uint8Array): Promise<void> {
    this.batches.push(BATCH.decode(data));
    return this.refuseWith ? Promise.reject(this.refuseWith) : (this.answer ?? Promise.resolve());
  }

  status(): ConsensusStatus {
    return { leader: this.leader, term: this.term } as ConsensusStatus;
  }
}

class Bench {
  readonly consensus = new FakeConsensus();
  readonly clock = new ManualClock();
  overloaded = false;
  readonly proposer = new Proposer({
    consensus: () => this.consensus as unknown as Consensus,
    memberId: ME,
    clock: this.clock,
    random: seededRandom(1),
    timeoutMs: TIMEOUT_MS,
    overloaded: () => this.overloaded,
  });

  put(bytes = 10) {
    return this.proposer.propose('put', { put: { key: KEY, value: Buffer.alloc(bytes) } }, bytes);
  }

  /** Applies the batches, as the state machine would in an entry of this term. */
  apply(batches: readonly ProposalBatch[], term = this.consensus.term): void {
    for (const batch of batches.filter((one) => one.term === term)) {
      for (const proposal of batch.proposals) {
        const outcome = { type: 'put', response: {} } as const;
        this.proposer.applied(proposal, { revision: 9, term, outcome });
      }
    }
    this.proposer.onTerm(term);
  }
}

describe('writes', () => {
  it('of one turn of the event loop share a log entry', async () => {
    const bench = new Bench();
    const writes = Array.from({ length: 100 }, () => bench.put());
    await turn();
    assert.equal(bench.consensus.batches.length, 1);
    assert.equal(bench.consensus.batches[0]?.proposals.length, 100);
    bench.apply(bench.consensus.batches);
    const results = await Promise.all(writes);
    assert.ok(results.every((r) => r.revision === 9));
    assert.equal(bench.proposer.pending, 0);
  });

  it('are cut into entries of bounded size', async () => {
    const bench = new Bench();
    const writes = Array.from({ length: 5 }, () => bench.put(LIMITS.entryBytes * 0.4));
    await turn();
    const sizes = bench.consensus.batches.map((one) => one.proposals.length);
    assert.deepEqual(sizes, [2, 2, 1]);
    bench.apply(bench.consensus.batches);
    await Promise.all(writes);
  });

  it('of other members are not ours', async () => {
    const bench = new Bench();
    const write = bench.put();
    await turn();
    const proposal = bench.consensus.batches[0]?.proposals[0];
    assert.ok(proposal);
    const applied = { revision: 9, term: 3n, outcome: { type: 'put', response: {} } } as const;
    bench.proposer.applied({ ...proposal, member: 8n }, applied);
    assert.equal(bench.proposer.pending, 1);
    bench.proposer.applied(proposal, applied);
    await write;
  });

  it('that are not applied in time fail with a timeout', async () => {
    const bench = new Bench();
    const write = bench.put();
    await turn();
    const failed = assert.rejects(write, (e) => isEtcdError(e, 'timeout'));
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    await failed;
  });

  it('fail at once when there are too many, or the disk is behind', async () => {
    const bench = new Bench();
    bench.overloaded = true;
    await assert.rejects(bench.put(), (e) => isEtcdError(e, 'tooManyRequests'));
    bench.overloaded = false;
    bench.consensus.refuseWith = new TooManyProposalsError('full');
    await assert.rejects(bench.put(), (e) => isEtcdError(e, 'tooManyRequests'));
  });

  it('fail when the member stops', async () => {
    const bench = new Bench();
    const failed = assert.rejects(bench.put(), (e) => isEtcdError(e, 'stopped'));
    bench.proposer.close();
    await failed;
    assert.equal(bench.clock.pendingTimers, 0);
  });
});

describe('without a leader', () => {
  it('writes wait, and go when there is one', async () => {
    const bench = new Bench();
    bench.consensus.leader = 0n;
    const write = bench.put();
    await turn();
    assert.equal(bench.consensus.batches.length, 0);
    bench.consensus.leader = ME;
    bench.consensus.term = 4n;
    bench.proposer.onLeadership();
    assert.equal(bench.consensus.batches[0]?.term, 4n);
    bench.apply(bench.consensus.batches);
    await write;
  });

  it('writes that never went anywhere fail with "no leader", so that another member can be tried', async () => {
    const bench = new Bench();
    bench.consensus.leader = 0n;
    const failed = assert.rejects(bench.put(), (e) => isEtcdError(e, 'noLeader'));
    await turn();
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    await failed;
  });

  it('for longer than an election takes, writes hear so soon: their callers have time left to ask elsewhere', async () => {
    const bench = new Bench();
    bench.consensus.leader = 0n;
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    const failed = assert.rejects(bench.put(), (e) => isEtcdError(e, 'noLeader'));
    await turn();
    bench.clock.advance(LIMITS.leaderlessWriteMs + LIMITS.waiterSweepMs);
    await failed;
    // There is time left for another try, and for its answer.
    assert.ok(LIMITS.clientNoLeaderMs >= LIMITS.leaderlessWriteMs + LIMITS.waiterSweepMs);
  });

  it('for a while and then with one, writes are patient again', async () => {
    const bench = new Bench();
    bench.consensus.leader = 0n;
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    bench.consensus.leader = ME;
    bench.clock.advance(LIMITS.waiterSweepMs);
    bench.consensus.leader = 0n;
    const write = bench.put();
    await turn();
    bench.clock.advance(LIMITS.leaderlessWriteMs + LIMITS.waiterSweepMs);
    bench.consensus.leader = ME;
    bench.proposer.onLeadership();
    bench.apply(bench.consensus.batches);
    await write;
  });

  it('a write that was passed on before is not told that nobody took it', async () => {
    const bench = new Bench();
    bench.consensus.answer = new Promise(() => undefined);
    const failed = assert.rejects(bench.put(), (e) => isEtcdError(e, 'timeout'));
    await turn();
    bench.consensus.leader = 0n;
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    await failed;
  });

  it('writes refused for it are tried again', async () => {
    const bench = new Bench();
    bench.consensus.refuseWith = new NoLeaderError('nobody');
    const write = bench.put();
    await turn();
    bench.consensus.refuseWith = undefined;
    bench.clock.advance(LIMITS.waiterSweepMs);
    assert.equal(bench.consensus.batches.length, 2);
    bench.apply(bench.consensus.batches.slice(1));
    await write;
  });
});

describe('when the leader is lost', () => {
  it('writes it did not commit are proposed again, once a later term is applied', async () => {
    const bench = new Bench();
    bench.consensus.refuseWith = new ProposalDroppedError('connection broke', true);
    const write = bench.put();
    await turn();
    bench.consensus.refuseWith = undefined;
    bench.consensus.term = 5n;
    bench.clock.advance(LIMITS.waiterSweepMs);
    assert.equal(bench.consensus.batches.length, 1, 'not before it is sure');
    bench.apply([], 5n);
    await turn();
    assert.deepEqual(
      bench.consensus.batches.map((one) => one.term),
      [3n, 5n],
    );
    bench.apply(bench.consensus.batches.slice(1));
    await write;
  });

  it('writes already proposed again are not proposed a third time when the first try is refused late', async () => {
    const bench = new Bench();
    const refusal = Promise.withResolvers<void>();
    bench.consensus.answer = refusal.promise;
    const write = bench.put();
    await turn();
    bench.consensus.answer = undefined;
    bench.consensus.term = 5n;
    bench.apply([], 5n);
    await turn();
    assert.equal(bench.consensus.batches.length, 2);
    refusal.reject(new NoLeaderError('late'));
    await turn();
    bench.clock.advance(LIMITS.waiterSweepMs);
    assert.equal(bench.consensus.batches.length, 2);
    bench.apply(bench.consensus.batches);
    await write;
  });

  it('writes that a snapshot may hold are not, and fail as unknown', async () => {
    const bench = new Bench();
    const failed = assert.rejects(bench.put(), (e) => isEtcdError(e, 'timeout'));
    await turn();
    bench.proposer.onReplaced();
    bench.apply([], 5n);
    await turn();
    assert.equal(bench.consensus.batches.length, 1);
    bench.clock.advance(TIMEOUT_MS + LIMITS.waiterSweepMs);
    await failed;
  });

  it('writes it did commit are not', async () => {
    const bench = new Bench();
    const write = bench.put();
    await turn();
    bench.apply(bench.consensus.batches);
    await write;
    bench.consensus.term = 5n;
    bench.apply([], 5n);
    await turn();
    assert.equal(bench.consensus.batches.length, 1);
  });
});
