import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import type { RuntimePod } from '../ports.ts';
import { aContainer, aPod, aRun, aSandbox, exited, runtimeOf } from '../testing/pods.ts';
import { decide, type Plan, usableSandbox, wantsRun } from './plan.ts';
import { specHash } from './spec-hash.ts';

type Unhealthy = Record<string, 'liveness' | 'startup'>;

function plan(pod: Pod, runtime: RuntimePod, unhealthy: Unhealthy = {}, started = true): Plan {
  return decide({
    pod,
    runtime,
    unhealthy: new Map(Object.entries(unhealthy)),
    started: () => started,
  });
}

/** A plan in a line: what starts, what is killed. */
function text(made: Plan): string {
  if (made.kind === 'finish') return 'finish';
  if (made.kind === 'sandbox') return `sandbox ${made.attempt}`;
  const start = made.start.map((one) => `start ${one.container.name}`);
  const kill = made.kill.map((one) => `kill ${one.container.name} (${one.reason})`);
  return [...start, ...kill].join(', ') || 'nothing';
}

const ready = [aSandbox()];
const two = { containers: [aContainer({ name: 'a' }), aContainer({ name: 'b' })] };

describe('decide: sandboxes', () => {
  it('begins with a sandbox', () => {
    assert.equal(text(plan(aPod(), runtimeOf([]))), 'sandbox 0');
  });

  it('replaces one that died', () => {
    const runtime = runtimeOf([aSandbox({ ready: false, attempt: 2 })], [exited(0)]);
    assert.equal(text(plan(aPod(), runtime)), 'sandbox 3');
  });

  it('replaces one of the wrong network kind, or without an address', () => {
    assert.equal(text(plan(aPod({ hostNetwork: true }), runtimeOf(ready))), 'sandbox 1');
    assert.equal(text(plan(aPod(), runtimeOf([aSandbox({ ips: [] })]))), 'sandbox 1');
    const host = aSandbox({ hostNetwork: true, ips: [] });
    assert.equal(text(plan(aPod({ hostNetwork: true }), runtimeOf([host]))), 'start main');
  });

  it('ends an init container of a sandbox that is gone before it starts the next', () => {
    const pod = aPod({ initContainers: [aContainer({ name: 'i' })] });
    const stray = aRun({ name: 'i', sandboxId: 'gone' });
    assert.equal(text(plan(pod, runtimeOf(ready, [stray]))), 'kill i (stray)');
  });

  it('does not trust two live ones', () => {
    const both = [aSandbox({ id: 's1', attempt: 1 }), aSandbox()];
    assert.equal(usableSandbox(aPod(), runtimeOf(both)), undefined);
  });

  it('does not bring back a pod that may run once only', () => {
    const dead = [aSandbox({ ready: false })];
    const once = aPod({ restartPolicy: 'Never' });
    assert.equal(text(plan(once, runtimeOf(dead, [exited(137)]))), 'finish');
    assert.equal(text(plan(once, runtimeOf(dead))), 'sandbox 1', 'it never ran');
    const inits = aPod({ restartPolicy: 'Never', initContainers: [aContainer({ name: 'i' })] });
    const initialized = runtimeOf(dead, [exited(0, { name: 'i' })]);
    assert.equal(text(plan(inits, initialized)), 'sandbox 1', 'only an init container ran');
    assert.equal(text(plan(inits, runtimeOf(dead, [exited(1, { name: 'i' })]))), 'finish');
    const onFailure = aPod({ restartPolicy: 'OnFailure' });
    assert.equal(text(plan(onFailure, runtimeOf(dead, [exited(0)]))), 'finish');
    assert.equal(text(plan(onFailure, runtimeOf(dead, [exited(1)]))), 'sandbox 1');
  });
});

describe('decide: main containers', () => {
  const table: [string, Parameters<typeof aPod>[0], RuntimePod, string][] = [
    ['starts what is missing', two, runtimeOf(ready, [aRun({ name: 'a' })]), 'start b'],
    ['is content when all run', {}, runtimeOf(ready, [aRun()]), 'nothing'],
    ['restarts always', {}, runtimeOf(ready, [exited(0)]), 'start main'],
    [
      'restarts failures',
      { restartPolicy: 'OnFailure' },
      runtimeOf(ready, [exited(1)]),
      'start main',
    ],
    ['ends after success', { restartPolicy: 'OnFailure' }, runtimeOf(ready, [exited(0)]), 'finish'],
    ['ends after failure', { restartPolicy: 'Never' }, runtimeOf(ready, [exited(1)]), 'finish'],
    [
      'waits for the last one',
      { ...two, restartPolicy: 'Never' },
      runtimeOf(ready, [aRun({ name: 'a' }), exited(0, { name: 'b' })]),
      'nothing',
    ],
    [
      'starts again what was only created',
      {},
      runtimeOf(ready, [aRun({ phase: 'created' })]),
      'start main',
    ],
  ];
  for (const [what, spec, runtime, expected] of table) {
    it(what, () => assert.equal(text(plan(aPod(spec), runtime)), expected));
  }

  it('kills what its probes gave up on', () => {
    const runtime = runtimeOf(ready, [aRun()]);
    assert.equal(text(plan(aPod(), runtime, { 'main-0': 'liveness' })), 'kill main (liveness)');
    assert.equal(text(plan(aPod(), runtime, { 'main-0': 'startup' })), 'kill main (startup)');
  });

  it('kills what is not what the spec says any more', () => {
    const changed = runtimeOf(ready, [aRun({ specHash: 'other' })]);
    assert.equal(text(plan(aPod(), changed)), 'kill main (changed)');
    const same = runtimeOf(ready, [aRun({ specHash: specHash(aContainer()) })]);
    assert.equal(text(plan(aPod(), same)), 'nothing');
  });

  it('hands on the run before', () => {
    const made = plan(
      aPod(),
      runtimeOf(ready, [exited(1, { attempt: 4 }), exited(1, { attempt: 3 })]),
    );
    assert.equal(made.kind === 'containers' && made.start[0]?.previous?.attempt, 4);
  });
});

