import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event, Pod, RuntimeClass } from '@kubets/api';
import { RuntimeFault, VolumeFault } from '../errors.ts';
import type { SandboxSpec } from '../ports.ts';
import { simulatedVolumes } from '../simulated/parts.ts';
import type { SimulatedRuntime } from '../simulated/runtime.ts';
import { eventually, startTestNode, type TestNode, testPod } from '../testing/simulated-node.ts';

/** Runs with a node whose runtime was tampered with. */
async function withNode(
  tamper: (runtime: SimulatedRuntime) => void,
  check: (test: TestNode) => Promise<void>,
  overrides: Parameters<typeof startTestNode>[0] = {},
): Promise<void> {
  const test = await startTestNode(overrides);
  tamper(test.runtime);
  try {
    await check(test);
  } finally {
    await test.stop();
  }
}

const create = (test: TestNode, pod: Pod): Promise<Pod> =>
  test.api.resource<Pod>('v1', 'pods').create(pod);
const waiting = (test: TestNode, name: string) =>
  test.pod(name)?.status?.containerStatuses?.[0]?.state?.waiting;
const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
const messages = (test: TestNode, reason: string): string[] =>
  test.api
    .objects<Event>('v1', 'events')
    .filter((one) => one.reason === reason)
    .map((one) => one.message ?? '');

/** Fails the first call, then works. */
function failOnce(
  runtime: SimulatedRuntime,
  method: 'createContainer' | 'startContainer' | 'runSandbox',
): void {
  const real = Reflect.get(runtime, method).bind(runtime) as (...args: unknown[]) => unknown;
  let failed = false;
  Reflect.set(runtime, method, async (...args: unknown[]) => {
    if (failed) return real(...args);
    failed = true;
    throw new RuntimeFault(`${method} says no`);
  });
}

describe('a pod that cannot start yet', () => {
  const faults = [
    ['createContainer', 'CreateContainerError', 'Failed'],
    ['startContainer', 'RunContainerError', 'Failed'],
  ] as const;
  for (const [method, reason, event] of faults) {
    it(`shows ${reason}, says so in an event, and starts later`, async () => {
      await withNode(
        (runtime) => failOnce(runtime, method),
        async (test) => {
          await create(test, testPod('p'));
          const why = await eventually('the reason', () => {
            const found = waiting(test, 'p');
            return found?.reason === reason ? found : undefined;
          });
          assert.equal(why.message, `${method} says no`);
          await eventually('the event', () =>
            messages(test, event).includes(`Error: ${method} says no`),
          );
          await eventually('a ready pod', () => isReady(test.pod('p')));
          assert.equal(test.pod('p')?.status?.containerStatuses?.[0]?.state?.waiting, undefined);
        },
      );
    });
  }

  it('gets its sandbox later', async () => {
    await withNode(
      (runtime) => failOnce(runtime, 'runSandbox'),
      async (test) => {
        await create(test, testPod('p'));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        const [text] = messages(test, 'FailedCreatePodSandBox');
        assert.equal(text, 'Failed to create pod sandbox: runSandbox says no');
      },
    );
  });

  it('gets its sandbox of the handler that its class names, or none', async () => {
    const handlers: string[] = [];
    const noting = (runtime: SimulatedRuntime): void => {
      const real = runtime.runSandbox.bind(runtime);
      runtime.runSandbox = (spec: SandboxSpec, handler = ''): Promise<string> => {
        handlers.push(handler);
        return real(spec);
      };
    };
    await withNode(noting, async (test) => {
      const classes = test.api.resource<RuntimeClass>('node.k8s.io/v1', 'runtimeclasses');
      await classes.create({ metadata: { name: 'safe' }, handler: 'kata' });
      await create(test, testPod('p', {}, { runtimeClassName: 'safe' }));
      await eventually('a ready pod', () => isReady(test.pod('p')));
      assert.deepEqual(handlers, ['kata']);
      await create(test, testPod('q', {}, { runtimeClassName: 'none' }));
      await eventually('the event', () => messages(test, 'FailedCreatePodSandBox').length > 0);
      const [text] = messages(test, 'FailedCreatePodSandBox');
      const why = 'failed to get RuntimeClass "none": runtimeclass.node.k8s.io "none" not found';
      assert.equal(text, `Failed to create pod sandbox: ${why}`);
    });
  });

  it('says that its full name is too long for a host name', async () => {
    const spec = { hostname: 'h'.repeat(40), subdomain: 's'.repeat(40), setHostnameAsFQDN: true };
    await withNode(
      () => undefined,
      async (test) => {
        await create(test, testPod('p', {}, spec));
        const text = await eventually(
          'the event',
          () => messages(test, 'FailedCreatePodSandBox')[0],
        );
        const fqdn = `${spec.hostname}.${spec.subdomain}.default.svc.cluster.local`;
        const limits = '64 characters is the max, 107 characters requested';
        const what = 'failed to construct FQDN from pod hostname and cluster domain';
        assert.equal(
          text,
          `Failed to create pod sandbox: ${what}, FQDN ${fqdn} is too long (${limits})`,
        );
      },
    );
  });

  it('shows files about itself anew as soon as it changes', async () => {
    let mounts = 0;
    const mount = (pod: Pod): Promise<ReadonlyMap<string, string>> => {
      mounts += 1;
      return simulatedVolumes.mount(pod);
    };
    const volumes = [{ name: 'v', downwardAPI: {} }];
    await withNode(
      () => undefined,
      async (test) => {
        const pods = test.api.resource<Pod>('v1', 'pods');
        await create(test, testPod('p', {}, { volumes }));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        const before = mounts;
        await pods.patch('default', 'p', 'merge', { metadata: { labels: { a: 'b' } } });
        await eventually('new files', () => mounts > before);
      },
      { volumes: { ...simulatedVolumes, mount } },
    );
  });

  it('waits for its volumes without a sandbox', async () => {
    let missing = true;
    const volumes = {
      ...simulatedVolumes,
      mount: async (pod: Pod) => {
        if (missing) throw new VolumeFault('configmap "c" not found');
        return simulatedVolumes.mount(pod);
      },
    };
    await withNode(
      () => undefined,
      async (test) => {
        await create(test, testPod('p'));
        await eventually('the event', () => messages(test, 'FailedMount').length > 0);
        assert.deepEqual(await test.runtime.listPods(), []);
        await eventually('the reason', () => waiting(test, 'p')?.reason === 'ContainerCreating');
        missing = false;
        await eventually('a ready pod', () => isReady(test.pod('p')));
      },
      { volumes },
    );
  });
});

