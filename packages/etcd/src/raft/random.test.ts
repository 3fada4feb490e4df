/** Random histories of the bare core: any order of messages, losses, repeats, slow disks and power failures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '@kubets/platform';
import { Group } from '../testing/group.ts';
import type { Message } from './types.ts';

const IDS = [1, 2, 3, 4, 5];

/** What has been applied at an index by whoever came first, and who led each term. */
class Ledger {
  readonly #applied = new Map<number, string>();
  readonly #leaders = new Map<number, number>();

  check(group: Group): void {
    for (const id of IDS) {
      const { core, applied } = group.get(id);
      if (core.role === 'leader') {
        const known = this.#leaders.get(core.term) ?? id;
        assert.equal(known, id, `two leaders in term ${core.term}`);
        this.#leaders.set(core.term, id);
      }
      for (const entry of applied) {
        const text = `${entry.term} ${Buffer.from(entry.data).toString()}`;
        const known = this.#applied.get(entry.index) ?? text;
        assert.equal(text, known, `member ${id} applied something else at ${entry.index}`);
        this.#applied.set(entry.index, text);
      }
    }
  }

  get length(): number {
    return this.#applied.size;
  }
}

function shuffleSome(messages: Message[], random: Random): Message[] {
  const out: Message[] = [];
  for (const message of messages) {
    const fate = random.int(10);
    if (fate === 0) continue;
    if (fate === 1) out.push(message);
    out.splice(random.int(out.length + 1), 0, message);
  }
  return out;
}

function act(group: Group, random: Random, step: number): void {
  const id = IDS[random.int(IDS.length)] ?? 1;
  switch (random.int(20)) {
    case 0:
      group.tick(id, random.int(12));
      break;
    case 1:
      group.core(id).campaign();
      break;
    case 2:
      group.core(id).suspectLeader();
      break;
    case 3:
    case 4:
      group.propose(id, `v${step}`);
      break;
    case 5:
      if (random.int(3) === 0) group.restart(id);
      break;
    case 6:
      group.slow.add(BigInt(id));
      break;
    case 7:
      group.slow.delete(BigInt(id));
      group.syncDisk(id);
      break;
    case 8:
      group.core(id).transferLeadership(BigInt(IDS[random.int(IDS.length)] ?? 1));
      break;
    case 9:
      group.core(id).reportUnreachable(BigInt(IDS[random.int(IDS.length)] ?? 1));
      break;
    case 10:
      if (random.int(4) === 0)
        group.partition(
          [id],
          IDS.filter((other) => other !== id),
        );
      break;
    case 11:
      group.cut.clear();
      break;
    default:
      group.propose(id, `v${step}`);
  }
}

function history(seed: number): { group: Group; ledger: Ledger } {
  const random = seededRandom(seed);
  const limits = { maxAppendBytes: 60, maxInflightMessages: 3 };
  const group = new Group({ voters: IDS, seed, limits });
  const ledger = new Ledger();
  for (let step = 0; step < 400; step += 1) {
    act(group, random, step);
    const rounds = 1 + random.int(3);
    for (let round = 0; round < rounds; round += 1) {
      for (const id of group.members.keys()) group.take(id);
      group.wire = shuffleSome(group.wire, random);
      group.deliver();
      ledger.check(group);
    }
  }
  return { group, ledger };
}

test('no history breaks safety, and every group comes to life again', () => {
  let applied = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const { group, ledger } = history(seed);
    group.cut.clear();
    for (const id of IDS) {
      group.slow.delete(BigInt(id));
      group.syncDisk(id);
    }
    for (let n = 0; n < 200; n += 1) {
      for (const id of IDS) group.tick(id);
      group.settle();
      ledger.check(group);
    }
    const leaders = IDS.filter((id) => group.core(id).role === 'leader');
    assert.equal(leaders.length, 1, `seed ${seed}`);
    const leader = leaders[0] ?? 1;
    assert.equal(group.propose(leader, 'last'), 'accepted');
    group.settle();
    for (let n = 0; n < 3; n += 1) {
      group.tick(leader);
      group.settle();
    }
    const expected = group.appliedText(leader);
    assert.equal(expected.at(-1), 'last', `seed ${seed}`);
    for (const id of IDS) {
      // A restarted member has applied everything again from its log.
      assert.deepEqual(group.appliedText(id), expected, `seed ${seed} member ${id}`);
    }
    applied += ledger.length;
  }
  assert.ok(applied > 60 * 10, `${applied}`);
});
