import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import {
  ClusterState,
  filtersOf,
  Nominations,
  podInfo,
  SchedulerCore,
  scoresOf,
} from '@kubets/scheduler';
import { benchNode, benchPod, CASES, FILLERS_PER_NODE, fillerPod } from './cases.ts';
import { parseSchedulerConfig } from './config.ts';

const NODES = 300;

describe('cases of the scheduler', () => {
  for (const which of CASES) {
    it(`${which} asks for what its name says`, () => {
      const state = new ClusterState();
      for (let index = 0; index < NODES; index += 1) state.setNode(benchNode(which, index));
      if (which === 'preemption') {
        for (let index = 0; index < NODES * FILLERS_PER_NODE; index += 1) {
          state.place(podInfo(fillerPod(index), state.names), `bench-${index % NODES}`);
        }
      }
      const core = new SchedulerCore({
        ...{ state, nominations: new Nominations(), filters: filtersOf() },
        ...{ scores: scoresOf(() => undefined), random: seededRandom(1) },
      });
      const outcomes = Array.from({ length: 250 }, (_unused, index) => {
        const info = podInfo(benchPod(which, index), state.names);
        const decision = core.decide(info);
        if (decision.outcome === 'placed') state.place(info, decision.node);
        return decision.outcome;
      });
      const wanted = which === 'preemption' ? 'unschedulable' : 'placed';
      assert.deepEqual(new Set(outcomes), new Set([wanted]));
    });
  }
});

describe('parseSchedulerConfig', () => {
  it('knows what there is', () => {
    const { cases, growth } = parseSchedulerConfig([
      '--cases',
      'taints,basic',
      '--growth',
      '500,9000',
    ]);
    assert.deepEqual(cases, ['basic', 'taints']);
    assert.deepEqual(growth, [500, 5_000]);
    assert.throws(() => parseSchedulerConfig(['--cases', 'nonsense']), /no case "nonsense"/);
    assert.throws(() => parseSchedulerConfig(['--only', 'half']), /--only must be/);
  });
});
