import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Member, type MemberParts } from './member.ts';

test('lease ids grow, are all as long, and are nobody else’s', () => {
  let nowMs = 1_790_000_000_000;
  const clock = { now: () => nowMs };
  const of = (memberId: bigint) =>
    new Member({ memberId, clock, state: { auth: {} } } as unknown as MemberParts);
  const [small, large] = [of(0n), of(2n ** 64n - 1n)];
  const seen = new Set<bigint>();
  for (const member of [small, large]) {
    let before = 0n;
    for (let n = 0; n < 1_000; n += 1) {
      if (n % 300 === 0) nowMs += 1;
      const id = member.nextLeaseId();
      assert.ok(id > before && id < 2n ** 63n);
      assert.equal(String(id).length, 19);
      assert.equal(id.toString(16).length, 16);
      seen.add(id);
      before = id;
    }
  }
  assert.equal(seen.size, 2_000);
});
