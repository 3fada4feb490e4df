import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../generated/types.ts';
import { podCells, podRowConditions, podStatusText } from './pod.ts';

const NOW = Date.parse('2024-01-02T03:10:00Z');

function pod(status: object, extra: { spec?: object; metadata?: object } = {}): Pod {
  return {
    metadata: { name: 'x', creationTimestamp: '2024-01-02T03:05:00Z', ...extra.metadata },
    spec: { containers: [{ name: 'c' }], ...extra.spec } as Pod['spec'],
    status: status as Pod['status'],
  };
}

const container = (state: object, more: object = {}) => ({
  containerStatuses: [{ name: 'c', ready: false, restartCount: 0, state, ...more }],
});
const init = (...states: object[]) => ({
  phase: 'Pending',
  initContainerStatuses: states.map((state, i) => ({ name: `i${i}`, restartCount: 0, state })),
});
const TWO_INITS = { spec: { initContainers: [{ name: 'i0' }, { name: 'i1' }] } };
const done = { terminated: { exitCode: 0 } };

describe('the word for a pod’s status', () => {
  const cases: readonly [string, Pod][] = [
    ['Pending', pod({ phase: 'Pending' })],
    ['Running', pod({ phase: 'Running', ...container({ running: {} }, { ready: true }) })],
    [
      'ContainerCreating',
      pod({ phase: 'Pending', ...container({ waiting: { reason: 'ContainerCreating' } }) }),
    ],
    [
      'CrashLoopBackOff',
      pod({ phase: 'Running', ...container({ waiting: { reason: 'CrashLoopBackOff' } }) }),
    ],
    [
      'Error',
      pod({ phase: 'Failed', ...container({ terminated: { exitCode: 1, reason: 'Error' } }) }),
    ],
    ['ExitCode:3', pod({ phase: 'Failed', ...container({ terminated: { exitCode: 3 } }) })],
    [
      'Signal:9',
      pod({ phase: 'Failed', ...container({ terminated: { exitCode: 1, signal: 9 } }) }),
    ],
    [
      'Completed',
      pod({
        phase: 'Succeeded',
        ...container({ terminated: { exitCode: 0, reason: 'Completed' } }),
      }),
    ],
    ['Evicted', pod({ phase: 'Failed', reason: 'Evicted' })],
    [
      'SchedulingGated',
      pod({
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      }),
    ],
    ['Init:0/2', pod(init({ running: {} }), TWO_INITS)],
    ['Init:1/2', pod(init(done, { running: {} }), TWO_INITS)],
    ['Init:Error', pod(init({ terminated: { exitCode: 1, reason: 'Error' } }), TWO_INITS)],
    ['Init:ExitCode:2', pod(init({ terminated: { exitCode: 2 } }), TWO_INITS)],
    ['Init:CrashLoopBackOff', pod(init({ waiting: { reason: 'CrashLoopBackOff' } }), TWO_INITS)],
    ['Init:0/2', pod(init({ waiting: { reason: 'PodInitializing' } }), TWO_INITS)],
    ['Pending', pod(init(done, done), TWO_INITS)],
    ['Terminating', pod({ phase: 'Running' }, { metadata: { deletionTimestamp: 't' } })],
    ['Succeeded', pod({ phase: 'Succeeded' }, { metadata: { deletionTimestamp: 't' } })],
    [
      'Unknown',
      pod({ phase: 'Running', reason: 'NodeLost' }, { metadata: { deletionTimestamp: 't' } }),
    ],
  ];
  for (const [expected, p] of cases) {
    test(expected, () => {
      assert.equal(podStatusText(p), expected);
    });
  }

  test('one running container makes a half finished pod run again', () => {
    const statuses = [
      { name: 'a', ready: true, restartCount: 0, state: { running: {} } },
      { name: 'b', restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
    ];
    const status = { phase: 'Running', containerStatuses: statuses };
    assert.equal(podStatusText(pod(status)), 'NotReady');
    const conditions = [{ type: 'Ready', status: 'True' }];
    assert.equal(podStatusText(pod({ ...status, conditions })), 'Running');
  });
});

describe('the other cells', () => {
  test('ready of all, restarts and when the last was, age', () => {
    const lastState = { terminated: { exitCode: 1, finishedAt: '2024-01-02T03:08:00Z' } };
    const status = container({ running: {} }, { ready: true, restartCount: 2, lastState });
    const cells = podCells(pod({ phase: 'Running', ...status }), NOW);
    assert.deepEqual(cells.slice(0, 5), ['x', '1/1', 'Running', '2 (2m ago)', '5m']);
  });

  test('addresses and nodes, or none', () => {
    assert.deepEqual(podCells(pod({}), NOW).slice(5), ['<none>', '<none>', '<none>', '<none>']);
    const spec = {
      nodeName: 'n1',
      readinessGates: [{ conditionType: 'a' }, { conditionType: 'b' }],
    };
    const status = { podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'a', status: 'True' }] };
    assert.deepEqual(podCells(pod(status, { spec }), NOW).slice(5), [
      '10.0.0.1',
      'n1',
      '<none>',
      '1/2',
    ]);
  });

  test('sidecars count as containers', () => {
    const spec = { initContainers: [{ name: 'i0', restartPolicy: 'Always' }] };
    const status = {
      phase: 'Running',
      initContainerStatuses: [
        { name: 'i0', started: true, ready: true, restartCount: 3, state: { running: {} } },
      ],
      ...container({ running: {} }, { ready: true }),
    };
    const cells = podCells(pod(status, { spec }), NOW);
    assert.equal(cells[1], '2/2');
    assert.equal(cells[3], '3');
  });

  test('finished pods carry a condition clients can hide them by', () => {
    assert.equal(podRowConditions(pod({ phase: 'Running' })), undefined);
    assert.equal(podRowConditions(pod({ phase: 'Succeeded' }))?.[0]?.reason, 'Succeeded');
    assert.equal(podRowConditions(pod({ phase: 'Failed' }))?.[0]?.type, 'Completed');
  });
});