describe('a pod that is deleted', () => {
  it('stops its sidecars last, in reverse order', async () => {
    const stopped: string[] = [];
    const sidecar = (name: string) => ({ name, image: 'example.com/s:1', restartPolicy: 'Always' });
    await withNode(
      (runtime) => {
        const real = runtime.stopContainer.bind(runtime);
        runtime.stopContainer = async (id: string) => {
          const pods = await Promise.all(
            (await runtime.listPods()).map((one) => runtime.inspectPod(one.uid)),
          );
          const all = pods.flatMap((pod) => pod.containers);
          stopped.push(all.find((one) => one.id === id)?.name ?? '?');
          return real(id);
        };
      },
      async (test) => {
        const initContainers = [sidecar('first'), sidecar('second')];
        await create(test, testPod('p', {}, { initContainers }));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        await test.api.resource<Pod>('v1', 'pods').delete('default', 'p');
        await eventually('no pod', () => test.pod('p') === undefined);
        assert.deepEqual(stopped, ['main', 'second', 'first']);
      },
    );
  });

  it('shows how its containers ended before it goes', async () => {
    const phases: string[] = [];
    await withNode(
      () => undefined,
      async (test) => {
        await create(test, testPod('p'));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        const watch = test.api.resource<Pod>('v1', 'pods').watch('', {}, (events) => {
          for (const { type, object } of events) {
            phases.push(type === 'DELETED' ? 'gone' : (object.status?.phase ?? ''));
          }
        });
        await test.api.resource<Pod>('v1', 'pods').delete('default', 'p');
        await eventually('its end', () => phases.at(-1) === 'gone');
        watch.stop();
        assert.equal(phases.at(-2), 'Failed', 'killed by a signal: not a success');
      },
    );
  });

  it('goes at once when it never started', async () => {
    await withNode(
      (runtime) => {
        runtime.runSandbox = async () => {
          throw new RuntimeFault('never');
        };
      },
      async (test) => {
        await create(test, testPod('p'));
        await eventually('an attempt', () => messages(test, 'FailedCreatePodSandBox').length > 0);
        await test.api.resource<Pod>('v1', 'pods').delete('default', 'p');
        await eventually('no pod', () => test.pod('p') === undefined);
      },
    );
  });

  it('does not take its successor of the same name along', async () => {
    await withNode(
      () => undefined,
      async (test) => {
        await create(test, testPod('p'));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        const pods = test.api.resource<Pod>('v1', 'pods');
        await pods.delete('default', 'p', { gracePeriodSeconds: 0 });
        await create(test, testPod('p'));
        await eventually('a ready successor', () => isReady(test.pod('p')));
        await eventually(
          'one pod in the runtime',
          async () => (await test.runtime.listPods()).length === 1,
        );
        assert.equal(
          test.node().workers.find('default', 'p')?.metadata.uid,
          test.pod('p')?.metadata.uid,
        );
      },
    );
  });
});

describe('a pod that changes', () => {
  it('gets a new container when its image changes', async () => {
    await withNode(
      () => undefined,
      async (test) => {
        await create(test, testPod('p'));
        await eventually('a ready pod', () => isReady(test.pod('p')));
        const patch = { spec: { containers: [{ name: 'main', image: 'example.com/app:2' }] } };
        await test.api.resource<Pod>('v1', 'pods').patch('default', 'p', 'strategic', patch);
        const status = await eventually('the new image', () => {
          const found = test.pod('p')?.status?.containerStatuses?.[0];
          return found?.image === 'example.com/app:2' && found.ready ? found : undefined;
        });
        assert.equal(status.restartCount, 1);
        await eventually('the event', () =>
          messages(test, 'Killing').includes(
            'Container main definition changed, will be restarted',
          ),
        );
      },
    );
  });
});
