import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { MANY_WATCHERS, ROUND_PAUSE_MS, UNTOLD_EVENTS } from '../limits.ts';
import type { CacheEvent } from './ring.ts';
import { Rounds } from './rounds.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const event = (revision: number): CacheEvent => {
  const bytes = Buffer.alloc(0);
  const names = { key: '/x', namespace: '', name: 'x', labels: {}, fields: {} };
  const entry = { ...names, revision: BigInt(revision), bytes, metadataAt: 0, parsed: undefined };
  const rest = { old: undefined, gone: undefined, encodings: undefined };
  return { type: 'ADDED', revision: entry.revision, entry, ...rest };
};

let clock: ManualClock;
let watchers: number;
/** How long telling takes. */
let tellMs: number;
let told: number[][];
let rounds: Rounds;
beforeEach(() => {
  [clock, watchers, tellMs, told] = [new ManualClock(), MANY_WATCHERS, 0, []];
  rounds = new Rounds({
    clock,
    watchers: () => watchers,
    tell: (changes) => {
      told.push(changes.map(({ revision }) => Number(revision)));
      clock.advance(tellMs);
    },
  });
});

/** Changes that come together. */
function change(...revisions: number[]): void {
  for (const revision of revisions) rounds.add(event(revision));
  rounds.tellSoon();
}

describe('rounds of telling watches', () => {
  it('come at once for a few', () => {
    watchers = MANY_WATCHERS - 1;
    change(1, 2);
    change(3);
    assert.deepEqual(told, [[1, 2], [3]]);
  });

  it('keep nothing for nobody', async () => {
    watchers = 0;
    change(1);
    watchers = MANY_WATCHERS;
    change(2);
    await turn();
    assert.deepEqual(told, [[2]]);
  });

  it('gather what comes in one turn for many', async () => {
    change(1);
    change(2, 3);
    assert.deepEqual(told, []);
    await turn();
    assert.deepEqual(told, [[1, 2, 3]]);
  });

  it('come at once when much has gathered, and before whatever has to come after them', async () => {
    change(...Array.from({ length: UNTOLD_EVENTS }, (_, i) => i));
    assert.equal(told.length, 1);
    change(1);
    rounds.tellNow();
    assert.deepEqual(told[1], [1]);
    await turn();
    assert.equal(told.length, 2);
  });

  it('are followed by a pause as long as they took', async () => {
    tellMs = 20;
    change(1);
    await turn();
    await turn();
    change(2);
    change(3);
    await turn();
    clock.advance(19);
    assert.deepEqual(told, [[1]]);
    clock.advance(1);
    assert.deepEqual(told, [[1], [2, 3]]);
  });

  it('are not followed by a pause that is over already, nor by a longer one than allowed', async () => {
    tellMs = 10 * ROUND_PAUSE_MS;
    change(1);
    await turn();
    await turn();
    change(2);
    clock.advance(ROUND_PAUSE_MS);
    assert.deepEqual(told, [[1], [2]]);
    await turn();
    clock.advance(ROUND_PAUSE_MS);
    change(3);
    await turn();
    assert.deepEqual(told, [[1], [2], [3]]);
  });
});
