import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap, Container, Event, Pod, Secret } from '@kubets/api';
import { Metrics, silentLogger, systemClock } from '@kubets/platform';
import { uidOf } from '../core/pod.ts';
import { Door } from '../door/server.ts';
import { UsagePages } from '../door/usage-pages.ts';
import { nodeLayout } from '../layout.ts';
import { TEST_IMAGE } from '../testing/busybox-image.ts';
import { doorTls, strangerTls } from '../testing/certificates.ts';
import { openAccess } from '../testing/door-access.ts';
import { exec, get, open } from '../testing/door-client.ts';
import { type RealNode, startRealNode } from '../testing/real-node.ts';
import { eventually } from '../testing/simulated-node.ts';

/** What a real node needs. On CI it is installed, not left out. */
function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['/usr/bin/containerd', '/usr/lib/cni/bridge', '/bin/busybox'];
  if (programs.every((file) => existsSync(file))) return false;
  if (process.env.CI !== 'true')
    return 'needs containerd, containernetworking-plugins, busybox-static';
  const wanted = ['containerd', 'containernetworking-plugins', 'iptables', 'busybox-static'];
  execFileSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  execFileSync('apt-get', ['install', '-qy', ...wanted], { stdio: 'ignore' });
  return false;
}

// Ends on SIGTERM at once, unlike a plain sleep that is process 1.
const WAIT = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

function podOf(name: string, container: Partial<Container> = {}, spec: object = {}): Pod {
  const main = { name: 'main', image: TEST_IMAGE, command: ['sh', '-c', WAIT], ...container };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { nodeName: 'real-1', containers: [main], terminationGracePeriodSeconds: 2, ...spec },
  };
}

const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

function httpGet(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const ask = request({ host, port, path: '/' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    ask.on('error', reject);
    ask.end();
  });
}

// Test runs side by side on one machine must not share a range.
const RANGE = `10.250.${process.pid % 250}`;

