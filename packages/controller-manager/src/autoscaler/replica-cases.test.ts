/** The cases of the stock autoscaler's calculator (replica_calculator_test.go), as far as their figures go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { type FigureTarget, figureProposal, selectorText } from './figures.ts';
import { proposalFor, type Target } from './usage.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const RULES = { tolerance: 0.1, cpuInitializationMs: 120_000, initialReadinessMs: 10_000 };
const HOT_MS = 30_000;
const COOL_MS = 180_000;

interface Case {
  readonly what: string;
  readonly current: number;
  readonly levels: readonly number[];
  readonly requests?: readonly string[];
  /** A letter a pod: `r`eady, `u`nready, `h`ot (young and ready), `x` (young, unready), `p`ending, `f`ailed, `d`eleted. */
  readonly pods?: string;
  readonly target: Target;
  /** Of the processor; '' for other figures of pods. */
  readonly resource?: string;
  readonly expected: readonly [replicas: number, figure: number];
}

const share = (percent: number): Target => ({ kind: 'utilization', percent });
const average = (milli: number): Target => ({ kind: 'average', milli });

function podsOf(letters: string, requests: readonly string[]): Pod[] {
  return [...letters].map((letter, i) => {
    const startTime = new Date(NOW - ('hx'.includes(letter) ? HOT_MS : COOL_MS)).toISOString();
    const status = 'rh'.includes(letter) ? 'True' : 'False';
    const phase = letter === 'p' ? 'Pending' : letter === 'f' ? 'Failed' : 'Running';
    const deleted = letter === 'd' ? { deletionTimestamp: startTime } : {};
    const asked = requests[i] ?? '1';
    return {
      metadata: { name: `p${i}`, ...deleted },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: asked } } }] },
      status: {
        ...{ phase, startTime },
        conditions: [{ type: 'Ready', status, lastTransitionTime: startTime }],
      },
    };
  });
}

const qps = { resource: '' };
const cases: readonly Case[] = [
  { what: 'up', current: 3, levels: [300, 500, 700], target: share(30), expected: [5, 50] },
  {
    ...{ what: 'up less with unready pods', current: 3, pods: 'urr', levels: [300, 500, 700] },
    ...{ target: share(30), expected: [4, 60] },
  },
  {
    ...{ what: 'up less with hot pods', current: 3, pods: 'hrr', levels: [300, 500, 700] },
    ...{ target: share(30), expected: [4, 60] },
  },
  {
    ...{ what: 'not up with unready pods', current: 3, pods: 'ruu', levels: [400, 500, 700] },
    ...{ target: share(30), expected: [3, 40] },
  },
  {
    ...{ what: 'not up with hot unready pods', current: 3, pods: 'rxx', levels: [400, 500, 700] },
    ...{ target: share(30), expected: [3, 40] },
  },
  {
    ...{ what: 'up without failed pods', current: 2, pods: 'rrff', levels: [500, 700] },
    ...{ target: share(30), expected: [4, 60] },
  },
  {
    ...{ what: 'up without deleted pods', current: 2, pods: 'rrdd', levels: [500, 700] },
    ...{ target: share(30), expected: [4, 60] },
  },
  {
    ...{ what: 'up by another figure', current: 3, levels: [20_000, 10_000, 30_000], ...qps },
    ...{ target: average(15_000), expected: [4, 20_000] },
  },
  {
    ...{ what: 'up by another figure of unready and hot pods', current: 3, pods: 'rrx', ...qps },
    ...{ levels: [50_000, 10_000, 30_000], target: average(15_000), expected: [6, 30_000] },
  },
  {
    ...{ what: 'up though without them it would be down', current: 3, pods: 'xrx', ...qps },
    ...{ levels: [50_000, 15_000, 30_000], target: average(15_000), expected: [7, 31_666] },
  },
  {
    ...{ what: 'down', current: 5, levels: [100, 300, 500, 250, 250] },
    ...{ target: share(50), expected: [3, 28] },
  },
  {
    ...{ what: 'down by another figure', current: 5, levels: Array(5).fill(12_000), ...qps },
    ...{ target: average(20_000), expected: [3, 12_000] },
  },
  {
    ...{ what: 'down with unready pods', current: 5, pods: 'rrruu' },
    ...{ levels: [100, 300, 500, 250, 250], target: share(50), expected: [2, 30] },
  },
  {
    ...{ what: 'down without pods that have no node', current: 5, pods: 'rpppp', levels: [100] },
    ...{ target: share(50), expected: [1, 10] },
  },
  {
    ...{ what: 'down without hot pods', current: 5, pods: 'rrrhh' },
    ...{ levels: [100, 300, 500, 250, 250], target: share(50), expected: [2, 30] },
  },
  {
    ...{ what: 'down without failed pods', current: 5, pods: 'rrrrrff' },
    ...{ levels: [100, 300, 500, 250, 250], target: share(50), expected: [3, 28] },
  },
  {
    ...{ what: 'down without deleted pods', current: 5, pods: 'rrrrrdd' },
    ...{ levels: [100, 300, 500, 250, 250], target: share(50), expected: [3, 28] },
  },
  {
    ...{ what: 'within the tolerance', current: 3, requests: ['0.9', '1.0', '1.1'] },
    ...{ levels: [1010, 1030, 1020], target: share(100), expected: [3, 102] },
  },
  {
    ...{ what: 'another figure within the tolerance', current: 3, ...qps },
    ...{ levels: [20_000, 21_000, 21_000], target: average(20_000), expected: [3, 20_666] },
  },
  {
    ...{ what: 'figures of pods nobody has any more', current: 4, pods: 'rrrr' },
    ...{ levels: [4000, 9500, 3000, 7000, 3200, 2000], target: share(100), expected: [24, 587] },
  },
  {
    ...{ what: 'missing figures', current: 4, pods: 'rrrr', levels: [400, 95] },
    ...{ target: share(100), expected: [3, 24] },
  },
  {
    ...{ what: 'a missing figure, just right', current: 2, pods: 'rr', levels: [1000] },
    ...{ target: share(100), expected: [2, 100] },
  },
  {
    ...{ what: 'a missing figure, too much', current: 2, pods: 'rr', levels: [1900] },
    ...{ target: share(100), expected: [2, 190] },
  },
  {
    ...{ what: 'a missing figure, too little', current: 2, pods: 'rr', levels: [600] },
    ...{ target: share(100), expected: [2, 60] },
  },
  {
    ...{ what: 'a missing and an unready one', current: 3, pods: 'urr', levels: [100, 450] },
    ...{ target: share(50), expected: [3, 45] },
  },
  {
    ...{ what: 'a missing and a hot one', current: 3, pods: 'hrr', levels: [100, 450] },
    ...{ target: share(50), expected: [3, 45] },
  },
  {
    ...{ what: 'a missing and an unready one, up', current: 3, pods: 'urr', levels: [100, 2000] },
    ...{ target: share(50), expected: [4, 200] },
  },
  {
    ...{ what: 'a missing and a hot one, up', current: 3, pods: 'xrr', levels: [100, 2000] },
    ...{ target: share(50), expected: [4, 200] },
  },
  {
    ...{ what: 'a missing and an unready one, down', current: 4, pods: 'urrr' },
    ...{ levels: [100, 100, 100], target: share(50), expected: [3, 10] },
  },
  {
    ...{ what: 'more pods than wanted, in a rolling update', current: 2, pods: 'rrr' },
    ...{ levels: [100, 100], target: share(50), expected: [2, 10] },
  },
];

