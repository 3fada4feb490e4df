/** Real containers: a web application is deployed with stock kubectl, served, looked into, removed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { kubets, TestCluster } from './support/cluster.ts';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/image.ts';
import { eventually, must, needProgram, run } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
// Real containers need root. CI has it, and there this may not be skipped.
const skip = isRoot || process.env.CI === 'true' ? false : 'real containers need root';

const WEB = `
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting}
data: {text: hello, page: "<h1>from a file</h1>"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: ${BUSYBOX_IMAGE}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'echo started $GREETING; busybox hostname > /www/index.html; exec busybox httpd -f -p 8080 -h /www']
        env: [{name: GREETING, valueFrom: {configMapKeyRef: {name: greeting, key: text}}}]
        volumeMounts: [{name: page, mountPath: /page}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 16Mi}}
      volumes:
      - {name: page, configMap: {name: greeting}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`;

/** Another machine on a network of this one that asks by ARP who has an address. */
class Neighbour {
  readonly name: string;
  readonly #link: string;

  private constructor() {
    this.name = `kn${process.pid}`;
    this.#link = `kn${process.pid}`;
  }

  static async create(target: string): Promise<Neighbour> {
    const one = new Neighbour();
    const { name } = one;
    const ip = (line: string): Promise<string> => must('ip', line.split(' '));
    await ip(`netns add ${name}`);
    await ip(`link add ${one.#link} type veth peer name eth0 netns ${name}`);
    await ip(`addr add 192.168.83.1/24 dev ${one.#link}`);
    await ip(`link set ${one.#link} up`);
    await ip(`-n ${name} addr add 192.168.83.2/24 dev eth0`);
    await ip(`-n ${name} link set eth0 up`);
    await ip(`-n ${name} route add ${target}/32 dev eth0`);
    return one;
  }

