import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from '@kubets/api';
import { limited, type Memory, recent, type Wish } from './recommend.ts';

const NOW = 1_000_000;
const WINDOW_MS = 300_000;
const SPEC: HorizontalPodAutoscalerSpec = {
  ...{ minReplicas: 2, maxReplicas: 20 },
  scaleTargetRef: { kind: 'Deployment', name: 'd' },
};
const NOTHING: Memory = { wanted: [], ups: [], downs: [] };
const at = (replicas: number, secondsAgo: number) => ({ replicas, atMs: NOW - secondsAgo * 1_000 });

function outcome(wish: Partial<Wish>): [number, string, string] {
  const found = limited({
    spec: SPEC,
    current: 5,
    desired: 5,
    memory: NOTHING,
    nowMs: NOW,
    downscaleWindowMs: WINDOW_MS,
    ...wish,
  });
  const [steady, bounded] = found.conditions;
  return [found.replicas, steady?.reason ?? '', `${bounded?.reason} ${bounded?.status}`];
}

describe('without rules', () => {
  const cases: readonly [string, Partial<Wish>, [number, string, string]][] = [
    ['as wanted', { desired: 7 }, [7, 'ReadyForNewScale', 'DesiredWithinRange False']],
    ['down at once', { desired: 3 }, [3, 'ReadyForNewScale', 'DesiredWithinRange False']],
    [
      'not below what was wanted of late',
      { desired: 3, memory: { ...NOTHING, wanted: [at(4, 299), at(9, 301)] } },
      [4, 'ScaleDownStabilized', 'DesiredWithinRange False'],
    ],
    ['not below the least', { desired: 1 }, [2, 'ReadyForNewScale', 'TooFewReplicas True']],
    [
      'not above the most',
      { current: 15, desired: 99 },
      [20, 'ReadyForNewScale', 'TooManyReplicas True'],
    ],
    ['not more than twice', { desired: 99 }, [10, 'ReadyForNewScale', 'ScaleUpLimit True']],
    [
      'but four',
      { current: 1, desired: 9, spec: { ...SPEC, minReplicas: 1 } },
      [4, 'ReadyForNewScale', 'ScaleUpLimit True'],
    ],
  ];
  for (const [what, wish, expected] of cases) {
    it(what, () => assert.deepEqual(outcome(wish), expected));
  }
});

describe('with rules', () => {
  const rules = (scaleUp: HPAScalingRules, scaleDown: HPAScalingRules = {}) => ({
    spec: { ...SPEC, behavior: { scaleUp, scaleDown } },
  });
  const pods = (value: number) => ({ type: 'Pods', value, periodSeconds: 60 });
  const percent = (value: number) => ({ type: 'Percent', value, periodSeconds: 60 });
  const up = (...policies: HPAScalingRules['policies'] & object) => rules({ policies });
  const down = (...policies: HPAScalingRules['policies'] & object) => rules({}, { policies });

  const cases: readonly [string, Partial<Wish>, number, string][] = [
    ['up by pods', { ...up(pods(2)), desired: 20 }, 7, 'ScaleUpLimit True'],
    ['up by a share, rounded up', { ...up(percent(10)), desired: 20 }, 6, 'ScaleUpLimit True'],
    [
      'up by the most of them',
      { ...up(pods(2), percent(100)), desired: 20 },
      10,
      'ScaleUpLimit True',
    ],
    [
      'up by the least',
      { ...rules({ policies: [pods(2), percent(100)], selectPolicy: 'Min' }), desired: 20 },
      7,
      'ScaleUpLimit True',
    ],
    [
      'up no further than the period lets',
      { ...up(pods(3)), desired: 20, memory: { ...NOTHING, ups: [at(2, 59), at(9, 61)] } },
      6,
      'ScaleUpLimit True',
    ],
    ['not up', { ...rules({ selectPolicy: 'Disabled' }), desired: 20 }, 5, 'ScaleUpLimit True'],
    ['not above the most', { ...up(pods(99)), desired: 99 }, 20, 'TooManyReplicas True'],
    ['down by pods', { ...down(pods(1)), desired: 2 }, 4, 'ScaleDownLimit True'],
    [
      'down by a share, rounded down',
      { ...down(percent(50)), desired: 2 },
      2,
      'DesiredWithinRange False',
    ],
    [
      'down no further than the period lets',
      { ...down(pods(2)), desired: 2, memory: { ...NOTHING, downs: [at(1, 30)] } },
      4,
      'ScaleDownLimit True',
    ],
    [
      'not down',
      { ...rules({}, { selectPolicy: 'Disabled' }), desired: 2 },
      5,
      'ScaleDownLimit True',
    ],
    ['not below the least', { ...down(pods(99)), desired: 0 }, 2, 'TooFewReplicas True'],
  ];
  for (const [what, wish, replicas, why] of cases) {
    it(what, () => {
      const [found, , reason] = outcome(wish);
      assert.deepEqual([found, reason], [replicas, why]);
    });
  }

  it('without a window go down to what was wanted in the cluster’s', () => {
    const scaleUp = { stabilizationWindowSeconds: 0 };
    const behavior = { scaleUp, scaleDown: { policies: [pods(99)] } };
    const memory = { ...NOTHING, wanted: [at(5, 299), at(9, 301)] };
    const wish = { spec: { ...SPEC, behavior }, current: 9, desired: 2, memory };
    assert.deepEqual(outcome(wish).slice(0, 2), [5, 'ScaleDownStabilized']);
    const down = { stabilizationWindowSeconds: 0, policies: [pods(99)] };
    const atOnce = { ...wish, spec: { ...SPEC, behavior: { ...behavior, scaleDown: down } } };
    assert.deepEqual(outcome(atOnce).slice(0, 2), [2, 'ReadyForNewScale']);
  });

  it('waits for a wish to hold, either way', () => {
    const window = { stabilizationWindowSeconds: 60, policies: [pods(99)] };
    const both = rules(window, window);
    const memory = { ...NOTHING, wanted: [at(5, 30), at(1, 90)] };
    assert.deepEqual(outcome({ ...both, memory, desired: 9 }).slice(0, 2), [
      5,
      'ScaleUpStabilized',
    ]);
    assert.deepEqual(outcome({ ...both, memory, desired: 2 }).slice(0, 2), [
      5,
      'ScaleDownStabilized',
    ]);
  });
});

it('what no window reaches is forgotten', () => {
  const notes = [at(1, 299), at(2, 301), at(3, 899), at(4, 901)];
  const downscaleWindowMs = WINDOW_MS;
  assert.deepEqual(recent(notes, NOW, { spec: SPEC, downscaleWindowMs }), notes.slice(0, 1));
  const behavior = { scaleDown: { stabilizationWindowSeconds: 900 } };
  const spec = { ...SPEC, behavior };
  assert.deepEqual(recent(notes, NOW, { spec, downscaleWindowMs }), notes.slice(0, 3));
});