describe('the stock calculator’s cases of pods', () => {
  for (const one of cases) {
    const { what, current, levels, target, expected, resource = 'cpu', requests = [] } = one;
    it(what, () => {
      const pods = podsOf(one.pods ?? 'r'.repeat(levels.length), requests);
      const figure = (milli: number) => ({ milli, atMs: NOW, windowMs: 60_000 });
      const metrics = new Map(levels.map((milli, i) => [`p${i}`, figure(milli)]));
      const view = { pods, metrics, resource, target, currentReplicas: current };
      const found = proposalFor({ ...view, nowMs: NOW, rules: RULES });
      assert.deepEqual([found.replicas, found.utilization ?? found.averageMilli], expected);
    });
  }

  it('figures of other pods alone are none', () => {
    const metrics = new Map([['older', { milli: 100, atMs: NOW, windowMs: 60_000 }]]);
    const view = { pods: podsOf('r', []), metrics, resource: 'cpu', currentReplicas: 1 };
    assert.throws(
      () => proposalFor({ ...view, target: share(100), nowMs: NOW, rules: RULES }),
      /no metrics returned matched known pods/,
    );
  });
});

describe('the stock calculator’s cases of single figures', () => {
  const all = (milli: number): FigureTarget => ({ kind: 'value', milli });
  const each = (milli: number): FigureTarget => ({ kind: 'average', milli });
  const figures: readonly [string, string, number, FigureTarget, readonly [number, number]][] = [
    ['up', 'rrr', 20_000, all(15_000), [4, 20_000]],
    ['up for each pod', 'rrr', 20_000, each(5000), [4, 6667]],
    ['up without unready pods', 'uru', 50_000, all(10_000), [5, 50_000]],
    ['up of one', 'r', 8600, all(4400), [2, 8600]],
    ['down by unready pods', 'uru', 8600, all(4400), [2, 8600]],
    ['up for each pod, outside', 'rrr', 8600, each(2150), [4, 2867]],
    ['down for each pod', 'rrrrr', 6000, each(2000), [3, 1200]],
    ['down', 'rrrrr', 12_000, all(20_000), [3, 12_000]],
    ['down, outside', 'rrrrr', 8600, all(14_334), [3, 8600]],
    ['down for each pod, outside', 'rrrrr', 8600, each(2867), [3, 1720]],
    ['within the tolerance', 'rrr', 20_666, all(20_000), [3, 20_666]],
    ['within the tolerance for each pod', 'rrrr', 20_166, each(5000), [4, 5042]],
    ['within the tolerance, outside', 'rrr', 8600, all(8888), [3, 8600]],
    ['within the tolerance for each pod, outside', 'rrr', 8600, each(2900), [3, 2867]],
    ['from nothing', '', 8600, all(4400), [2, 8600]],
    ['still nothing', '', 0, all(4400), [0, 0]],
  ];
  for (const [what, letters, milli, target, expected] of figures) {
    it(what, () => {
      const pods = podsOf(letters, []);
      const sizes = { replicas: pods.length, statusReplicas: pods.length };
      const found = figureProposal({ milli, target, pods, ...sizes, rules: RULES });
      assert.deepEqual([found.replicas, found.milli], expected);
    });
  }

  it('need pods to go by', () => {
    const view = { milli: 9, target: all(3), pods: [], replicas: 1, statusReplicas: 1 };
    assert.throws(
      () => figureProposal({ ...view, rules: RULES }),
      /unable to calculate ready pods: no pods returned by selector/,
    );
  });
});

it('selectors are shown as the stock process shows them', () => {
  assert.equal(selectorText(undefined), 'nil');
  const matchExpressions = [{ key: 'k', operator: 'In', values: ['a', 'b'] }];
  assert.equal(
    selectorText({ matchLabels: { b: '2', a: '1' }, matchExpressions }),
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[a b],},},}',
  );
});
