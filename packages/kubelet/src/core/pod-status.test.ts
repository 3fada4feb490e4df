import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '@kubets/api';
import type { RuntimePod } from '../ports.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../testing/pods.ts';
import { type PodStatusInput, phaseOf, podStatus } from './pod-status.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const NOW = '2026-01-02T03:04:05Z';

function status(pod: Pod, runtime: RuntimePod, more: Partial<PodStatusInput> = {}): PodStatus {
  return podStatus({
    pod,
    runtime,
    runtimeName: 'containerd',
    hostIps: ['192.0.2.1'],
    nowMs: NOW_MS,
    waiting: new Map(),
    started: () => true,
    passesReadiness: () => true,
    final: false,
    ...more,
  });
}

const condition = (of: PodStatus, type: string) => of.conditions?.find((one) => one.type === type);
const sandboxes = [aSandbox()];

describe('podStatus', () => {
  it('of a pod nothing was done for yet', () => {
    const now = status(aPod(), runtimeOf([]));
    assert.equal(now.phase, 'Pending');
    assert.equal(now.startTime, NOW);
    assert.deepEqual(now.containerStatuses?.[0]?.state, {
      waiting: { reason: 'ContainerCreating' },
    });
    assert.equal(condition(now, 'PodScheduled')?.status, 'True');
    const ready = condition(now, 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['False', 'ContainersNotReady']);
    assert.equal(ready?.message, 'containers with unready status: [main]');
    assert.equal(now.podIP, undefined);
  });

  it('of a pod somebody looks into', () => {
    const debug = aContainer({ name: 'debug' });
    const pod = aPod({ ephemeralContainers: [debug] });
    const now = status(pod, runtimeOf(sandboxes, [aRun(), aRun({ name: 'debug' })]));
    const [one] = now.ephemeralContainerStatuses ?? [];
    assert.ok(one?.state?.running);
    assert.equal(one.ready, false);
    assert.deepEqual([now.phase, condition(now, 'Ready')?.status], ['Running', 'True']);
    const later = status(pod, runtimeOf(sandboxes, [aRun(), exited(3, { name: 'debug' })]));
    assert.equal(later.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode, 3);
    assert.equal(condition(later, 'Ready')?.status, 'True');
    const waiting = status(pod, runtimeOf(sandboxes, [aRun()]));
    assert.equal(
      waiting.ephemeralContainerStatuses?.[0]?.state?.waiting?.reason,
      'ContainerCreating',
    );
  });

  it('of a running pod', () => {
    const now = status(
      aPod(),
      runtimeOf(sandboxes, [aRun({ attempt: 2 }), exited(1, { attempt: 1 })]),
    );
    assert.equal(now.phase, 'Running');
    assert.deepEqual([now.podIP, now.hostIP], ['10.0.0.2', '192.0.2.1']);
    for (const type of ['Initialized', 'Ready', 'ContainersReady', 'PodReadyToStartContainers']) {
      assert.equal(condition(now, type)?.status, 'True', type);
    }
    const [one] = now.containerStatuses ?? [];
    assert.equal(one?.containerID, 'containerd://main-2');
    assert.equal(one?.restartCount, 2);
    assert.equal(one?.lastState?.terminated?.exitCode, 1);
    assert.equal(now.qosClass, 'BestEffort');
  });

  it('shows how volumes are mounted, before and while the container runs', () => {
    const volumeMounts = [
      { name: 'v', mountPath: '/v' },
      { name: 'v', mountPath: '/r', readOnly: true, recursiveReadOnly: 'IfPossible' },
    ];
    const pod = aPod({ containers: [aContainer({ volumeMounts })] });
    for (const runtime of [runtimeOf([]), runtimeOf(sandboxes, [aRun()])]) {
      assert.deepEqual(status(pod, runtime).containerStatuses?.[0]?.volumeMounts, [
        { name: 'v', mountPath: '/v' },
        { name: 'v', mountPath: '/r', readOnly: true, recursiveReadOnly: 'Disabled' },
      ]);
    }
  });

  it('is not ready while a probe says no, or the container has not started', () => {
    const runtime = runtimeOf(sandboxes, [aRun()]);
    assert.equal(
      condition(status(aPod(), runtime, { passesReadiness: () => false }), 'Ready')?.status,
      'False',
    );
    const starting = status(aPod(), runtime, { started: () => false });
    assert.equal(condition(starting, 'Ready')?.status, 'False');
    assert.equal(starting.containerStatuses?.[0]?.started, false);
  });

  it('shows why a container waits, and how it ended before', () => {
    const waiting = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]]);
    const now = status(aPod(), runtimeOf(sandboxes, [exited(3)]), { waiting });
    const [one] = now.containerStatuses ?? [];
    assert.deepEqual(one?.state, {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' },
    });
    assert.equal(one?.lastState?.terminated?.exitCode, 3);
    assert.equal(now.phase, 'Running');
  });

  it('keeps the times of conditions that did not change', () => {
    const then = '2020-01-01T00:00:00Z';
    const pod = aPod();
    pod.status = {
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: then },
        { type: 'ContainersReady', status: 'False', lastTransitionTime: then },
      ],
    };
    const now = status(pod, runtimeOf(sandboxes, [aRun()]));
    assert.equal(condition(now, 'Ready')?.lastTransitionTime, then);
    assert.equal(condition(now, 'ContainersReady')?.lastTransitionTime, NOW);
  });

  it('keeps conditions others wrote', () => {
    const pod = aPod();
    const foreign = { type: 'DisruptionTarget', status: 'True', reason: 'Eviction' };
    pod.status = { conditions: [foreign] };
    assert.deepEqual(condition(status(pod, runtimeOf(sandboxes)), 'DisruptionTarget'), foreign);
  });

  it('heeds readiness gates', () => {
    const pod = aPod({ readinessGates: [{ conditionType: 'example.com/ok' }] });
    const runtime = runtimeOf(sandboxes, [aRun()]);
    const saysOf = (): string | undefined => {
      const ready = condition(status(pod, runtime), 'Ready');
      return `${ready?.reason}: ${ready?.message}`;
    };
    const [no, gate] = ['ReadinessGatesNotReady', 'pod readiness gate "example.com/ok"'];
    assert.equal(saysOf(), `${no}: corresponding condition of ${gate} does not exist.`);
    pod.status = { conditions: [{ type: 'example.com/ok', status: 'False' }] };
    assert.equal(saysOf(), `${no}: the status of ${gate} is not "True", but False`);
    pod.status = { conditions: [{ type: 'example.com/ok', status: 'True' }] };
    assert.equal(condition(status(pod, runtime), 'Ready')?.status, 'True');
  });

  it('shows the host address of pods on the host network', () => {
    const sandbox = aSandbox({ hostNetwork: true, ips: [] });
    const now = status(aPod({ hostNetwork: true }), runtimeOf([sandbox], [aRun()]));
    assert.equal(now.podIP, '192.0.2.1');
  });

  it('names init containers that have not finished', () => {
    const pod = aPod({
      initContainers: [aContainer({ name: 'one' }), aContainer({ name: 'two' })],
    });
    const now = status(pod, runtimeOf(sandboxes, [exited(0, { name: 'one' })]));
    const initialized = condition(now, 'Initialized');
    assert.equal(initialized?.status, 'False');
    assert.equal(initialized?.message, 'containers with incomplete status: [two]');
    assert.equal(now.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
    assert.equal(now.initContainerStatuses?.[0]?.ready, true);
  });

  it('counts a container the runtime forgot', () => {
    const pod = aPod();
    const old: ContainerStatus = {
      name: 'main',
      image: '',
      imageID: '',
      ready: true,
      restartCount: 1,
      state: { running: {} },
    };
    pod.status = { phase: 'Running', containerStatuses: [old] };
    const [one] = status(pod, runtimeOf([])).containerStatuses ?? [];
    assert.equal(one?.restartCount, 2);
    assert.equal(one?.lastState?.terminated?.reason, 'ContainerStatusUnknown');
  });

  it('keeps the end of a container whose remains were removed', () => {
    const pod = aPod({ restartPolicy: 'Never' });
    const state: ContainerState = { terminated: { exitCode: 0, reason: 'Completed' } };
    const old = { name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state };
    pod.status = { phase: 'Succeeded', containerStatuses: [old] };
    const now = status(pod, runtimeOf([]));
    assert.equal(now.phase, 'Succeeded');
    assert.deepEqual(now.containerStatuses?.[0]?.state, state);
  });

  it('of a pod that is over: nothing waits or runs', () => {
    const pod = aPod({ containers: [aContainer({ name: 'a' }), aContainer({ name: 'b' })] });
    const now = status(pod, runtimeOf([], [exited(0, { name: 'a' })]), { final: true });
    assert.equal(now.phase, 'Failed');
    const codes = now.containerStatuses?.map((one) => one.state?.terminated?.exitCode);
    assert.deepEqual(codes, [0, 137]);
    const well = status(aPod(), runtimeOf([], [exited(0)]), { final: true });
    assert.equal(well.phase, 'Succeeded');
  });

  it('never leaves a final phase', () => {
    const pod = aPod();
    pod.status = { phase: 'Failed', reason: 'Evicted', message: 'why' };
    const now = status(pod, runtimeOf(sandboxes, [aRun()]));
    assert.deepEqual([now.phase, now.reason, now.message], ['Failed', 'Evicted', 'why']);
  });
});

