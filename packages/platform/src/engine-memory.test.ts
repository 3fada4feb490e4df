/** In processes of their own: memory belongs to a process. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Makes much that lives, and says how large the young generation has become, MiB. */
const PROGRAM = `
import { getHeapSpaceStatistics } from 'node:v8';
import { growYoungGeneration } from '${new URL('./engine-memory.ts', import.meta.url)}';
growYoungGeneration(Number(process.argv[1]));
const kept = Array.from({ length: 1_000_000 }, (_, i) => ({ i }));
const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
console.log(young.space_size / 2 ** 20, kept.length);
`;

function youngMiB(factor: 1 | 2, ...flags: string[]): number {
  const args = [...flags, '--input-type=module', '--eval', PROGRAM, String(factor)];
  return Number.parseFloat(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

describe('the young generation', () => {
  it('grows when it is let, and else stays as it is', () => {
    assert.ok(youngMiB(1) * 2 <= youngMiB(2));
  });

  it('has the size the process was started with', () => {
    const flag = '--max-semi-space-size=8';
    assert.equal(youngMiB(1, flag), youngMiB(2, flag));
  });
});

/** Keeps so many MiB of small buffers, replaces each three times, and says how often the whole heap was collected. */
const BUFFERS = `
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { countManyBuffersAsHeap } from '${new URL('./engine-memory.ts', import.meta.url)}';
import { ManualClock } from '${new URL('./runtime/clock.ts', import.meta.url)}';
const count = Number(process.argv[1]) * 1024;
const kept = Array.from({ length: count }, () => Buffer.allocUnsafeSlow(1024));
const clock = new ManualClock();
countManyBuffersAsHeap(clock);
clock.advance(10_000);
let major = 0;
const seen = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major += 1;
  }
});
seen.observe({ entryTypes: ['gc'] });
for (let i = 0; i < 3 * count; i += 1) {
  kept[i % count] = Buffer.allocUnsafeSlow(1024);
  if (i % 1_000 === 0) await new Promise(setImmediate);
}
console.log(major, clock.pendingTimers);
`;

describe('buffers', () => {
  const collected = (mib: number): number[] => {
    const args = ['--input-type=module', '--eval', BUFFERS, String(mib)];
    return execFileSync(process.execPath, args, { encoding: 'utf8' }).split(' ').map(Number);
  };

  it('are part of the heap once they are many', () => {
    const [few = 0, fewTimers] = collected(200);
    const [many = 0, manyTimers] = collected(300);
    assert.deepEqual([fewTimers, manyTimers], [1, 0]);
    assert.ok(many < few, `${many} collections of many buffers, ${few} of few`);
  });
});
