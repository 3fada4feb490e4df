/**
 * Seeded chaos: pods come and go, containers crash, the kubelet starts again, while the runtime and the API fail now and then.
 * Once that stops, all must be as it should be. `SEED=7` repeats one run, `MANY=500` makes many.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { FakeApi, TransportError } from '@kubets/client';
import { ManualClock, type Random, seededRandom } from '@kubets/platform';
import { SimulatedRuntime } from '../simulated/runtime.ts';
import { type Faults, faultyRuntime } from '../testing/faulty-runtime.ts';
import { startTestNode, type TestNode, testPod } from '../testing/simulated-node.ts';

const STEPS = 120;
const STEP_MS = 500;
const CALM_STEPS = 1_500;
const SETTLE_ROUNDS = 12;

interface World {
  readonly test: TestNode;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly inner: SimulatedRuntime;
  readonly faults: Faults;
  readonly apiFaults: { rate: number };
}

async function step(clock: ManualClock): Promise<void> {
  clock.advance(STEP_MS);
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets time pass until something is done. */
async function meanwhile(clock: ManualClock, work: Promise<void>): Promise<void> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  while (!done) await step(clock);
  await finished;
}

const stored = (world: World): Pod[] => world.test.api.objects<Pod>('v1', 'pods');

/** One random thing that happens to a cluster. */
async function happen(world: World, id: number): Promise<void> {
  const { test, random, inner } = world;
  const pods = test.api.resource<Pod>('v1', 'pods');
  const some = stored(world)[random.int(Math.max(1, stored(world).length))];
  const kind = random.int(7);
  if (kind <= 1 || some === undefined) {
    const ends = random.int(3) === 0;
    const command = ends ? ['sh', '-c', `exit ${random.int(2)}`] : ['run'];
    const init = { name: 'init', image: 'example.com/i:1', command: ['true'] };
    const spec = {
      restartPolicy: ends ? 'Never' : 'Always',
      ...(random.int(2) === 0 ? { initContainers: [init] } : {}),
    };
    await pods.create(testPod(`p-${id}`, { command }, spec));
  } else if (kind === 2) {
    await pods.delete('default', some.metadata.name ?? '', { gracePeriodSeconds: 1 });
  } else if (kind === 3) {
    await pods.delete('default', some.metadata.name ?? '', { gracePeriodSeconds: 0 });
  } else if (kind === 6) {
    if (random.int(3) === 0) await meanwhile(world.clock, test.restart());
  } else {
    const state = await inner.inspectPod(some.metadata.uid ?? '');
    const target = kind === 4 ? state.containers[0] : undefined;
    if (target !== undefined) inner.crash(target.id, 1 + random.int(100));
    else if (state.sandboxes[0] !== undefined) await inner.stopSandbox(state.sandboxes[0].id);
  }
}

/** What is not as it should be; empty: all is well. */
async function complaints(world: World): Promise<string[]> {
  const out: string[] = [];
  const pods = stored(world);
  const uids = new Set(pods.map((pod) => pod.metadata.uid));
  for (const { uid, name } of await world.inner.listPods()) {
    if (!uids.has(uid)) out.push(`${name} runs without being in the API`);
  }
  for (const pod of pods) {
    const { name, uid = '', deletionTimestamp } = pod.metadata;
    const state = await world.inner.inspectPod(uid);
    const phase = pod.status?.phase ?? '';
    const live = state.sandboxes.filter((one) => one.ready).length;
    const running = state.containers.filter((one) => one.phase === 'running');
    if (deletionTimestamp !== undefined) out.push(`${name} should be gone`);
    if (pod.spec?.restartPolicy === 'Always') {
      const ready = pod.status?.conditions?.find((one) => one.type === 'Ready')?.status;
      if (phase !== 'Running' || ready !== 'True') out.push(`${name} is ${phase}, ready ${ready}`);
      if (live !== 1 || running.length !== 1)
        out.push(`${name}: ${live} sandboxes, ${running.length} containers`);
      if (pod.status?.podIP !== state.sandboxes[0]?.ips[0])
        out.push(`${name} shows a wrong address`);
    } else if (!['Succeeded', 'Failed'].includes(phase) || live + running.length > 0) {
      out.push(`${name} is ${phase} with ${live} sandboxes and ${running.length} containers`);
    }
  }
  const ips = pods.filter((pod) => pod.status?.phase === 'Running').map((pod) => pod.status?.podIP);
  if (new Set(ips).size !== ips.length) out.push('two pods share an address');
  return out;
}

async function run(seed: number): Promise<void> {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const faults: Faults = { rate: 0.2, count: 0 };
  const inner = new SimulatedRuntime({ clock, podCidr: '10.244.1.0/24' });
  const api = new FakeApi({ clock, gracefulPods: true });
  const apiFaults = { rate: 0 };
  api.intercept = () => {
    if (random.next() >= apiFaults.rate) return;
    throw new TransportError('nobody answers, on purpose', { ambiguous: false });
  };
  const runtime = faultyRuntime(inner, random, faults);
  const test = await startTestNode({ runtime }, { clock, api });
  const world: World = { test, clock, random, inner, faults, apiFaults };
  try {
    for (let id = 0; id < STEPS; id++) {
      await happen(world, id);
      apiFaults.rate = 0.1;
      await step(clock);
      apiFaults.rate = 0;
    }
    faults.rate = 0;
    let left = await complaints(world);
    for (let calm = 0; left.length > 0 && calm < CALM_STEPS; calm++) {
      await step(clock);
      left = await complaints(world);
    }
    assert.deepEqual(left, [], `seed ${seed}`);
    assert.ok(faults.count > 50, 'there was some chaos');
  } finally {
    await meanwhile(clock, test.stop());
  }
}

describe('chaos', () => {
  const { SEED, MANY = '6' } = process.env;
  const many = Array.from({ length: Number(MANY) }, (_, index) => index + 1);
  const seeds = SEED === undefined ? many : [Number(SEED)];
  for (const seed of seeds) it(`seed ${seed}: all is well in the end`, () => run(seed));
});
