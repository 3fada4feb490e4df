import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cpuFigure, memoryFigure } from './figures.ts';
import { exponentOf, fitLine, lawsOf, renderLaws } from './laws.ts';
import type { BenchResult } from './result.ts';

/** A system that takes 100 MiB and 2 MiB a node, 4 ms a heartbeat and 10 ms a pod. */
function report(nodes: number): BenchResult {
  const restS = 20;
  const fillS = 50;
  const beat = 0.004;
  const figures: Record<string, number> = {
    [memoryFigure('apiserver', 'start')]: 100,
    [memoryFigure('apiserver', 'rest')]: 100 + 2 * nodes,
    [cpuFigure('apiserver', 'rest')]: ((nodes * restS) / 10) * beat,
    [cpuFigure('apiserver', 'saturate')]: ((nodes * fillS) / 10) * beat + nodes * 30 * 0.01,
  };
  const phases = [
    { name: 'saturate', fromS: 0, toS: fillS, note: '' },
    { name: 'rest', fromS: fillS, toS: fillS + restS, note: '' },
  ];
  return { figures, phases, config: { nodes, podsPerNode: 30 } } as unknown as BenchResult;
}

describe('lawsOf', () => {
  it('finds what a system was made with', () => {
    const [law] = lawsOf([report(1_000), report(100), report(300)]);
    assert.ok(law !== undefined);
    assert.deepEqual(
      law.points.map(({ nodes }) => nodes),
      [100, 300, 1_000],
    );
    assert.ok(Math.abs(law.memory.a - 100) < 1e-6 && Math.abs(law.memory.b - 2) < 1e-9);
    assert.ok(Math.abs(law.heartbeat.b - 0.004) < 1e-9 && Math.abs(law.heartbeat.a) < 1e-9);
    assert.ok(law.points.every((one) => Math.abs(one.podMs - 10) < 1e-9));
    assert.ok(Math.abs(law.podExponent) < 1e-9);
    assert.match(renderLaws([law]), /apiserver: 100 MiB \+ 2048 KiB a node/);
  });
});

describe('fits', () => {
  it('a line, and a power law', () => {
    assert.deepEqual(
      fitLine([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
      { a: 1, b: 2 },
    );
    assert.ok(
      Math.abs(
        exponentOf([
          [1, 5],
          [10, 500],
        ]) - 2,
      ) < 1e-9,
    );
    assert.equal(exponentOf([[1, 0]]), 0);
  });
});
