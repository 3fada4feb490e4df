import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '@kubets/platform';
import { isConfiguration, readConfiguration } from './configuration.ts';
import { DEFAULT_PROFILE } from './profile.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const read = (more: object = {}) => readConfiguration({ ...HEAD, ...more });
const profile = (more: object) => {
  const [first] = read({ profiles: [more] }).profiles;
  return first ?? assert.fail();
};
const config = (name: string, args: object) => ({ pluginConfig: [{ name, args }] });

describe('a configuration of the stock scheduler’s kind', () => {
  it('is told from flags by name', () => {
    assert.ok(isConfiguration(HEAD));
    assert.ok(isConfiguration({ apiVersion: 'kubescheduler.config.k8s.io/v1beta3' }));
    assert.ok(!isConfiguration({ 'leader-elect': false }));
  });

  it('says nothing where nothing is said', () => {
    const { profiles, backoff, flags, volumeWaitMs } = read();
    assert.deepEqual(profiles, [DEFAULT_PROFILE]);
    assert.deepEqual(backoff, { initial: 1_000, max: 10_000 });
    assert.deepEqual([flags.size, volumeWaitMs], [0, undefined]);
    assert.deepEqual(profile({}), DEFAULT_PROFILE);
  });

  it('has numbers of the process', () => {
    const { backoff, flags, profiles } = read({
      ...{ podInitialBackoffSeconds: 2, podMaxBackoffSeconds: 20, percentageOfNodesToScore: 30 },
      leaderElection: { leaderElect: false, leaseDuration: '20s', resourceName: 'mine' },
    });
    assert.deepEqual(backoff, { initial: 2_000, max: 20_000 });
    assert.deepEqual(
      [...flags],
      [
        ['leader-elect', false],
        ['leader-elect-lease-duration', '20s'],
        ['leader-elect-resource-name', 'mine'],
      ],
    );
    assert.equal(profiles[0]?.percentageOfNodes, 30);
  });

  it('has profiles, each by its name', () => {
    const { profiles } = read({
      percentageOfNodesToScore: 30,
      profiles: [{}, { schedulerName: 'other', percentageOfNodesToScore: 50 }],
    });
    assert.deepEqual(
      profiles.map(({ name, percentageOfNodes }) => [name, percentageOfNodes]),
      [
        ['default-scheduler', 30],
        ['other', 50],
      ],
    );
  });
});

describe('the plugins of a profile', () => {
  const plugins = (more: object) => profile({ plugins: more });

  it('are switched off at one point, or at all', () => {
    const one = plugins({ score: { disabled: [{ name: 'NodeAffinity' }] } });
    assert.ok(one.filters.has('NodeAffinity') && !one.scores.has('NodeAffinity'));
    const all = plugins({ multiPoint: { disabled: [{ name: 'NodeAffinity' }] } });
    assert.ok(!all.filters.has('NodeAffinity') && !all.scores.has('NodeAffinity'));
    assert.equal(plugins({ postFilter: { disabled: [{ name: '*' }] } }).preempts, false);
    assert.equal(plugins({ score: { disabled: [{ name: '*' }] } }).scores.size, 0);
  });

  it('come back with another weight', () => {
    const some = plugins({
      score: { disabled: [{ name: '*' }], enabled: [{ name: 'ImageLocality', weight: 5 }] },
    });
    assert.deepEqual([...some.scores], [['ImageLocality', 5]]);
    const heavier = plugins({ multiPoint: { enabled: [{ name: 'TaintToleration', weight: 9 }] } });
    assert.equal(heavier.scores.get('TaintToleration'), 9);
    assert.equal(heavier.scores.get('NodeAffinity'), 2);
    const plain = plugins({ score: { enabled: [{ name: 'TaintToleration' }] } });
    assert.equal(plain.scores.get('TaintToleration'), 1);
    const here = plugins({
      multiPoint: { enabled: [{ name: 'TaintToleration', weight: 9 }] },
      score: { enabled: [{ name: 'TaintToleration', weight: 4 }] },
    });
    assert.equal(here.scores.get('TaintToleration'), 4);
  });

  it('are told things', () => {
    const fit = profile(
      config('NodeResourcesFit', {
        scoringStrategy: {
          type: 'RequestedToCapacityRatio',
          resources: [{ name: 'example.com/gpu', weight: 3 }, { name: 'cpu' }],
          requestedToCapacityRatio: {
            shape: [{ utilization: 0 }, { utilization: 100, score: 10 }],
          },
        },
        ignoredResources: ['example.com/a'],
      }),
    ).args.fit;
    assert.deepEqual(fit.strategy, {
      type: 'RequestedToCapacityRatio',
      resources: [
        { name: 'example.com/gpu', weight: 3 },
        { name: 'cpu', weight: 1 },
      ],
      shape: [
        { utilization: 0, score: 0 },
        { utilization: 100, score: 10 },
      ],
    });
    assert.deepEqual([...fit.ignoredResources], ['example.com/a']);
    const constraint = {
      ...{ topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 },
    };
    const spread = { defaultConstraints: [constraint], defaultingType: 'List' };
    const { args } = profile(config('PodTopologySpread', spread));
    assert.deepEqual(args.spread.defaults, [constraint]);
    const weight = profile(config('InterPodAffinity', { hardPodAffinityWeight: 7 }));
    assert.equal(weight.args.interPod.hardWeight, 7);
    const waits = read({ profiles: [config('VolumeBinding', { bindTimeoutSeconds: 5 })] });
    assert.equal(waits.volumeWaitMs, 5_000);
  });
});

