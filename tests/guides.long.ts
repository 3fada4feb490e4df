/**
 * `docs/deploy-vms.md` and `docs/operations.md`, followed to the letter: their commands, read out of them, typed on fresh hosts with
 * systemd. Not part of `npm test`: up to five hosts at a time, real containers, twenty minutes. `node --test tests/guides.long.ts`, as root.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { ContainerHosts } from './support/container-hosts.ts';
import { Guide, printedLine } from './support/guide.ts';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/image.ts';
import { eventually } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env.CI === 'true' ? false : 'SKIPPED: docker needs root';
const PATIENCE_MS = 240_000;
/** HTTP's code for a version nobody remembers. */
const GONE = 410;

const setUp = new Guide('docs/deploy-vms.md');
const operations = new Guide('docs/operations.md');

let hosts: ContainerHosts;
/** What `kubets init` printed. */
let printed = '';
/** The node before it joined. */
let fresh = '';
const MASTERS = ['m1', 'm2', 'm3'];
const NUMBERS: Readonly<Record<string, number>> = {
  m1: 11,
  m2: 12,
  m3: 13,
  n1: 21,
  m4: 14,
  m5: 15,
};
const MASTER_LINE = '3. More masters';
const NODE_LINE = '4. Nodes';

/** A host as section 1 of the guide makes it. */
async function install(name: string): Promise<void> {
  const aliases = name.startsWith('m') ? ['api.example.org'] : [];
  await hosts.add(name, { number: NUMBERS[name] ?? 0, aliases });
  const programs = setUp.block('1. The programs').replace('REPOSITORY', '/source.git');
  // The one step that is not the same on every host: it would load the same packages again.
  const packages = name === 'm1' ? 'npm install' : 'cp -r /node_modules /opt/kubets/';
  await hosts.must(name, programs.replace('npm install', packages));
  await hosts.must(name, setUp.block('1. The programs', 1));
}

const asAdmin = (words: string): string => `export KUBECONFIG=/var/lib/kubets/kubeconfig\n${words}`;
/** A line that begins with kubectl, typed on a master. */
const kubectl = (host: string, line: string): Promise<string> =>
  hosts.must(host, asAdmin(line.replace(/^kubectl/, 'kubectl --request-timeout=30s')));
const applied = (host: string, manifest: object): Promise<string> =>
  kubectl(host, `kubectl apply -f - <<'EOF'\n${JSON.stringify(manifest)}\nEOF`);

const nodeReady = (host: string, node: string): Promise<void> =>
  eventually(`${node} is Ready`, PATIENCE_MS, async () => {
    assert.match(await kubectl(host, `kubectl get node ${node} --no-headers`), / Ready /);
  });
const podReady = (host: string, pod: string): Promise<void> =>
  eventually(`${pod} is Ready`, PATIENCE_MS, async () => {
    assert.match(await kubectl(host, `kubectl get pod ${pod} --no-headers`), /1\/1 +Running/);
  });

const serviceOf = (name: string, selector: object): object => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
  spec: { selector, ports: [{ port: 80 }] },
});

/** The cluster's name server knows the Service, and its address answers, as seen from the node. */
const serves = (service = 'web'): Promise<void> =>
  eventually(`${service} answers by its name`, PATIENCE_MS, async () => {
    const name = `${service}.default.svc.cluster.local`;
    const address = (await hosts.must('n1', `dig +short @10.96.0.10 ${name}`)).trim();
    assert.equal(await hosts.must('n1', `curl -sS -m 5 http://${address}/`), 'pong\n');
  });

/** The line another master joins with, from what a master prints when it is asked anew. */
async function joinLine(master: string): Promise<string> {
  const token = setUp.command('kubets token create --print-join-command');
  const line = (await hosts.must(master, token)).trim();
  const key = (await hosts.must(master, setUp.command('kubets certs upload'))).trim();
  return printedLine(`${line} --control-plane --certificate-key ${key}`, setUp.block(MASTER_LINE));
}

