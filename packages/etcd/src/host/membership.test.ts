import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberChange, MemberInfo } from '../ports.ts';
import { changeConfiguration, configurationOf } from '../raft/configuration.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { changeProblem } from './member-rules.ts';
import {
  clusterIdOf,
  confChangeOf,
  decodeConfEntry,
  decodeMembers,
  encodeConfEntry,
  encodeMembers,
  Membership,
  memberIdOf,
} from './membership.ts';

const member = (id: bigint, isLearner = false): MemberInfo => ({
  id,
  name: `m${id}`,
  peerUrls: [`http://p${id}`],
  clientUrls: [`http://c${id}`],
  isLearner,
});

test('ids depend on addresses, token and salt, not on the order of the addresses', () => {
  const id = memberIdOf(['http://a', 'http://b'], 't');
  assert.equal(memberIdOf(['http://b', 'http://a'], 't'), id);
  assert.notEqual(memberIdOf(['http://a'], 't'), id);
  assert.notEqual(memberIdOf(['http://a', 'http://b'], 'u'), id);
  assert.notEqual(memberIdOf(['http://a', 'http://b'], 't', 'later'), id);
  assert.ok(id > 0n && id < 2n ** 64n);
  assert.equal(clusterIdOf([1n, 2n]), clusterIdOf([2n, 1n]));
  assert.notEqual(clusterIdOf([1n, 2n]), clusterIdOf([1n, 3n]));
});

test('conf entries and memberships come back as they were', () => {
  const changes: MemberChange[] = [
    { type: 'add', member: member(2n ** 64n - 1n, true) },
    { type: 'update', member: member(2n) },
    { type: 'remove', id: 3n },
    { type: 'promote', id: 4n },
  ];
  const entry = { nonce: 'n1', changes };
  assert.deepEqual(decodeConfEntry(encodeConfEntry(entry)), entry);
  assert.equal(decodeConfEntry(Buffer.alloc(0)), undefined);
  const members = [member(1n), member(2n, true)];
  assert.deepEqual(decodeMembers(encodeMembers(members)), members);
  const joint = changeConfiguration(configurationOf([1n, 2n], [3n]), [
    { op: 'voter', id: 3n },
    { op: 'learner', id: 2n },
  ]);
  const whole = new Membership(
    joint,
    [1n, 2n, 3n].map((id) => member(id)),
  );
  const back = Membership.decode(whole.encode());
  assert.deepEqual(back.conf, whole.conf);
  assert.deepEqual(back.members, whole.members);
});

test('the core hears of votes, not of names', () => {
  const change = (...changes: MemberChange[]) => confChangeOf({ nonce: '', changes });
  assert.deepEqual(confChangeOf(undefined), []);
  assert.equal(change({ type: 'update', member: member(1n) }), undefined);
  assert.deepEqual(change({ type: 'add', member: member(1n, true) }), [{ op: 'learner', id: 1n }]);
  assert.deepEqual(change({ type: 'promote', id: 2n }, { type: 'remove', id: 3n }), [
    { op: 'voter', id: 2n },
    { op: 'remove', id: 3n },
  ]);
});

test('membership follows the configuration', () => {
  let now = new Membership(configurationOf([1n, 2n]), [member(1n), member(2n)]);
  const apply = (...changes: MemberChange[]): void => {
    const entry = { nonce: '', changes };
    const change = confChangeOf(entry);
    const conf = change === undefined ? now.conf : changeConfiguration(now.conf, change);
    now = now.after(entry, conf);
  };
  const shown = (): string[] => now.members.map((m) => `${m.name}${m.isLearner ? '?' : ''}`);
  apply({ type: 'add', member: member(3n, true) });
  assert.deepEqual(shown(), ['m1', 'm2', 'm3?']);
  apply({ type: 'promote', id: 3n });
  assert.deepEqual(shown(), ['m1', 'm2', 'm3']);
  apply({ type: 'update', member: { ...member(2n), name: 'renamed' } });
  assert.deepEqual(shown(), ['m1', 'renamed', 'm3']);
  apply({ type: 'update', member: { ...member(9n), name: 'nobody' } });
  apply({ type: 'remove', id: 1n });
  assert.deepEqual(shown(), ['renamed', 'm3']);
  // Through a joint configuration the one that leaves stays known until it is left.
  apply({ type: 'add', member: member(4n) }, { type: 'remove', id: 3n });
  assert.deepEqual(shown(), ['renamed', 'm3', 'm4']);
  now = now.after(undefined, changeConfiguration(now.conf, []));
  assert.deepEqual(shown(), ['renamed', 'm4']);
});

test('the leader refuses changes that make no sense', () => {
  const { core } = fakeContext([1n, 2n]);
  const membership = new Membership(configurationOf([1n, 2n], [3n]), [
    member(1n),
    member(2n),
    member(3n, true),
  ]);
  const cases: [MemberChange, string | undefined][] = [
    [{ type: 'add', member: member(9n) }, undefined],
    [{ type: 'add', member: member(2n) }, 'exists'],
    [{ type: 'add', member: member(3n, true) }, 'exists'],
    [{ type: 'update', member: member(2n) }, undefined],
    [{ type: 'update', member: member(9n) }, 'notFound'],
    [{ type: 'remove', id: 2n }, undefined],
    [{ type: 'remove', id: 9n }, 'notFound'],
    [{ type: 'promote', id: 2n }, 'notLearner'],
    [{ type: 'promote', id: 9n }, 'notFound'],
  ];
  for (const [change, expected] of cases) {
    assert.equal(changeProblem([change], membership, core), expected, JSON.stringify(change.type));
  }
});
