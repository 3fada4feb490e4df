/** Changes of membership whose fate is unknown. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '@kubets/platform';
import type { ClusterMember } from '../client/types.ts';
import { AmbiguousError } from '../errors.ts';
import { makeSure } from './replace.ts';

/** Tries so long until the member is there. @param attempts what each try does to the members before it fails */
async function tried(attempts: readonly ('lost' | 'applied' | 'done')[]): Promise<number> {
  let isThere = false;
  let made = 0;
  const io = { clock: systemClock, signal: new AbortController().signal };
  const client = { members: async () => (isThere ? [{ id: 1n } as ClusterMember] : []) };
  await makeSure(
    client,
    { io, timeoutMs: 60_000 },
    (members) => members.length > 0,
    async () => {
      const fate = attempts[made] ?? assert.fail('it was made too often');
      made += 1;
      isThere = fate !== 'lost';
      if (fate !== 'done') throw new AmbiguousError('timeout', 14, 'nobody knows');
    },
  );
  return made;
}

it('a change that was made although nobody said so is not made again', async () => {
  assert.equal(await tried(['applied']), 1);
});

it('one that was lost is made again', async () => {
  assert.equal(await tried(['lost', 'done']), 2);
});