async function timed<T>(t: TestContext, what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  t.diagnostic(`${what}: ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  return result;
}

/** Interfaces, rules and mounts: what processes leave behind in a kernel. Docker's own rules have other ports after each reboot. */
const kernelState = (host: string): Promise<string> =>
  hosts.must(
    host,
    `ip -o link show | sed 's/^[0-9]*: //; s/[@:].*//' | sort
iptables-save | grep -E '^-A|^:[^ ]+ -' | grep -v DOCKER_ || true
cut -d ' ' -f 5 /proc/self/mountinfo | grep -E 'kube|containerd/|netns|cni' || true`,
  );

before(async () => {
  if (skip === false) hosts = await ContainerHosts.create();
});
after(() => hosts?.destroy());

test('the programs, on every host', { skip }, async () => {
  for (const name of [...MASTERS, 'n1']) await install(name);
  fresh = await kernelState('n1');
});

test('the first master', { skip }, async () => {
  printed = await hosts.must('m1', setUp.block('2. The first master'));
  assert.match(printed, /export KUBECONFIG=\/var\/lib\/kubets\/kubeconfig/);
});

test('more masters, with the line that was printed', { skip }, async () => {
  const line = printedLine(printed, setUp.block(MASTER_LINE));
  for (const name of ['m2', 'm3'])
    assert.match(await hosts.must(name, line), /is part of the cluster/);
  const members = await hosts.must('m1', operations.command('kubets etcd member list'));
  for (const name of MASTERS) assert.match(members, new RegExp(`\\b${name}\\b`));
});

test('a node, with the line that was printed', { skip }, async () => {
  await hosts.must('n1', printedLine(printed, setUp.block(NODE_LINE)));
  await nodeReady('m2', 'n1');
});

test('it is used', { skip }, async () => {
  const status = setUp.command('kubets status --data-dir /var/lib/kubets');
  assert.match(await hosts.must('n1', status), /kubelet/);
  const image = join(hosts.dir, 'busybox.tar');
  await writeBusyboxImage(image);
  await hosts.copy(image, 'n1', '/root/busybox.tar');
  await hosts.must('n1', 'kubets image load /root/busybox.tar --data-dir /var/lib/kubets');
  const container = { name: 'c', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent' };
  const labels = { app: 'web' };
  const page = 'mkdir /www; echo pong > /www/index.html; echo hello; exec httpd -f -p 80 -h /www';
  await applied('m3', {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels } },
    spec: { containers: [{ ...container, command: ['sh', '-c', page] }] },
  });
  await applied('m3', serviceOf('web', labels));
  await podReady('m1', 'web');
  assert.match(await kubectl('m2', 'kubectl logs web'), /hello/);
  await serves();
});

test('hosts come back by themselves after a reboot', { skip }, async (t) => {
  await hosts.reboot('m2');
  await hosts.reboot('n1');
  await timed(t, 'a master and a node are back', async () => {
    await nodeReady('m2', 'n1');
    await podReady('m2', 'web');
  });
});

test('certificates are shown and made anew', { skip }, async () => {
  for (const host of ['m1', 'n1']) {
    assert.match(await hosts.must(host, operations.command('kubets certs status')), /by itself/);
    await hosts.must(host, operations.command('kubets certs rotate'));
  }
  await nodeReady('m1', 'n1');
});

test('an upgrade, masters first', { skip }, async () => {
  const release = await hosts.must('m1', operations.command('kubets --version'));
  assert.match(release, /^\d+\.\d+\.\d+\n$/);
  for (const host of ['m1', 'n1']) await hosts.must(host, operations.command('kubets upgrade'));
  await podReady('m1', 'web');
});

test('a node’s address may change', { skip }, async (t) => {
  await hosts.reboot('n1', 31);
  await timed(t, 'the node is there under its new address', () =>
    eventually('the API knows the address', PATIENCE_MS, async () => {
      const seen = await kubectl('m1', 'kubectl get node n1 --no-headers -o wide');
      assert.ok(seen.includes(hosts.address(31)) && / Ready /.test(seen), seen);
    }),
  );
  await podReady('m1', 'web');
});

test('a master’s may not, and what it says to do works', { skip }, async () => {
  await hosts.must('m3', 'systemctl stop kubets');
  await hosts.reboot('m3', 33);
  const said = await hosts.run('m3', operations.command('kubets run'));
  assert.match(said.err, /address \S+ is gone.*"kubets reset --local" here/);
  await hosts.must('m3', 'kubets reset --local');
  const remove = operations.command('kubets etcd member remove NAME', { NAME: 'm3' });
  await hosts.must('m1', remove);
  await hosts.must('m3', await joinLine('m1'));
});

const list = async (host: string) =>
  JSON.parse(await kubectl(host, 'kubectl get --raw /api/v1/namespaces/default/configmaps'));

test('two of three masters are lost for good, and the cluster goes on from the last', {
  skip,
}, async (t) => {
  await hosts.must('m1', operations.command('kubets backup FILE', { FILE: '/root/backup' }));
  await hosts.docker(['cp', `${hosts.container('m1')}:/root/backup`, join(hosts.dir, 'backup')]);
  await kubectl('m3', 'kubectl create configmap kept --from-literal=a=1');
  const before = await list('m3');
  await hosts.lose('m1');
  await hosts.lose('m2');
  const get = "kubectl get --raw '/api/v1/nodes?resourceVersion=0'";
  assert.match(await kubectl('m3', operations.command(get)), /"n1"/);
  const refused = await timed(t, 'a write is refused', () =>
    hosts.run('m3', asAdmin('kubectl create configmap lost --from-literal=a=1')),
  );
  assert.match(refused.err, /a majority of its members/);
  await serves();
  const read = await timed(t, 'a read that wants the latest is refused', () =>
    hosts.run('m3', asAdmin('kubectl get nodes')),
  );
  assert.match(read.err, /a majority of its members/);
  await serves();
  await timed(t, 'recovered', () =>
    hosts.must('m3', operations.block('Two of three masters are lost')),
  );
  await timed(t, 'a write is taken', () =>
    eventually('a write is taken', PATIENCE_MS, () =>
      kubectl('m3', 'kubectl create configmap after --from-literal=a=1'),
    ),
  );
  await applied('m3', serviceOf('recovered', { app: 'web' }));
  await serves('recovered');
  const now = await list('m3');
  const names = now.items.map((one: { metadata: { name: string } }) => one.metadata.name);
  assert.ok(names.includes('kept') && names.includes('after'), names.join());
  const version = Number(before.metadata.resourceVersion);
  assert.ok(Number(now.metadata.resourceVersion) > version);
  // Whoever watched before goes on from there, nothing again and nothing older; or is told to begin anew: the apiserver has, too.
  const path = `/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${version}&timeoutSeconds=3`;
  const lines = (await kubectl('m3', `kubectl get --raw '${path}'`)).trim().split('\n');
  const events = lines.map((line) => JSON.parse(line));
  if (events[0].type === 'ERROR') {
    assert.deepEqual(
      events.map((one) => one.object.code),
      [GONE],
    );
    return;
  }
  const seen = events.map((one) => one.object.metadata);
  assert.deepEqual(
    seen.map((one) => one.name),
    ['after'],
  );
  assert.ok(seen.every((one) => Number(one.resourceVersion) > version));
});

test('new masters join what is left', { skip }, async (t) => {
  for (const name of ['m4', 'm5']) await install(name);
  const line = await joinLine('m3');
  for (const name of ['m4', 'm5'])
    await timed(t, `${name} has joined`, () => hosts.must(name, line));
  await nodeReady('m5', 'n1');
  await podReady('m5', 'web');
  await hosts.reboot('m3');
  await kubectl('m4', 'kubectl create configmap again --from-literal=a=1');
});

test('the cluster comes back from a backup', { skip }, async (t) => {
  const before = await list('m4');
  for (const name of ['m3', 'm4', 'm5']) await hosts.lose(name);
  await install('m1');
  await hosts.copy(join(hosts.dir, 'backup'), 'm1', '/root/backup');
  const restore = operations.command('kubets restore FILE', { FILE: '/root/backup' });
  await timed(t, 'restored', () => hosts.must('m1', restore));
  await timed(t, 'the node has found it', () => nodeReady('m1', 'n1'));
  await podReady('m1', 'web');
  await serves();
  // Who watched before has to hear of what comes now: proxy and name server as well as the kubelet.
  await applied('m1', serviceOf('restored', { app: 'web' }));
  await serves('restored');
  // Of what came after the backup nothing is left; whoever watched then has to notice.
  const now = await list('m1');
  assert.ok(Number(now.metadata.resourceVersion) > Number(before.metadata.resourceVersion));
  await timed(t, 'a pod is deleted', () =>
    kubectl('m1', 'kubectl delete pod web --grace-period=1'),
  );
});

test('a host leaves', { skip }, async () => {
  const drain = 'kubectl drain NODE --ignore-daemonsets';
  await kubectl('m1', operations.command(drain, { NODE: 'n1' }));
  await hosts.must('n1', operations.command('kubets reset'));
  await kubectl('m1', operations.command('kubectl delete node NODE', { NODE: 'n1' }));
  assert.equal(await kernelState('n1'), fresh);
  const left = await hosts.must('n1', "ls -A /var/lib/kubets; pgrep -fc '[s]rc/main.ts' || true");
  assert.equal(left.trim(), 'supervisor.pid\n1', 'the waiting supervisor is all there is');
});

test('every command of both guides was tried', { skip }, () => {
  // Names of commands, which are used above with their words, and one that is there twice in other words.
  setUp.block('Or from an image'); // tests/vm-compose.long.ts does.
  const names = [
    'kubets …',
    'kubets join',
    'kubets init',
    'kubets reset --local',
    'kubectl get',
    'kubectl delete node NAME',
    'kubets init --pod-network host-routes',
  ];
  const guides = [setUp, operations];
  const left = guides.flatMap((guide) => guide.untried());
  assert.deepEqual(
    left.filter((one) => !names.includes(one) && !guides.some((guide) => guide.hasTried(one))),
    [],
  );
});
