/** Cluster and Maintenance: what an administrator asks and changes. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, silentLogger } from '@kubets/platform';
import type { StatusResponse, Member as WireMember } from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import { MemberChangeError } from '../host/errors.ts';
import type { Consensus, ConsensusStatus, MemberChange, MemberInfo } from '../ports.ts';
import { KvState } from '../state/kv-state.ts';
import { ClusterService } from './cluster-service.ts';
import { unhealthyReason } from './http.ts';
import { MaintenanceService } from './maintenance-service.ts';
import { Member, type MemberParts } from './member.ts';

const ME = 1n;

function info(id: bigint, more: Partial<MemberInfo> = {}): MemberInfo {
  const peerUrls = [`http://10.0.0.${id}:2380`];
  return { id, name: `m${id}`, peerUrls, clientUrls: ['c'], isLearner: false, ...more };
}

class FakeConsensus {
  members: readonly MemberInfo[];
  leader = ME;
  failWith: Error | undefined;
  readonly changes: MemberChange[] = [];
  transferredTo: bigint | undefined;

  constructor(members: readonly MemberInfo[]) {
    this.members = members;
  }

  status(): ConsensusStatus {
    const positions = { lastIndex: 9n, commitIndex: 9n, appliedIndex: 8n };
    const { leader, members } = this;
    return { id: ME, leader, term: 4n, role: 'leader', members, ...positions };
  }

  changeMembers(change: MemberChange): Promise<readonly MemberInfo[]> {
    this.changes.push(change);
    return this.failWith ? Promise.reject(this.failWith) : Promise.resolve(this.members);
  }

  transferLeadership(to: bigint): Promise<void> {
    this.transferredTo = to;
    return Promise.resolve();
  }

  readIndex(): Promise<bigint> {
    return this.failWith ? Promise.reject(this.failWith) : Promise.resolve(8n);
  }

  waitApplied(): Promise<void> {
    return Promise.resolve();
  }
}

function bench(...members: MemberInfo[]) {
  const consensus = new FakeConsensus(members);
  const state = new KvState({ minLeaseTtlSeconds: 2 });
  const parts = {
    ...{ memberId: ME, clusterId: 77n, state, consensus: consensus as unknown as Consensus },
    ...{ clock: new ManualClock(), log: silentLogger },
    limits: { requestBytes: 1, txnOps: 1, learners: 1, quotaBytes: 1_000 },
  } as unknown as MemberParts;
  const member = new Member(parts);
  const cluster = new ClusterService(member);
  return { consensus, state, member, cluster, maintenance: new MaintenanceService(member) };
}

async function refusal(work: () => Promise<unknown> | unknown): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof EtcdError, String(error));
    return error.kind;
  }
}

describe('adding a member', () => {
  const url = 'http://10.0.0.9:2380';

  it('is a change of membership; it has no name until it starts', async () => {
    const { cluster, consensus } = bench(info(1n), info(2n), info(3n));
    const answer = await cluster.add({ peerURLs: [url], isLearner: false });
    const [change] = consensus.changes;
    assert.ok(change?.type === 'add');
    assert.deepEqual([change.member.name, change.member.peerUrls], ['', [url]]);
    assert.ok(!(answer instanceof Uint8Array));
    assert.equal((answer.member as WireMember).ID, change.member.id);
  });

  const refused: readonly (readonly [string, string[], MemberInfo[], string])[] = [
    ['whose URL is taken', ['http://10.0.0.2:2380'], [info(1n), info(2n)], 'peerUrlExists'],
    ['without a URL', [], [info(1n)], 'memberBadUrls'],
    ['with a URL that is none', ['10.0.0.9:2380'], [info(1n)], 'memberBadUrls'],
    ['with a path', ['http://10.0.0.9:2380/x'], [info(1n)], 'memberBadUrls'],
    [
      'while too few are running',
      [url],
      [info(1n), info(2n, { name: '' }), info(3n, { name: '' })],
      'memberNotEnoughStarted',
    ],
  ];
  for (const [what, peerURLs, members, expected] of refused) {
    it(`${what} is refused`, async () => {
      const { cluster, consensus } = bench(...members);
      assert.equal(await refusal(() => cluster.add({ peerURLs, isLearner: false })), expected);
      assert.equal(consensus.changes.length, 0);
    });
  }

  it('as a learner does not ask for a quorum', async () => {
    const { cluster } = bench(info(1n), info(2n, { name: '' }), info(3n, { name: '' }));
    assert.equal(await refusal(() => cluster.add({ peerURLs: [url], isLearner: true })), 'ok');
  });

  it('as a learner is refused while there is one', async () => {
    const { cluster, consensus } = bench(info(1n), info(2n, { isLearner: true }));
    const more = { peerURLs: [url], isLearner: true };
    assert.equal(await refusal(() => cluster.add(more)), 'tooManyLearners');
    assert.equal(consensus.changes.length, 0);
    assert.equal(await refusal(() => cluster.add({ ...more, isLearner: false })), 'ok');
  });

  it('keeps its URLs in order', async () => {
    const { cluster, consensus } = bench(info(1n));
    const peerURLs = ['http://10.0.0.9:2380', 'http://10.0.0.8:2380'];
    await cluster.add({ peerURLs, isLearner: true });
    const [change] = consensus.changes;
    assert.ok(change?.type === 'add');
    assert.deepEqual(change.member.peerUrls, [...peerURLs].reverse());
  });

  it('to a lone one is allowed', async () => {
    const { cluster } = bench(info(1n));
    assert.equal(await refusal(() => cluster.add({ peerURLs: [url], isLearner: false })), 'ok');
  });
});

describe('removing, updating, promoting', () => {
  it('need a member that is there', async () => {
    const { cluster } = bench(info(1n));
    const peerURLs = ['http://10.0.0.9:2380'];
    assert.equal(await refusal(() => cluster.remove({ ID: 9n })), 'memberNotFound');
    assert.equal(await refusal(() => cluster.update({ ID: 9n, peerURLs })), 'memberNotFound');
    assert.equal(await refusal(() => cluster.promote({ ID: 9n })), 'memberNotFound');
    assert.equal(await refusal(() => cluster.promote({ ID: 1n })), 'memberNotLearner');
  });

  it('may not take the quorum away, but what never started can go', async () => {
    const members = [info(1n), info(2n), info(3n, { name: '' }), info(4n, { name: '' })];
    const { cluster, consensus } = bench(...members);
    assert.equal(await refusal(() => cluster.remove({ ID: 2n })), 'memberNotEnoughStarted');
    assert.equal(await refusal(() => cluster.remove({ ID: 3n })), 'ok');
    assert.deepEqual(consensus.changes, [{ type: 'remove', id: 3n }]);
  });

  it('keep what they do not change', async () => {
    const { cluster, consensus } = bench(info(1n), info(2n));
    const peerURLs = ['http://10.0.0.9:2380'];
    await cluster.update({ ID: 2n, peerURLs });
    assert.deepEqual(consensus.changes, [
      { type: 'update', member: { ...info(2n), peerUrls: peerURLs } },
    ]);
    const taken = { ID: 2n, peerURLs: ['http://10.0.0.1:2380'] };
    assert.equal(await refusal(() => cluster.update(taken)), 'peerUrlExists');
  });

  it('answer with etcd’s errors when consensus refuses', async () => {
    const { cluster, consensus } = bench(info(1n), info(2n, { isLearner: true }));
    const codes = {
      learnerNotReady: 'learnerNotReady',
      pending: 'unhealthy',
      exists: 'memberExists',
    };
    for (const [code, kind] of Object.entries(codes)) {
      consensus.failWith = new MemberChangeError(code as 'pending', 'no');
      assert.equal(await refusal(() => cluster.promote({ ID: 2n })), kind);
    }
  });
});

describe('status', () => {
  it('tells where the member stands and what is wrong', () => {
    const { maintenance, state, consensus } = bench(info(1n));
    state.alarms.raise({ memberID: 3n, alarm: 1 });
    consensus.leader = 0n;
    const status = maintenance.status() as unknown as StatusResponse;
    assert.deepEqual(status.errors, ['memberID:3 alarm:NOSPACE ', 'etcdserver: no leader']);
    assert.match(status.version, /^3\.\d+\.\d+$/);
    assert.deepEqual([status.raftIndex, status.raftAppliedIndex], [9n, 8n]);
  });
});

describe('moving the leader', () => {
  it('is done by the leader, to a voter', async () => {
    const { maintenance, consensus } = bench(info(1n), info(2n), info(3n, { isLearner: true }));
    const move = (targetID: bigint) => refusal(() => maintenance.moveLeader({ targetID }));
    assert.equal(await move(9n), 'badLeaderTransferee');
    assert.equal(await move(3n), 'badLeaderTransferee');
    assert.equal(await move(2n), 'ok');
    assert.equal(consensus.transferredTo, 2n);
    consensus.leader = 2n;
    assert.equal(await move(2n), 'notLeader');
  });
});

describe('health', () => {
  it('needs a leader, a quorum, no alarm, and to be known', async () => {
    const { member, state, consensus } = bench(info(1n));
    const clock = new ManualClock();
    const reason = () => unhealthyReason(member, clock);
    assert.equal(await unhealthyReason(undefined, clock), 'starting');
    assert.match((await reason()) ?? '', /does not know this member/);
    member.published = true;
    assert.equal(await reason(), undefined);
    consensus.failWith = new MemberChangeError('pending', 'no quorum');
    assert.ok(await reason());
    consensus.failWith = undefined;
    consensus.leader = 0n;
    assert.equal(await reason(), 'RAFT NO LEADER');
    state.alarms.raise({ memberID: 3n, alarm: 2 });
    assert.equal(await reason(), 'ALARM CORRUPT');
    assert.equal(clock.pendingTimers, 0);
  });

  it('does not wait for ever', async () => {
    const { member, consensus } = bench(info(1n));
    member.published = true;
    consensus.readIndex = () => new Promise(() => undefined);
    const clock = new ManualClock();
    const asked = unhealthyReason(member, clock);
    clock.advance(10_000);
    assert.match((await asked) ?? '', /no answer from a quorum/);
  });
});
