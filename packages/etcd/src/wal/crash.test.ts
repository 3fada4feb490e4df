/** The log on a disk that forgets and tears whatever was not synced. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, type Random, seededRandom, silentLogger } from '@kubets/platform';
import type { Entry } from '../raft/types.ts';
import { SimDisk } from '../testing/sim/disk.ts';
import { SimLoop } from '../testing/sim/loop.ts';
import { Wal } from './wal.ts';

const LIMITS = { segmentBytes: 2048, allocateBytes: 512 };

interface Model {
  /** Acknowledged as durable. */
  durable: Entry[];
  /** Handed to the log, acknowledged or not. */
  written: Entry[];
  term: number;
  released: number;
}

function options(disk: SimDisk) {
  const mounted = disk.mount();
  return { disk: mounted, dir: 'w', log: silentLogger, clock: new ManualClock(), limits: LIMITS };
}

function replaceFrom(list: Entry[], added: readonly Entry[]): Entry[] {
  const first = added[0]?.index ?? 0;
  return [...list.filter((entry) => entry.index < first), ...added];
}

/** A few appends at once, none waited for; some replace what is not acknowledged yet. */
function burst(wal: Wal, model: Model, random: Random): void {
  const appends = 1 + random.int(5);
  for (let n = 0; n < appends; n += 1) {
    const last = model.written.at(-1)?.index ?? 0;
    const durable = model.durable.at(-1)?.index ?? 0;
    const replace = random.int(4) === 0 && last > durable;
    if (replace) model.term += 1;
    const from = replace ? last : last + 1;
    const entries = Array.from({ length: 1 + random.int(3) }, (_, k): Entry => {
      const data = Buffer.alloc(random.int(700), from + k);
      return { index: from + k, term: model.term, kind: 'normal', data };
    });
    model.written = replaceFrom(model.written, entries);
    const hardState = { term: model.term, vote: 1n, commit: durable };
    wal.append({ entries, hardState }).then(
      () => {
        model.durable = replaceFrom(model.durable, entries);
      },
      () => undefined,
    );
  }
}

async function life(seed: number): Promise<number> {
  const random = seededRandom(seed);
  const loop = new SimLoop();
  const disk = new SimDisk({ loop, random, syncMs: () => 1 + random.int(4) });
  const model: Model = { durable: [], written: [], term: 1, released: 0 };
  let opened: Wal | undefined;
  Wal.create(options(disk), { clusterId: 1n, memberId: 1n }, {}).then((wal) => {
    opened = wal;
  }, assert.fail);
  await loop.run(50);
  for (let crash = 0; crash < 6; crash += 1) {
    assert.ok(opened !== undefined);
    const wal: Wal = opened;
    const rounds = 1 + random.int(8);
    for (let round = 0; round < rounds; round += 1) {
      burst(wal, model, random);
      await loop.run(random.int(8));
      const durable = model.durable.at(-1)?.index ?? 0;
      if (random.int(3) === 0) {
        model.released = Math.max(model.released, durable - 2);
        wal.release(model.released).catch(() => undefined);
      }
    }
    disk.crash();
    opened = undefined;
    const acknowledged = [...model.durable];
    Wal.open(options(disk)).then(({ wal: next, recovered }) => {
      opened = next;
      check(seed, recovered.offset.index, recovered.entries, { ...model, durable: acknowledged });
      model.written = replaceFrom(acknowledged, recovered.entries);
      model.durable = model.written;
      model.term = Math.max(recovered.hardState.term, model.term) + 1;
    }, assert.fail);
    await loop.run(100);
  }
  return model.durable.at(-1)?.index ?? 0;
}

function check(seed: number, offset: number, entries: readonly Entry[], model: Model): void {
  assert.ok(offset <= model.released, `seed ${seed}: ${offset} was not released`);
  const byIndex = new Map(entries.map((entry) => [entry.index, entry]));
  for (const entry of model.durable) {
    if (entry.index <= offset) continue;
    const found = byIndex.get(entry.index);
    assert.ok(found !== undefined, `seed ${seed}: acknowledged entry ${entry.index} is gone`);
    // A later write that was not acknowledged may have replaced it, never an earlier one.
    assert.ok(found.term >= entry.term, `seed ${seed}: entry ${entry.index} is an old one`);
  }
  for (const [at, entry] of entries.entries()) assert.equal(entry.index, offset + 1 + at);
}

test('whatever was acknowledged survives any crash, and no crash looks like damage', async () => {
  let entries = 0;
  for (let seed = 1; seed <= 120; seed += 1) entries += await life(seed);
  assert.ok(entries > 1000, `${entries}`);
});
