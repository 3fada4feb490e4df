/** What a member does by itself: expire leases, compact, watch its quota, publish itself, end streams without a leader. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, silentLogger } from '@kubets/platform';
import { type EtcdError, etcdError, isEtcdError } from '../errors.ts';
import { Lessor } from '../lease/lessor.ts';
import { LIMITS } from '../limits.ts';
import type { Consensus, ConsensusStatus, MemberChange, MemberInfo } from '../ports.ts';
import { ALARM, type Alarm, Alarms } from '../state/alarms.ts';
import { Compactor } from './compactor.ts';
import { LeaderGuard } from './leader-guard.ts';
import { LeaseExpirer } from './lease-expirer.ts';
import type { Proposer } from './proposer.ts';
import { Publisher } from './publisher.ts';
import { Quota } from './quota.ts';

const ME = 5n;
const log = silentLogger;

class FakeConsensus {
  leader = ME;
  members: MemberInfo[] = [];
  failWith: Error | undefined;
  readonly changes: MemberChange[] = [];
  private listener: (() => void) | undefined;

  status(): ConsensusStatus {
    return { id: ME, leader: this.leader, members: this.members } as unknown as ConsensusStatus;
  }

  onLeadership(listener: () => void): () => void {
    this.listener = listener;
    return () => {
      this.listener = undefined;
    };
  }

  lead(leader: bigint): void {
    this.leader = leader;
    this.listener?.();
  }

  changeMembers(change: MemberChange): Promise<readonly MemberInfo[]> {
    this.changes.push(change);
    if (this.failWith) return Promise.reject(this.failWith);
    if (change.type === 'update') {
      this.members = this.members.map((m) => (m.id === change.member.id ? change.member : m));
    }
    return Promise.resolve(this.members);
  }

  get port(): Consensus {
    return this as unknown as Consensus;
  }
}

/** Takes proposals; answers each at once, or with an error. */
class FakeProposer {
  readonly bodies: Record<string, unknown>[] = [];
  failWith: EtcdError | undefined;
  onProposal: (body: Record<string, unknown>) => void = () => undefined;

  propose(_type: string, body: Record<string, unknown>): Promise<object> {
    this.bodies.push(body);
    if (this.failWith) return Promise.reject(this.failWith);
    this.onProposal(body);
    return Promise.resolve({});
  }