describe('a configuration with a fault is refused', () => {
  const shape = (...points: object[]) =>
    config('NodeResourcesFit', {
      scoringStrategy: {
        type: 'RequestedToCapacityRatio',
        requestedToCapacityRatio: { shape: points },
      },
    });
  const at = (point: string, set: object) => ({ profiles: [{ plugins: { [point]: set } }] });
  const cases: readonly [string, object, RegExp][] = [
    ['another version', { apiVersion: 'kubescheduler.config.k8s.io/v2' }, /^apiVersion: /],
    ['another kind', { kind: 'Pod' }, /^kind: /],
    ['a slip of the pen', { profile: [] }, /^profile: unknown field$/],
    ['one in a profile', { profiles: [{ plugin: {} }] }, /^profiles\[0\]\.plugin: unknown field$/],
    ['one at a point', at('score', { enable: [] }), /plugins\.score\.enable: unknown field$/],
    ['no workers', { parallelism: 0 }, /^parallelism: expected a number from 1 on$/],
    [
      'a lease nobody could keep',
      { leaderElection: { leaseDuration: '5s', renewDeadline: '5s' } },
      /^leaderElection\.leaseDuration: must be greater than renewDeadline$/,
    ],
    [
      'a renewal that is tried too seldom',
      { leaderElection: { retryPeriod: '10s' } },
      /^leaderElection\.renewDeadline: must be greater than retryPeriod$/,
    ],
    [
      'no time at all',
      { leaderElection: { retryPeriod: '0s' } },
      /^leaderElection\.retryPeriod: "0s" must be greater than zero$/,
    ],
    [
      'another kind of lock',
      { leaderElection: { resourceLock: 'endpoints' } },
      /^leaderElection\.resourceLock: must be "leases"$/,
    ],
    ['a share above all', { percentageOfNodesToScore: 101 }, /^percentageOfNodesToScore: /],
    [
      'a backoff that falls',
      { podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 1 },
      /^podMaxBackoffSeconds: /,
    ],
    ['two of a name', { profiles: [{}, {}] }, /"default-scheduler" is there twice/],
    [
      'a plugin nobody knows',
      at('filter', { enabled: [{ name: 'Nope' }] }),
      /^profiles\[0\].plugins.filter.enabled\[0\].name: plugin "Nope" does not exist/,
    ],
    [
      'a plugin where it has no say',
      at('score', { enabled: [{ name: 'NodeName' }] }),
      /"NodeName" has nothing to say there/,
    ],
    ['a point nobody knows', at('nowhere', {}), /plugins.nowhere: unknown field/],
    [
      'nobody to bind',
      at('bind', { disabled: [{ name: 'DefaultBinder' }] }),
      /"DefaultBinder" cannot be done without/,
    ],
    [
      'arguments nobody takes',
      { profiles: [config('NodeName', {})] },
      /pluginConfig\[0\].args: "NodeName" takes none/,
    ],
    ['no shape', { profiles: [shape()] }, /at least one point/],
    [
      'a shape that falls back',
      { profiles: [shape({ utilization: 9 }, { utilization: 3 })] },
      /must rise/,
    ],
    [
      'a score too high',
      { profiles: [shape({ utilization: 0, score: 11 })] },
      /shape\[0\].score: expected a number 0–10/,
    ],
    [
      'constraints beside the system’s',
      {
        profiles: [
          config('PodTopologySpread', {
            defaultConstraints: [
              { topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1 },
            ],
          }),
        ],
      },
      /defaultConstraints: when .defaultingType is System/,
    ],
  ];
  for (const [what, more, message] of cases) {
    it(what, () =>
      assert.throws(
        () => read(more),
        (error) => error instanceof ConfigError && message.test(error.message),
      ),
    );
  }
});
