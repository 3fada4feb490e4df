/** Cases of the stock plugin's own tests: how welcome a pod is where others are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelSelector, PodSpec, WeightedPodAffinityTerm } from '@kubets/api';
import { DEFAULT_ARGS } from '../config/profile.ts';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { interPodPreferences } from './preferences.ts';

type Wish = WeightedPodAffinityTerm;

const security = (value: string): LabelSelector => ({ matchLabels: { security: value } });
const wish = (weight: number, value: string, topologyKey: string, more: object = {}): Wish => ({
  weight,
  podAffinityTerm: { labelSelector: security(value), topologyKey, ...more },
});
const wishes = (near: Wish[], far: Wish[] = []): Partial<PodSpec> => ({
  affinity: {
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: near },
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: far },
  },
});
const nearS1 = wishes([wish(5, 'S1', 'region')]);
const nearS2 = wishes([wish(6, 'S2', 'region')]);
const farS1 = wishes([], [wish(5, 'S1', 'az')]);
const farS2 = wishes([], [wish(5, 'S2', 'az')]);
const nearS1FarS2 = wishes([wish(8, 'S1', 'region')], [wish(5, 'S2', 'az')]);
const team1 = {
  namespaces: ['subteam2.team2'],
  namespaceSelector: { matchLabels: { team: 'team1' } },
};
const nearTeam1 = wishes([wish(5, 'S1', 'region', team1)]);
const farTeam1 = wishes([], [wish(5, 'S1', 'region', team1)]);
const hardS1S2: Partial<PodSpec> = {
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: ['S1', 'S2'].map((value) => ({
        labelSelector: {
          matchExpressions: [{ key: 'security', operator: 'In', values: [value, 'S1'] }],
        },
        topologyKey: 'region',
      })),
    },
  },
};

const s1 = (spec: Partial<PodSpec> = {}): PodDraft => ({ labels: { security: 'S1' }, spec });
const s2 = (spec: Partial<PodSpec> = {}): PodDraft => ({ labels: { security: 'S2' }, spec });
const of = (namespace: string, draft: PodDraft): PodDraft => ({ ...draft, namespace });
const [china, india, az1] = [{ region: 'China' }, { region: 'India' }, { az: 'az1' }];

interface Case {
  readonly name: string;
  readonly pod: PodDraft;
  readonly nodes: readonly Record<string, string>[];
  /** Pods by the number of their node. */
  readonly pods: readonly (readonly [node: number, draft: PodDraft])[];
  /** Undefined: nothing to say. */
  readonly scores: readonly number[] | undefined;
  readonly ignores?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'no wishes', pod: s1(), nodes: [china, india, az1], pods: [], scores: undefined },
  {
    name: 'near: pods that match, in a domain',
    pod: s1(nearS1),
    nodes: [china, india, az1],
    pods: [
      [0, s1()],
      [1, s2()],
      [2, s1()],
    ],
    scores: [100, 0, 0],
  },
  {
    name: 'near: all nodes of the domain',
    pod: { spec: nearS1 },
    nodes: [china, { ...china, ...az1 }, india],
    pods: [[0, s1()]],
    scores: [100, 100, 0],
  },
  {
    name: 'near: the domain with more of them',
    pod: s1(nearS2),
    nodes: [china, india, china, china, india],
    pods: [0, 0, 1, 2, 3, 4].map((node) => [node, s2()] as const),
    scores: [100, 0, 100, 100, 0],
  },
  {
    name: 'pods there wish it near',
    pod: s2(),
    nodes: [china, india, az1],
    pods: [
      [0, s1(nearS1)],
      [1, s2(nearS2)],
    ],
    scores: [0, 100, 0],
  },
  {
    name: 'pods there wish it near, by the labels of its namespace',
    pod: of('subteam1.team1', s1()),
    nodes: [china, india, az1],
    pods: [
      [0, s1(nearTeam1)],
      [1, s2(nearS2)],
    ],
    scores: [100, 0, 0],
  },
  {
    name: 'pods there wish it away, by the labels of its namespace',
    pod: of('subteam1.team1', s1()),
    nodes: [china, india, az1],
    pods: [
      [0, s1(farTeam1)],
      [1, s2(nearS2)],
    ],
    scores: [0, 100, 100],
  },
  {
    name: 'what pods there require is a wish, too',
    pod: s1(),
    nodes: [china, india, az1],
    pods: [
      [0, s1(hardS1S2)],
      [1, s2(hardS1S2)],
    ],
    scores: [100, 100, 0],
  },
  {
    name: 'far: where nobody matches',
    pod: s1(farS1),
    nodes: [az1, china],
    pods: [
      [0, s1()],
      [1, s2()],
    ],
    scores: [0, 100],
  },
  {
    name: 'far: where no domain is',
    pod: s1(farS1),
    nodes: [az1, china],
    pods: [
      [0, s1()],
      [1, s1()],
    ],
    scores: [0, 100],
  },
  {
    name: 'pods there wish it away',
    pod: s2(),
    nodes: [az1, { az: 'az2' }],
    pods: [
      [0, s1(farS2)],
      [1, s2(farS1)],
    ],
    scores: [0, 100],
  },
  {
    name: 'near its own kind by region, away by zone',
    pod: s1(nearS1FarS2),
    nodes: [{ ...china, ...az1 }, india, china, china, india],
    pods: [0, 0, 1, 2, 2, 3, 4].map((node) => [node, s1()] as const),
    scores: [100, 0, 100, 100, 0],
  },
  {
    name: 'all of it, from both sides',
    pod: s1(nearS1FarS2),
    nodes: [china, az1, india, { az: 'az2' }],
    pods: [
      [0, s1()],
      [1, s2()],
      [2, { spec: nearS1FarS2 }],
      [3, { spec: farS1 }],
    ],
    scores: [100, 0, 100, 0],
  },
  {
    name: 'some nodes of a domain without pods that wish',
    pod: s1(),
    nodes: [china, china],
    pods: [
      [0, s1()],
      [1, { spec: nearS1FarS2 }],
    ],
    scores: [0, 0],
  },
  ...(
    [
      [nearTeam1, [100, 0]],
      [farTeam1, [0, 100]],
    ] as const
  ).flatMap(([spec, scores]) =>
    ['subteam1.team2', 'subteam2.team2'].map((other) => ({
      name: `namespaces by name and labels, ${other}, ${scores.join(' and ')}`,
      pod: of('subteam1.team1', s1(spec)),
      nodes: [china, india],
      pods: [
        [0, of('subteam1.team1', s1())],
        [0, of('subteam1.team1', s1())],
        [0, of(other, s1())],
        [1, of('subteam2.team1', s1())],
      ] as const,
      scores,
    })),
  ),
  ...[true, false].map((ignores) => ({
    name: ignores ? 'wishes of others ignored' : 'wishes of others minded',
    pod: s2(),
    nodes: [china, india],
    pods: [
      [0, s1(nearS1FarS2)],
      [1, s2(nearS2)],
    ] as const,
    scores: ignores ? undefined : [0, 100],
    ignores,
  })),
  {
    name: 'shares are divided first and cut off',
    pod: { spec: wishes([wish(29, 'S1', 'region'), wish(100, 'S2', 'region')]) },
    nodes: [china, india, az1],
    pods: [
      [0, s1()],
      [1, s2()],
    ],
    scores: [28, 100, 0],
  },
  {
    name: 'a label without a value is not the absence of the label',
    pod: { spec: nearS1 },
    nodes: [{ region: '' }, az1],
    pods: [[0, s1()]],
    scores: [100, 0],
  },
];

describe('wishes about other pods as the stock scheduler scores them', () => {
  for (const one of CASES) {
    it(one.name, () => {
      const cluster = new TestCluster();
      const { state } = cluster;
      for (const team of ['team1', 'team2']) {
        for (const name of [`subteam1.${team}`, `subteam2.${team}`]) {
          state.setNamespace({ metadata: { name, labels: { team } } });
        }
      }
      for (const [at, labels] of one.nodes.entries()) state.setNode(testNode(`n${at}`, { labels }));
      for (const [at, [node, draft]] of one.pods.entries()) {
        cluster.place(testPod(`there${at}`, draft), `n${node}`);
      }
      const slots = one.nodes.map((_, at) => state.table.byName(`n${at}`)?.slot ?? -1);
      const scores = new Float64Array(slots.length);
      const ignoresWishesOfOthers = one.ignores ?? false;
      const plugin = interPodPreferences({ ...DEFAULT_ARGS.interPod, ignoresWishesOfOthers });
      const says = plugin.score(cluster.info(testPod('p', one.pod)), state, slots, scores);
      assert.deepEqual(says ? [...scores] : undefined, one.scores);
    });
  }
});