  get port(): Proposer {
    return this as unknown as Proposer;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

describe('expiring leases', () => {
  function bench() {
    const clock = new ManualClock();
    const consensus = new FakeConsensus();
    const proposer = new FakeProposer();
    const lessor = new Lessor(2);
    const options = { consensus: consensus.port, lessor, proposer: proposer.port, clock, log };
    const expirer = new LeaseExpirer(options);
    lessor.grant(1n, 10n, clock.monotonicMs());
    return { clock, consensus, proposer, lessor, expirer };
  }

  it('is proposed by the leader, once while under way', async () => {
    const { clock, proposer, lessor } = bench();
    clock.advance(9_000);
    assert.equal(proposer.bodies.length, 0);
    clock.advance(1_000 + LIMITS.leaseCheckMs);
    assert.deepEqual(proposer.bodies[0], { leaseExpire: { ID: 1n, renewals: 0 } });
    assert.equal(proposer.bodies.length, 1);
    lessor.revoke(1n);
    await settle();
    clock.advance(5_000);
    assert.equal(proposer.bodies.length, 1);
  });

  it('is not proposed by others, and a new leader gives all their time again', async () => {
    const { clock, consensus, proposer } = bench();
    consensus.lead(9n);
    clock.advance(20_000);
    assert.equal(proposer.bodies.length, 0);
    consensus.lead(ME);
    clock.advance(9_000);
    assert.equal(proposer.bodies.length, 0);
    clock.advance(2_000);
    assert.equal(proposer.bodies.length > 0, true);
  });

  it('is tried again when it did not work', async () => {
    const { clock, proposer, expirer } = bench();
    proposer.failWith = etcdError('timeout');
    clock.advance(10_000);
    await settle();
    clock.advance(LIMITS.leaseCheckMs);
    assert.equal(proposer.bodies.length, 2);
    await settle();
    expirer.close();
    clock.advance(10_000);
    assert.equal(proposer.bodies.length, 2);
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('compacting', () => {
  function bench(retention: ConstructorParameters<typeof Compactor>[0]['retention']) {
    const clock = new ManualClock();
    const consensus = new FakeConsensus();
    const proposer = new FakeProposer();
    const state = { revision: 1 };
    const compactor = new Compactor({
      ...{ retention, consensus: consensus.port, proposer: proposer.port, clock, log },
      revision: () => state.revision,
    });
    const compacted = () =>
      proposer.bodies.map((body) => (body.compact as { revision: number }).revision);
    return { clock, consensus, proposer, state, compactor, compacted };
  }

  it('by number keeps that many revisions', async () => {
    const { clock, state, compacted } = bench({ mode: 'revision', revisions: 100 });
    state.revision = 50;
    clock.advance(LIMITS.revisionCompactionMs);
    state.revision = 1_000;
    clock.advance(LIMITS.revisionCompactionMs);
    await settle();
    clock.advance(LIMITS.revisionCompactionMs);
    assert.deepEqual(compacted(), [900]);
  });

  it('by time keeps what is younger', async () => {
    const { clock, state, compacted } = bench({ mode: 'periodic', periodMs: 600_000 });
    for (let minute = 1; minute <= 12; minute++) {
      state.revision = minute * 100;
      clock.advance(60_000);
      await settle();
    }
    assert.deepEqual(compacted(), [100, 200]);
  });

  it('is left to the leader, and given up when closed', async () => {
    const { clock, consensus, state, compactor, compacted } = bench({
      mode: 'revision',
      revisions: 1,
    });
    consensus.leader = 9n;
    state.revision = 1_000;
    clock.advance(LIMITS.revisionCompactionMs);
    assert.deepEqual(compacted(), []);
    compactor.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('goes on after it was done by someone else, or failed', async () => {
    const { clock, proposer, state, compacted } = bench({ mode: 'revision', revisions: 1 });
    state.revision = 10;
    proposer.failWith = etcdError('compacted');
    clock.advance(LIMITS.revisionCompactionMs);
    await settle();
    clock.advance(LIMITS.revisionCompactionMs);
    assert.deepEqual(compacted(), [9], 'what is compacted is not asked for again');
    proposer.failWith = etcdError('timeout');
    state.revision = 20;
    clock.advance(LIMITS.revisionCompactionMs);
    await settle();
    proposer.failWith = undefined;
    clock.advance(LIMITS.revisionCompactionMs);
    assert.deepEqual(compacted(), [9, 19, 19]);
  });
});

describe('the quota', () => {
  function bench() {
    const proposer = new FakeProposer();
    const alarms = new Alarms();
    proposer.onProposal = (body) => {
      const { action, ...one } = body.alarm as { action: number } & Alarm;
      if (action === 1) alarms.raise(one);
      else alarms.clear(one);
    };
    const state = { size: 0 };
    const quota = new Quota({
      ...{ quotaBytes: 1_000, memberId: ME, alarms, proposer: proposer.port, log },
      sizeBytes: () => state.size,
    });
    return { proposer, alarms, state, quota };
  }

  it('lets writes in while they fit', async () => {
    const { quota, proposer, state } = bench();
    state.size = 900;
    await quota.check(100);
    assert.equal(proposer.bodies.length, 0);
  });

  it('raises the alarm for the write that does not, and clears it when there is space again', async () => {
    const { quota, alarms, state } = bench();
    state.size = 950;
    await assert.rejects(quota.check(100), (e) => isEtcdError(e, 'noSpace'));
    assert.ok(alarms.has(ALARM.noSpace));
    await quota.relax();
    assert.ok(alarms.has(ALARM.noSpace), 'not yet');
    state.size = 800;
    await quota.relax();
    assert.ok(!alarms.has(ALARM.noSpace));
  });

  it('leaves alarms alone that it did not raise', async () => {
    const { quota, alarms } = bench();
    alarms.raise({ memberID: ME, alarm: ALARM.noSpace });
    await quota.relax();
    assert.ok(alarms.has(ALARM.noSpace));
    await quota.check(10_000);
  });
});

describe('publishing', () => {
  const self = { id: ME, name: '', peerUrls: ['p'], clientUrls: [], isLearner: false };

  function bench(consensus: FakeConsensus, clock: ManualClock) {
    let published = 0;
    const publisher = new Publisher({
      ...{ consensus: consensus.port, name: 'me', clientUrls: ['http://me:1'], clock, log },
      onPublished: () => published++,
    });
    return { publisher, published: () => published };
  }

  it('tells name and client URLs, and keeps the rest', async () => {
    const consensus = new FakeConsensus();
    consensus.members = [self];
    const { published } = bench(consensus, new ManualClock());
    await settle();
    assert.deepEqual(consensus.members, [{ ...self, name: 'me', clientUrls: ['http://me:1'] }]);
    assert.equal(published(), 1);
  });

  it('tries until it is heard, and until the cluster knows the member', async () => {
    const consensus = new FakeConsensus();
    const clock = new ManualClock();
    const { published } = bench(consensus, clock);
    await settle();
    assert.equal(consensus.changes.length, 0);
    consensus.members = [self];
    consensus.failWith = new Error('no leader');
    clock.advance(60_000);
    await settle();
    assert.equal(published(), 0);
    consensus.failWith = undefined;
    clock.advance(60_000);
    await settle();
    assert.equal(published(), 1);
  });

  it('says nothing when all is known', async () => {
    const consensus = new FakeConsensus();
    consensus.members = [{ ...self, name: 'me', clientUrls: ['http://me:1'] }];
    const { published } = bench(consensus, new ManualClock());
    await settle();
    assert.deepEqual([consensus.changes.length, published()], [0, 1]);
  });

  it('stops when closed', async () => {
    const clock = new ManualClock();
    const { publisher } = bench(new FakeConsensus(), clock);
    await settle();
    publisher.close();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('streams without a leader', () => {
  interface FakeCall {
    readonly headers: Record<string, string>;
    endedWith: EtcdError | undefined;
    end(error?: EtcdError): void;
    onClose(): void;
  }

  function call(hasleader: string | undefined): FakeCall {
    const made: FakeCall = {
      headers: hasleader === undefined ? {} : { hasleader },
      endedWith: undefined,
      end: (error?: EtcdError) => {
        made.endedWith = error;
      },
      onClose: () => undefined,
    };
    return made;
  }

  it('end after a while, when they asked for it', () => {
    const clock = new ManualClock();
    const consensus = new FakeConsensus();
    const guard = new LeaderGuard(consensus.port, 3_000, clock);
    const [asking, other] = [call('true'), call(undefined)];
    guard.watch(asking);
    guard.watch(other);
    consensus.leader = 0n;
    clock.advance(2_500);
    assert.equal(asking.endedWith?.kind, undefined);
    clock.advance(2_500);
    assert.equal(asking.endedWith?.kind, 'noLeader');
    assert.equal(other.endedWith?.kind, undefined);
    const late = call('true');
    guard.watch(late);
    assert.equal(late.endedWith?.kind, 'noLeader');
    consensus.leader = ME;
    clock.advance(1_000);
    const again = call('true');
    guard.watch(again);
    assert.equal(again.endedWith?.kind, undefined);
    guard.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