describe('a node with containerd', { skip: missing() }, () => {
  let node: RealNode;
  let door: Door;
  let port = 0;
  const create = (pod: Pod): Promise<Pod> => node.create('v1', 'pods', pod);
  const run = async (name: string, script: string): Promise<string> => {
    const id = await idOf(name);
    const result = await node.runtime().execSync(id, ['sh', '-c', script], 5_000);
    return result.stdout.toString('utf8');
  };
  const idOf = async (name: string): Promise<string> => {
    const pod = node.pod(name);
    assert.ok(pod);
    const state = await node.runtime().inspectPod(uidOf(pod));
    return state.containers[0]?.id ?? '';
  };
  const path = (what: string, name: string, query: string): string =>
    `/${what}/default/${name}/main?${query}`;
  const words = (...list: string[]): string =>
    list.map((word) => `command=${encodeURIComponent(word)}`).join('&');

  before(async () => {
    node = await startRealNode(`${RANGE}.0/24`);
    door = new Door({
      tls: doorTls(),
      access: openAccess,
      clock: systemClock,
      log: silentLogger,
      metrics: new Metrics(),
      find: (namespace, name) => node.fleet().find(namespace, name),
      all: () => node.fleet().all(),
      healthy: () => node.fleet().fault(),
      configuration: () => ({}),
      usage: new UsagePages({
        ...{ clock: systemClock, log: silentLogger, all: () => [], probes: () => [] },
        real: undefined,
      }),
      logFolder: undefined,
    });
    port = await door.listen('127.0.0.1', 0);
    await node.create('v1', 'configmaps', configMap('settings', { colour: 'blue', size: 'L' }));
    const secret: Secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      data: { token: Buffer.from('s3cret').toString('base64') },
    };
    await node.create('v1', 'secrets', secret);
  });

  after(async () => {
    await door.close();
    const { bridge, cgroupParent } = nodeLayout(node.config.rootDir);
    await node.stop();
    assert.ok(!existsSync(`/sys/class/net/${bridge}`), 'the bridge is gone');
    assert.ok(!existsSync(`/sys/fs/cgroup/cpu${cgroupParent}`), 'the cgroups are gone');
  });

  it('serves from a pod with environment, volumes and name service of its own', async () => {
    const valueFrom = (ref: object): object => ({ valueFrom: ref });
    const env = [
      { name: 'COLOUR', ...valueFrom({ configMapKeyRef: { name: 'settings', key: 'colour' } }) },
      { name: 'TOKEN', ...valueFrom({ secretKeyRef: { name: 'keys', key: 'token' } }) },
      { name: 'IP', ...valueFrom({ fieldRef: { fieldPath: 'status.podIP' } }) },
      { name: 'BOTH', value: '$(COLOUR)-$(TOKEN)-$$(X)' },
    ];
    const volumeMounts = [
      { name: 'settings', mountPath: '/settings' },
      { name: 'keys', mountPath: '/keys' },
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'settings', mountPath: '/one/colour', subPath: 'colour' },
    ];
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
      { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    ];
    const command = [
      'sh',
      '-c',
      'echo started $COLOUR; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www',
    ];
    const readinessProbe = { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 };
    const ports = [{ name: 'web', containerPort: 8080 }];
    const container = { command, env, volumeMounts, readinessProbe, ports };
    await create(podOf('web', container, { volumes, hostname: 'front' }));
    const pod = await node.ready('web');
    const ip = pod.status?.podIP ?? '';
    assert.ok(ip.startsWith(`${RANGE}.`));
    assert.equal(await httpGet(ip, 8080), 200);
    const seen = await run(
      'web',
      'echo "$BOTH $IP"; cat /settings/size; echo; cat /keys/token /one/colour',
    );
    assert.equal(seen, `blue-s3cret-$(X) ${ip}\nL\ns3cretblue`);
    assert.match(
      await run('web', 'cat /etc/resolv.conf'),
      /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/,
    );
    assert.match(await run('web', 'cat /etc/hosts'), new RegExp(`${ip}\\s+front`));
    assert.match(await run('web', 'cat /proc/mounts'), /tmpfs \/scratch tmpfs/);
  });

  it('sends logs: all, the tail, with times, followed', async () => {
    const script = `for i in $(seq 5); do echo line $i; done; echo last; ${WAIT}`;
    await create(podOf('talker', { command: ['sh', '-c', script] }));
    await node.ready('talker');
    const lines = (
      await eventually('all lines', async () => {
        const { body } = await get(port, path('containerLogs', 'talker', ''));
        return body.includes('last') ? body : undefined;
      })
    )
      .trim()
      .split('\n');
    assert.deepEqual(lines.slice(0, 2), ['line 1', 'line 2']);
    assert.equal(
      (await get(port, path('containerLogs', 'talker', 'tailLines=2'))).body,
      'line 5\nlast\n',
    );
    assert.equal((await get(port, path('containerLogs', 'talker', 'limitBytes=6'))).body, 'line 1');
    const stamped = (
      await get(port, path('containerLogs', 'talker', 'timestamps=true&tailLines=1'))
    ).body;
    assert.match(stamped, /^\d{4}-\d\d-\d\dT\S+ last\n$/);
    const follow = await open(port, path('containerLogs', 'talker', 'follow=true&tailLines=0'));
    await run('talker', 'echo from outside > /proc/1/fd/1');
    for await (const chunk of follow) {
      assert.equal(String(chunk), 'from outside\n');
      break;
    }
    assert.equal((await get(port, path('containerLogs', 'talker', 'previous=true'))).status, 400);
  });

  it('runs commands: output, exit codes, input that ends, a terminal', async () => {
    const out = 'stdout=1&stderr=1&';
    const both = await exec(
      port,
      path('exec', 'talker', out + words('sh', '-c', 'echo a; echo b >&2; exit 7')),
    );
    assert.deepEqual([both.stdout, both.stderr, both.exitCode], ['a\n', 'b\n', 7]);
    assert.equal(both.status.reason, 'NonZeroExitCode');
    const piped = await exec(port, path('exec', 'talker', `stdin=1&${out}${words('wc', '-c')}`), {
      stdin: 'x'.repeat(100_000),
    });
    assert.deepEqual([piped.stdout.trim(), piped.status.status], ['100000', 'Success']);
    const script =
      'for i in 1 2 3 4 5 6 7 8 9; do stty size | grep -q "30 100" && break; sleep 0.1; done; stty size';
    const tty = await exec(
      port,
      path('exec', 'talker', `stdin=1&stdout=1&tty=1&${words('sh', '-c', script)}`),
      { resize: { Width: 100, Height: 30 } },
    );
    assert.match(tty.stdout, /30 100\r\n$/);
    const wrong = await exec(port, path('exec', 'talker', out + words('no-such-program')));
    assert.match(wrong.status.message ?? '', /no-such-program/);
  });

  it('lets nobody in without a certificate of the authority', async () => {
    assert.equal((await get(port, '/pods', strangerTls())).status, 401);
    assert.equal((await get(port, '/healthz')).body, 'ok');
    assert.equal((await get(port, '/containerLogs/default/nobody/main')).status, 404);
    assert.equal(JSON.parse((await get(port, '/pods')).body).kind, 'PodList');
  });

  it('keeps containers through a restart of the kubelet', async () => {
    const before = node.pod('web')?.status?.containerStatuses?.[0]?.containerID;
    await node.restart();
    await eventually('the pod known again', () => node.fleet().find('default', 'web'));
    await create(podOf('after-restart'));
    await node.ready('after-restart');
    const after = node.pod('web')?.status;
    assert.equal(after?.containerStatuses?.[0]?.containerID, before);
    assert.equal(after?.containerStatuses?.[0]?.restartCount, 0);
    assert.ok(after?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'));
  });

  it('restarts what crashes, keeps its last log and last words', async () => {
    const script =
      'echo run; echo "last words" > /dev/termination-log; test -e /keep/ran && { ' +
      WAIT +
      '; }; touch /keep/ran; exit 3';
    const volumeMounts = [{ name: 'keep', mountPath: '/keep' }];
    const volumes = [{ name: 'keep', emptyDir: {} }];
    await create(podOf('crasher', { command: ['sh', '-c', script], volumeMounts }, { volumes }));
    const status = await eventually('a second run', () => {
      const found = node.pod('crasher')?.status?.containerStatuses?.[0];
      return found?.restartCount === 1 && found.ready ? found : undefined;
    });
    assert.equal(status.lastState?.terminated?.exitCode, 3);
    assert.equal(status.lastState?.terminated?.message, 'last words\n');
    assert.equal(
      (await get(port, path('containerLogs', 'crasher', 'previous=true'))).body,
      'run\n',
    );
  });

  it('runs init containers in order, then a pod that ends', async () => {
    const volumeMounts = [{ name: 'keep', mountPath: '/keep' }];
    const step = (name: string) => ({
      name,
      image: TEST_IMAGE,
      command: ['sh', '-c', `echo ${name} >> /keep/order`],
      volumeMounts,
    });
    const main = { command: ['sh', '-c', 'cat /keep/order; exit 5'], volumeMounts };
    const spec = {
      initContainers: [step('one'), step('two')],
      volumes: [{ name: 'keep', emptyDir: {} }],
      restartPolicy: 'Never',
    };
    await create(podOf('ordered', main, spec));
    const pod = await eventually('the end', () => {
      const found = node.pod('ordered');
      return found?.status?.phase === 'Failed' ? found : undefined;
    });
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 5);
    assert.equal((await get(port, path('containerLogs', 'ordered', ''))).body, 'one\ntwo\n');
  });

  it('holds containers to their limits and users', async () => {
    const limits = {
      resources: { limits: { cpu: '250m', memory: '32Mi' }, requests: { cpu: '100m' } },
      securityContext: { runAsUser: 1234, runAsGroup: 99, readOnlyRootFilesystem: true },
    };
    await create(podOf('limited', limits));
    await node.ready('limited');
    assert.match(await run('limited', 'id'), /^uid=1234 gid=99/);
    assert.match(await run('limited', 'touch /x 2>&1; true'), /Read-only/);
    const cgroup = await run('limited', 'cat /proc/1/cgroup');
    const { cgroupParent } = nodeLayout(node.config.rootDir);
    assert.match(cgroup, new RegExp(cgroupParent));
    const pod = `${cgroupParent}/pod${node.pod('limited')?.metadata.uid}`;
    const shares = `/sys/fs/cgroup/cpu${pod}/cpu.shares`;
    if (existsSync(shares)) assert.equal(readFileSync(shares, 'utf8'), '102\n');
  });

  it('says why an image cannot be had', async () => {
    await create(podOf('no-image', { image: 'localhost:1/nothing:1', imagePullPolicy: 'Never' }));
    const waiting = await eventually('the reason', () => {
      const found = node.pod('no-image')?.status?.containerStatuses?.[0]?.state?.waiting;
      return found?.reason === 'ErrImageNeverPull' ? found : undefined;
    });
    assert.match(waiting.message ?? '', /not present with pull policy of Never/);
    await create(podOf('bad-pull', { image: 'localhost:1/nothing:1' }));
    await eventually('a pull error', () => {
      const found = node.pod('bad-pull')?.status?.containerStatuses?.[0]?.state?.waiting;
      return found?.reason === 'ErrImagePull' || found?.reason === 'ImagePullBackOff';
    });
  });

  it('asks politely, then ends a deleted pod and leaves nothing of it', async () => {
    const preStop = { exec: { command: ['sh', '-c', 'echo bye > /proc/1/fd/1'] } };
    await create(podOf('leaver', { lifecycle: { preStop } }));
    const pod = await node.ready('leaver');
    await node.api.resource<Pod>('v1', 'pods').delete('default', 'leaver');
    await eventually('no object', () => node.pod('leaver') === undefined);
    await eventually('no containers', async () => {
      const left = await node.runtime().inspectPod(uidOf(pod));
      return left.sandboxes.length + left.containers.length === 0;
    });
    const { podsDir, cgroupParent } = nodeLayout(node.config.rootDir);
    await eventually('no folder', () => !existsSync(`${podsDir}/${uidOf(pod)}`));
    for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/memory']) {
      const cgroup = `${root}${cgroupParent}/pod${uidOf(pod)}`;
      await eventually('no cgroup', () => !existsSync(cgroup));
    }
    const events = node.api.objects<Event>('v1', 'events').map((one) => one.message);
    assert.ok(events.includes('Stopping container main'));
  });

  it('makes a new sandbox when the old one dies', async () => {
    const pod = await node.ready('after-restart');
    const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
    const before = await node.runtime().inspectPod(uidOf(pod));
    await node.runtime().stopSandbox(before.sandboxes[0]?.id ?? '');
    await eventually('a new sandbox', async () => {
      const now = await node.runtime().inspectPod(uidOf(pod));
      return now.sandboxes[0]?.attempt === 1 && now.containers[0]?.phase === 'running';
    });
    await eventually('the restart is told', () => {
      const status = node.pod('after-restart')?.status?.containerStatuses?.[0];
      return status?.restartCount === restarts + 1;
    });
  });
});