describe('phaseOf', () => {
  const made = (state: ContainerState, lastState: ContainerState = {}): ContainerStatus => ({
    name: 'main',
    image: '',
    imageID: '',
    ready: false,
    restartCount: 0,
    state,
    lastState,
  });
  const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } });
  const waiting: ContainerState = { waiting: {} };
  const running: ContainerState = { running: {} };
  const table: [string, string, ContainerStatus[], string][] = [
    ['waiting for the first time', 'Always', [made(waiting)], 'Pending'],
    ['running', 'Always', [made(running)], 'Running'],
    ['one of two waiting', 'Always', [made(running), made(waiting)], 'Pending'],
    ['between restarts', 'Always', [made(waiting, ended(1))], 'Running'],
    ['ended, to be restarted', 'Always', [made(ended(0))], 'Running'],
    ['all well', 'OnFailure', [made(ended(0))], 'Succeeded'],
    ['failed, to be tried again', 'OnFailure', [made(ended(1))], 'Running'],
    ['all well, once', 'Never', [made(ended(0))], 'Succeeded'],
    ['one failed', 'Never', [made(ended(0)), made(ended(1))], 'Failed'],
    ['one still running', 'Never', [made(ended(1)), made(running)], 'Running'],
  ];
  for (const [what, restartPolicy, mains, phase] of table) {
    it(`${what}: ${phase}`, () => assert.equal(phaseOf(aPod({ restartPolicy }), [], mains), phase));
  }

  it('waits for init containers', () => {
    const pod = aPod({ initContainers: [aContainer({ name: 'main' })] });
    assert.equal(phaseOf(pod, [made(running)], [made(waiting)]), 'Pending');
    assert.equal(phaseOf(pod, [made(ended(0))], [made(running)]), 'Running');
    assert.equal(phaseOf(pod, [made(ended(1))], [made(waiting)]), 'Pending');
    const once = aPod({ initContainers: [aContainer({ name: 'main' })], restartPolicy: 'Never' });
    assert.equal(phaseOf(once, [made(ended(1))], [made(waiting)]), 'Failed');
  });
});