  async destroy(): Promise<void> {
    await run('ip', ['netns', 'delete', this.name]);
    await run('ip', ['link', 'delete', this.#link]);
  }
}

let cluster: TestCluster;

before(async () => {
  if (skip !== false) return;
  await needProgram('dig', 'dnsutils');
  cluster = await TestCluster.create(['--runtime', 'auto', '--masters', '1']);
  await cluster.start();
  const file = join(cluster.dir, 'busybox.tar');
  await writeBusyboxImage(file);
  const loaded = await kubets(['image', 'load', file, '--data-dir', cluster.dir]);
  assert.equal(loaded.code, 0, loaded.err);
  assert.match(loaded.out, /docker\.io\/library\/busybox:latest/);
});

after(() => cluster?.destroy());

const inPod = (command: string): Promise<string> =>
  cluster.kubectl(['exec', 'deployment/web', '--', 'sh', '-c', command]);
const ask = (host: string, port: number | string): string =>
  `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 ${host} ${port}`;
const field = (path: string): Promise<string> =>
  cluster.kubectl(['get', 'service', 'web', '-o', `jsonpath=${path}`]);

test('a deployment with real containers rolls out', { skip }, async () => {
  await cluster.apply(WEB);
  await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  const lines = await cluster.kubectl([
    'get',
    'pods',
    '-l',
    'app=web',
    '-o',
    'wide',
    '--no-headers',
  ]);
  assert.equal(lines.match(/1\/1 +Running +0 .* 10\.244\.\d+\.\d+ +node-1/g)?.length, 2, lines);
});

test('logs carry what the container wrote; follow ends with the container', { skip }, async () => {
  assert.match(await cluster.kubectl(['logs', 'deployment/web']), /^started hello$/m);
  const job = ['run', 'talk', `--image=${BUSYBOX_IMAGE}`, '--image-pull-policy=IfNotPresent'];
  const script = 'for i in 1 2 3; do echo line $i; done; exit 3';
  await cluster.kubectl([...job, '--restart=Never', '--', 'sh', '-c', script]);
  await eventually('the pod failed', 20_000, async () => {
    const phase = await cluster.kubectl(['get', 'pod', 'talk', '-o', 'jsonpath={.status.phase}']);
    assert.equal(phase, 'Failed');
  });
  assert.equal(await cluster.kubectl(['logs', '-f', 'talk']), 'line 1\nline 2\nline 3\n');
  assert.equal(await cluster.kubectl(['logs', 'talk', '--tail=1']), 'line 3\n');
  const path = '{.status.containerStatuses[0].state.terminated.exitCode}';
  assert.equal(await cluster.kubectl(['get', 'pod', 'talk', '-o', `jsonpath=${path}`]), '3');
});

test('exec: output, exit code, standard input to its end', { skip }, async () => {
  assert.match(await inPod('busybox cat /www/index.html'), /^web-/);
  assert.match(await inPod('busybox cat /page/page'), /from a file/);
  const failed = await cluster.tryKubectl(['exec', 'deployment/web', '--', 'sh', '-c', 'exit 7']);
  assert.equal(failed.code, 7);
  const echoed = await cluster.kubectl(['exec', '-i', 'deployment/web', '--', 'busybox', 'cat'], {
    input: 'from here',
  });
  assert.equal(echoed, 'from here');
});

test('the Service answers on its address, its name and its node port', { skip }, async () => {
  const ip = await field('{.spec.clusterIP}');
  await eventually('the cluster IP from a pod', 20_000, async () => {
    assert.match(await inPod(ask(ip, 80)), /web-/);
  });
  await eventually('the name in a pod', 20_000, async () => {
    assert.match(
      await inPod('busybox nslookup web.default.svc.cluster.local'),
      new RegExp(`Address: ${ip}`),
    );
  });
  assert.match(await inPod(ask('web', 80)), /web-/);
  assert.match(
    await inPod('busybox cat /etc/resolv.conf'),
    /search default\.svc\.cluster\.local svc\.cluster\.local/,
  );
  const port = await field('{.spec.ports[0].nodePort}');
  const node = await cluster.kubectl([
    'get',
    'node',
    'node-1',
    '-o',
    'jsonpath={.status.addresses[0].address}',
  ]);
  await eventually('the node port from the host', 20_000, async () => {
    const page = await must('curl', ['-sS', '--max-time', '3', `http://${node}:${port}/`]);
    assert.match(page, /^web-/);
  });
});

test('a load balancer answers on an address of its own, to the host and to a neighbour', {
  skip,
}, async () => {
  const front = ['web', '--type', 'LoadBalancer', '--port', '80', '--target-port', '8080'];
  await cluster.kubectl(['expose', 'deployment', ...front, '--name', 'front']);
  const ip = await eventually('an address', 60_000, async () => {
    const path = '{.status.loadBalancer.ingress[0].ip}';
    const text = await cluster.kubectl(['get', 'service', 'front', '-o', `jsonpath=${path}`]);
    assert.match(text, /^10\.97\.0\.\d+$/);
    return text;
  });
  const curl = ['curl', '-sS', '--max-time', '5', `http://${ip}/`];
  await eventually('the host gets an answer', 60_000, async () => {
    assert.match(await must('curl', curl.slice(1)), /^web-/);
  });
  const neighbour = await Neighbour.create(ip);
  try {
    assert.match(await must('ip', ['netns', 'exec', neighbour.name, ...curl]), /^web-/);
  } finally {
    await neighbour.destroy();
  }
  await cluster.kubectl(['delete', 'service', 'front', '--timeout=60s']);
  await eventually('the address is given up', 60_000, async () => {
    assert.ok(!(await must('ip', ['-4', 'addr', 'show', 'dev', 'lo'])).includes(ip));
  });
});

test('a pod reaches the apiserver with its service account', { skip }, async () => {
  const token = await inPod('busybox cat /var/run/secrets/kubernetes.io/serviceaccount/token');
  const access = ['--server', `https://127.0.0.1:${cluster.port}`, '--token', token];
  const ca = ['--certificate-authority', join(cluster.dir, 'pki', 'ca.crt')];
  const whoami = ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'];
  const env = { KUBECONFIG: '/dev/null' };
  const user = await must('kubectl', [...access, ...ca, ...whoami], { env });
  assert.equal(user, 'system:serviceaccount:default:default');
});

const FLAKY = `
apiVersion: v1
kind: Pod
metadata: {name: flaky}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: flaky
    image: ${BUSYBOX_IMAGE}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, '[ -e /memory/seen ] && { echo second life; exec busybox sleep 1000; }; echo first life; >/memory/seen; exit 4']
    volumeMounts: [{name: memory, mountPath: /memory}]
  volumes: [{name: memory, emptyDir: {}}]
`;

test('a container that dies is started again, its volume and its last log are kept', {
  skip,
}, async () => {
  await cluster.apply(FLAKY);
  const status = (path: string): Promise<string> =>
    cluster.kubectl([
      'get',
      'pod',
      'flaky',
      '-o',
      `jsonpath={.status.containerStatuses[0]${path}}`,
    ]);
  await eventually('one restart', 40_000, async () => {
    assert.equal(await status('.restartCount'), '1');
    assert.notEqual(await status('.state.running'), '');
  });
  assert.equal(await status('.lastState.terminated.exitCode'), '4');
  assert.equal(await cluster.kubectl(['logs', 'flaky', '--previous']), 'first life\n');
  assert.equal(await cluster.kubectl(['logs', 'flaky']), 'second life\n');
});

test('a restarted kubelet leaves running containers alone', { skip }, async () => {
  const path = '{.items[*].status.containerStatuses[0].containerID}';
  const ids = (): Promise<string> =>
    cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', `jsonpath=${path}`]);
  const before = await ids();
  const [kubelet] = cluster.ofRole('kubelet');
  assert.ok(kubelet);
  await cluster.killAndAwaitReturn(kubelet);
  await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  assert.equal(await ids(), before);
});

test('down leaves no container, no process and no rule', { skip }, async () => {
  await cluster.stop();
  const { out } = await run('ps', ['-eo', 'args']);
  assert.ok(!out.includes('httpd -f -p 8080'));
  assert.ok(!out.includes(cluster.dir));
  const rules = await must('iptables-save', []);
  assert.ok(!/KUBE-SVC|KUBE-SEP/.test(rules));
});
