/** A new commit index that waits for the next entries, as the host allows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Group } from '../testing/group.ts';
import type { RaftCore } from './core.ts';
import type { Message, PeerId, Ready } from './types.ts';

const HOLD = { apply: true, holdCommits: true } as const;

/** A leader of three, with everything it has so far known to all. */
function leading(): RaftCore {
  const group = new Group({ voters: [1, 2, 3] });
  group.elect(1);
  group.settle();
  return group.core(1);
}

/** What goes to a member: entries and the commit index of each append. */
function sent({ messages }: Ready, to: PeerId): [number, number][] {
  const appends: [number, number][] = [];
  for (const message of messages) {
    if (message.to !== to || message.type !== 'append') continue;
    appends.push([message.entries.length, message.commit]);
  }
  return appends;
}

function answer(core: RaftCore, from: PeerId, rest: { index: number }): void {
  const hint = { index: 0, term: 0 };
  const ends = { from, to: core.id, term: core.term };
  core.step({ type: 'appendResponse', ...ends, rejected: false, hint, ...rest });
}

/** Carries out what a Ready asks of the host, and commits it with the answer of member 2. */
function commit(core: RaftCore, { token }: Ready): void {
  if (token !== undefined) core.persisted(token);
  answer(core, 2n, { index: core.log.lastIndex });
}

function apply(core: RaftCore, { committed }: Ready): void {
  const last = committed.at(-1);
  if (last !== undefined) core.appliedTo(last.index);
}

function propose(core: RaftCore): Ready {
  assert.equal(core.propose([{ kind: 'normal', data: Buffer.from('x') }]), 'accepted');
  return core.ready(HOLD);
}

test('followers learn it with the next entries, and the leader applies at once', () => {
  const core = leading();
  commit(core, propose(core));
  const index = core.log.lastIndex;
  const after = core.ready(HOLD);
  assert.deepEqual([sent(after, 2n), sent(after, 3n)], [[], []]);
  assert.equal(after.commitsHeld, true);
  assert.equal(after.committed.at(-1)?.index, index);
  apply(core, after);
  const next = propose(core);
  assert.deepEqual(sent(next, 2n), [[1, index]]);
  assert.equal(next.commitsHeld, false, 'nothing is left to be told');
});

test('without further entries they are told when the host asks for it', () => {
  const core = leading();
  commit(core, propose(core));
  const index = core.log.lastIndex;
  assert.equal(core.ready(HOLD).commitsHeld, true);
  assert.equal(core.ready(HOLD).commitsHeld, true, 'it is not forgotten');
  const told = core.ready();
  assert.deepEqual([sent(told, 2n), sent(told, 3n)], [[[0, index]], [[0, index]]]);
  assert.equal(told.commitsHeld, false);
  assert.equal(core.ready(HOLD).commitsHeld, false);
});

test('who waits for a read point is told how far to apply', () => {
  const core = leading();
  commit(core, propose(core));
  const index = core.log.lastIndex;
  apply(core, core.ready(HOLD));
  const ends = { from: 2n, to: 1n, term: core.term };
  core.step({ type: 'readIndex', ...ends, context: 5 });
  const [beat] = core
    .ready(HOLD)
    .messages.filter((message): message is Message & { type: 'heartbeat' } => {
      return message.type === 'heartbeat' && message.to === 2n;
    });
  assert.ok(beat);
  core.step({ type: 'heartbeatResponse', ...ends, readSeq: beat.readSeq });
  const ready = core.ready(HOLD);
  assert.ok(ready.messages.some(({ type }) => type === 'readIndexResponse'));
  assert.deepEqual(sent(ready, 2n), [[0, index]]);
});

test('a change of members is told at once: who is removed is sent nothing later', () => {
  const core = leading();
  assert.equal(core.proposeConf(Buffer.from('c'), [{ op: 'remove', id: 3n }]), 'accepted');
  commit(core, core.ready(HOLD));
  const index = core.log.lastIndex;
  const ready = core.ready(HOLD);
  assert.deepEqual(sent(ready, 3n), [[0, index]]);
  assert.equal(ready.commitsHeld, false);
});