describe('decide: init containers', () => {
  const inits = (...names: string[]) => names.map((name) => aContainer({ name }));
  const pod = (more: object = {}): Pod => aPod({ initContainers: inits('one', 'two'), ...more });

  const table: [string, object, RuntimePod, string][] = [
    ['starts the first alone', {}, runtimeOf(ready), 'start one'],
    ['waits for it', {}, runtimeOf(ready, [aRun({ name: 'one' })]), 'nothing'],
    ['goes on to the next', {}, runtimeOf(ready, [exited(0, { name: 'one' })]), 'start two'],
    ['tries a failed one again', {}, runtimeOf(ready, [exited(1, { name: 'one' })]), 'start one'],
    [
      'ends when it may not try again',
      { restartPolicy: 'Never' },
      runtimeOf(ready, [exited(1, { name: 'one' })]),
      'finish',
    ],
    [
      'starts the main ones after the last',
      {},
      runtimeOf(ready, [exited(0, { name: 'two' }), exited(0, { name: 'one' })]),
      'start main',
    ],
    [
      'does not initialize twice in one sandbox, even when old runs are gone',
      {},
      runtimeOf(ready, [aRun()]),
      'nothing',
    ],
    [
      'initializes again in a new sandbox',
      {},
      runtimeOf(
        [aSandbox({ id: 'new', attempt: 1 }), aSandbox({ ready: false })],
        [exited(0, { name: 'two' }), exited(0, { name: 'one' }), exited(0)],
      ),
      'start one',
    ],
  ];
  for (const [what, spec, runtime, expected] of table) {
    it(what, () => assert.equal(text(plan(pod(spec), runtime)), expected));
  }
});

describe('decide: sidecars', () => {
  const side = aContainer({ name: 'side', restartPolicy: 'Always' });
  const pod = (more: object = {}): Pod => aPod({ initContainers: [side], ...more });

  it('starts them before the rest and keeps them running', () => {
    assert.equal(text(plan(pod(), runtimeOf(ready))), 'start side');
    const running = runtimeOf(ready, [aRun({ name: 'side' })]);
    assert.equal(text(plan(pod(), running)), 'start main');
    const dead = runtimeOf(ready, [aRun(), exited(0, { name: 'side' })]);
    assert.equal(text(plan(pod({ restartPolicy: 'Never' }), dead)), 'start side');
  });

  it('waits until they have started', () => {
    const running = runtimeOf(ready, [aRun({ name: 'side' })]);
    assert.equal(text(plan(pod(), running, {}, false)), 'nothing');
  });

  it('does not let them keep a pod alive', () => {
    const runtime = runtimeOf(ready, [exited(0), aRun({ name: 'side' })]);
    assert.equal(text(plan(pod({ restartPolicy: 'Never' }), runtime)), 'finish');
  });

  it('kills an unhealthy one', () => {
    const runtime = runtimeOf(ready, [aRun(), aRun({ name: 'side' })]);
    assert.equal(text(plan(pod(), runtime, { 'side-0': 'liveness' })), 'kill side (liveness)');
  });
});

describe('decide: ephemeral containers', () => {
  const debug = aContainer({ name: 'debug' });
  const pod = (more: object = {}): Pod => aPod({ ephemeralContainers: [debug], ...more });
  const main = aRun();

  it('start beside the others, once', () => {
    assert.equal(text(plan(pod(), runtimeOf([]))), 'sandbox 0');
    assert.equal(text(plan(pod(), runtimeOf(ready, [main]))), 'start debug');
    for (const run of [aRun({ name: 'debug' }), exited(1, { name: 'debug' })]) {
      assert.equal(text(plan(pod(), runtimeOf(ready, [main, run]))), 'nothing');
    }
  });

  it('do not start again after the runtime has forgotten them', () => {
    const state = { terminated: { exitCode: 0 } };
    const told = { name: 'debug', image: '', imageID: '', ready: false, restartCount: 0, state };
    const seen = { ...pod(), status: { ephemeralContainerStatuses: [told] } };
    assert.equal(text(plan(seen, runtimeOf(ready, [main]))), 'nothing');
  });

  it('do not keep a pod alive', () => {
    const runtime = runtimeOf(ready, [exited(0), aRun({ name: 'debug' })]);
    assert.equal(text(plan(pod({ restartPolicy: 'Never' }), runtime)), 'finish');
  });
});

describe('wantsRun', () => {
  it('follows the policy', () => {
    assert.ok(wantsRun('Never', undefined));
    assert.ok(!wantsRun('Never', exited(0)));
    assert.ok(!wantsRun('OnFailure', exited(0)));
    assert.ok(wantsRun('OnFailure', exited(9)));
    assert.ok(wantsRun('Always', exited(0)));
  });
});
