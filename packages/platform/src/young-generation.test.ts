/** In processes of their own: the young generation belongs to a process. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Makes much that lives, and says how large the young generation has become, MiB. */
const PROGRAM = `
import { getHeapSpaceStatistics } from 'node:v8';
import { growYoungGeneration } from '${new URL('./young-generation.ts', import.meta.url)}';
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
