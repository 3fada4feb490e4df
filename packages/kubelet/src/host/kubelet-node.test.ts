import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap, Event, Lease, Node, Pod } from '@kubets/api';
import type { ProbeRunner } from '../ports.ts';
import { eventually, startTestNode, type TestNode, testPod } from '../testing/simulated-node.ts';

const ready = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.find((one) => one.type === 'Ready')?.status === 'True';

describe('KubeletNode with the simulated runtime', () => {
  let test: TestNode;
  before(async () => {
    test = await startTestNode();
  });
  after(() => test.stop());
  const pods = () => test.api.resource<Pod>('v1', 'pods');
  const events = (name: string): string[] =>
    test.api
      .objects<Event>('v1', 'events')
      .filter((one) => one.involvedObject.name === name)
      .map((one) => one.reason ?? '');

  it('registers the node, ready, with a lease', async () => {
    const node = await eventually('a ready node', () =>
      test.api
        .objects<Node>('v1', 'nodes')
        .find((one) =>
          one.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
        ),
    );
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'node-1');
    assert.equal(node.status?.capacity?.pods, '110');
    assert.equal(node.status?.daemonEndpoints?.kubeletEndpoint?.Port, 10_250);
    const lease = await eventually('a lease', () =>
      test.api.objects<Lease>('coordination.k8s.io/v1', 'leases').find((one) => one.spec),
    );
    assert.equal(lease.metadata.namespace, 'kube-node-lease');
    assert.equal(lease.spec?.holderIdentity, 'node-1');
  });

  it('brings a pod to Running and Ready with an address from the node range', async () => {
    await pods().create(testPod('web', { readinessProbe: { tcpSocket: { port: 80 } } }));
    const pod = await eventually('a ready pod', () => {
      const found = test.pod('web');
      return ready(found) ? found : undefined;
    });
    assert.equal(pod.status?.phase, 'Running');
    assert.match(pod.status?.podIP ?? '', /^10\.244\.1\./);
    assert.equal(pod.status?.hostIP, '192.0.2.10');
    assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0);
    await eventually('its events', () => events('web').includes('Started'));
  });

  it('lets a deleted pod go', async () => {
    await pods().create(testPod('leaver'));
    await eventually('a ready pod', () => ready(test.pod('leaver')));
    await pods().delete('default', 'leaver');
    await eventually('no pod', () => test.pod('leaver') === undefined);
    const left = await eventually('no trace in the runtime', async () => {
      const all = await test.runtime.listPods();
      return all.some((one) => one.name === 'leaver') ? undefined : 'none';
    });
    assert.equal(left, 'none');
  });

  it('keeps containers through a restart of the kubelet, and ends what was deleted meanwhile', async () => {
    for (const name of ['stays', 'goes']) await pods().create(testPod(name));
    await eventually('ready pods', () => ready(test.pod('stays')) && ready(test.pod('goes')));
    const before = test.pod('stays')?.status?.containerStatuses?.[0]?.containerID;
    const uid = test.pod('goes')?.metadata.uid ?? '';
    await test.node().stop();
    await pods().delete('default', 'goes', { gracePeriodSeconds: 0 });
    await test.restart();
    await eventually('nothing of it', async () => {
      return (await test.runtime.inspectPod(uid)).containers.length === 0;
    });
    const status = test.pod('stays')?.status?.containerStatuses?.[0];
    assert.deepEqual([status?.containerID, status?.restartCount], [before, 0]);
  });

  it('restarts a crashed container and counts it', async () => {
    await pods().create(testPod('crasher'));
    const pod = await eventually('a running pod', () => {
      const found = test.pod('crasher');
      return ready(found) ? found : undefined;
    });
    const id = pod.status?.containerStatuses?.[0]?.containerID?.replace('simulated://', '') ?? '';
    test.runtime.crash(id, 3);
    const again = await eventually('a restart', () => {
      const status = test.pod('crasher')?.status?.containerStatuses?.[0];
      return status?.restartCount === 1 && status.ready ? status : undefined;
    });
    assert.equal(again.lastState?.terminated?.exitCode, 3);
  });

  it('backs off from a container that crashes again', async () => {
    await pods().create(testPod('looper', { command: ['sh', '-c', 'exit 4'] }));
    const status = await eventually('a back-off', () => {
      const found = test.pod('looper')?.status?.containerStatuses?.[0];
      return found?.state?.waiting?.reason === 'CrashLoopBackOff' ? found : undefined;
    });
    assert.match(
      status.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=main/,
    );
    assert.equal(status.lastState?.terminated?.exitCode, 4);
    assert.equal(status.restartCount, 1);
    await eventually('the event', () => events('looper').includes('BackOff'));
  });

  for (const [name, code, phase] of [
    ['good-job', 0, 'Succeeded'],
    ['bad-job', 2, 'Failed'],
  ] as const) {
    it(`ends a pod that is not restarted as ${phase}`, async () => {
      const command = ['sh', '-c', `exit ${code}`];
      await pods().create(testPod(name, { command }, { restartPolicy: 'Never' }));
      const pod = await eventually('the end', () => {
        const found = test.pod(name);
        return found?.status?.phase === phase ? found : undefined;
      });
      assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, code);
    });
  }

  it('runs init containers first, in order', async () => {
    const initContainers = ['one', 'two'].map((name) => ({
      name,
      image: 'example.com/init:1',
      command: ['sh', '-c', 'exit 0'],
    }));
    await pods().create(testPod('inits', {}, { initContainers }));
    const pod = await eventually('a ready pod', () => {
      const found = test.pod('inits');
      return ready(found) ? found : undefined;
    });
    const ended = pod.status?.initContainerStatuses?.map((one) => one.state?.terminated?.exitCode);
    assert.deepEqual(ended, [0, 0]);
  });

  it('keeps a failed init container from starting the rest', async () => {
    const init = { name: 'init', image: 'example.com/init:1', command: ['sh', '-c', 'exit 1'] };
    const spec = { initContainers: [init], restartPolicy: 'Never' };
    await pods().create(testPod('no-init', {}, spec));
    const pod = await eventually('failure', () => {
      const found = test.pod('no-init');
      return found?.status?.phase === 'Failed' ? found : undefined;
    });
    assert.notEqual(pod.status?.containerStatuses?.[0]?.state?.running, {});
  });

  it('waits for a missing ConfigMap, then starts', async () => {
    const ref = { configMapKeyRef: { name: 'late', key: 'k' } };
    await pods().create(testPod('needy', { env: [{ name: 'A', valueFrom: ref }] }));
    const waiting = await eventually('the reason', () => {
      const state = test.pod('needy')?.status?.containerStatuses?.[0]?.state?.waiting;
      return state?.reason === 'CreateContainerConfigError' ? state : undefined;
    });
    assert.equal(waiting.message, 'configmap "late" not found');
    const map: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'late', namespace: 'default' },
      data: { k: 'v' },
    };
    await test.api.resource<ConfigMap>('v1', 'configmaps').create(map);
    await eventually('a ready pod', () => ready(test.pod('needy')));
  });

  it('refuses a pod the node has no room for', async () => {
    await pods().create(testPod('huge', { resources: { requests: { cpu: '64' } } }));
    const pod = await eventually('rejection', () => {
      const found = test.pod('huge');
      return found?.status?.phase === 'Failed' ? found : undefined;
    });
    assert.equal(pod.status?.reason, 'OutOfcpu');
    assert.match(pod.status?.message ?? '', /^Pod was rejected: Node didn't have enough resource/);
    assert.equal(pod.status?.containerStatuses, undefined);
  });

  it('refuses a pod that does not belong on the node, by what the node is marked with now', async () => {
    const pods = test.api.resource<Pod>('v1', 'pods');
    const nodes = test.api.resource<Node>('v1', 'nodes');
    await eventually('marks', () => test.node().agent.marks);
    await pods.create(testPod('p', {}, { nodeSelector: { disk: 'fast' } }));
    const { status } = await eventually('the refusal', () => {
      const found = test.pod('p');
      return found?.status?.phase === 'Failed' ? found : undefined;
    });
    assert.equal(status?.reason, 'NodeAffinity');
    const why = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
    assert.equal(status?.message, `Pod was rejected: ${why}`);
    await nodes.patch('', 'node-1', 'merge', { metadata: { labels: { disk: 'fast' } } });
    await pods.create(testPod('q', {}, { nodeSelector: { disk: 'fast' } }));
    await eventually('a running pod', () => test.pod('q')?.status?.phase === 'Running');
  });

  it('ends a pod at its deadline', async () => {
    await pods().create(testPod('late', {}, { activeDeadlineSeconds: 1 }));
    const pod = await eventually('the deadline', () => {
      const found = test.pod('late');
      return found?.status?.phase === 'Failed' ? found : undefined;
    });
    assert.equal(pod.status?.reason, 'DeadlineExceeded');
  });
});

describe('KubeletNode with failing probes', () => {
  let test: TestNode;
  let well = true;
  const probes: ProbeRunner = {
    alwaysWell: false,
    run: async () => (well ? { ok: true, output: '' } : { ok: false, output: 'sick' }),
  };
  before(async () => {
    test = await startTestNode({ probes });
  });
  after(() => test.stop());

  it('restarts a container whose liveness probe gives up', async () => {
    const livenessProbe = { exec: { command: ['ok'] }, periodSeconds: 1, failureThreshold: 1 };
    await test.api.resource<Pod>('v1', 'pods').create(testPod('sick', { livenessProbe }));
    await eventually('a ready pod', () => ready(test.pod('sick')));
    well = false;
    await eventually('a restart', () => {
      return (test.pod('sick')?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
    });
    well = true;
    const reasons = await eventually('the events', () => {
      const all = test.api.objects<Event>('v1', 'events').map((one) => one.reason);
      return all.includes('Unhealthy') && all.includes('Killing') ? all : undefined;
    });
    assert.ok(reasons.includes('Started'));
  });
});
