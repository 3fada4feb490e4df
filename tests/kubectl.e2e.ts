/** What a user types: the commands of stock kubectl on a cluster with real containers, judged by what they show. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { V1PodList } from '@kubernetes/client-node';
import { type Background, freePort, kubets, TestCluster } from './support/cluster.ts';
import { writeBusyboxImage } from './support/image.ts';
import { streamsWork } from './support/libraries.ts';
import { eventually, must, type RunOptions, run } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
// Real containers need root. CI has it, and there this may not be skipped.
const skip = isRoot || process.env.CI === 'true' ? false : 'real containers need root';
// A tag other than `latest`, so that nodes take the image they have.
const IMAGE = 'docker.io/library/busybox:1';
const APPLETS = ['cat', 'echo', 'httpd', 'ls', 'sleep', 'tar', 'wc'];
const TALK = 'trap "exit 0" TERM; i=0; while :; do i=$((i+1)); echo line $i; sleep 1; done';

let cluster: TestCluster;
let files: string;

before(async () => {
  if (skip !== false) return;
  cluster = await TestCluster.create(['--runtime', 'auto', '--masters', '1', '--nodes', '1']);
  await cluster.start();
  files = join(cluster.dir, 'files');
  mkdirSync(files);
  const archive = join(files, 'busybox.tar');
  await writeBusyboxImage(archive, { tag: IMAGE, applets: APPLETS });
  const loaded = await kubets(['image', 'load', archive, '--data-dir', cluster.dir]);
  assert.equal(loaded.code, 0, loaded.err);
});

after(() => cluster?.destroy());

/** One argument per word; what has spaces of its own comes after it. */
const words = (line: string, more: readonly string[]): string[] => [
  ...line.split(' ').filter(Boolean),
  ...more,
];

/** A command that has to succeed; what it printed. */
const k = (line: string, ...more: string[]): Promise<string> => cluster.kubectl(words(line, more));

/** A command that has to succeed, and to show all of this, on either of its outputs. */
async function shows(line: string, wanted: readonly RegExp[], ...more: string[]): Promise<string> {
  const { code, out, err } = await cluster.tryKubectl(words(line, more));
  assert.equal(code, 0, `kubectl ${line}: ${err}`);
  for (const one of wanted) assert.match(out + err, one, `kubectl ${line}`);
  return out;
}

/** A command that has to fail, saying this. */
async function fails(line: string, why: RegExp, ...more: string[]): Promise<void> {
  const { code, out, err } = await cluster.tryKubectl(words(line, more));
  assert.notEqual(code, 0, `kubectl ${line}`);
  assert.match(out + err, why, `kubectl ${line}`);
}

const file = (name: string, text: string): string => {
  const path = join(files, name);
  writeFileSync(path, text);
  return path;
};
const create = (text: string): Promise<string> =>
  cluster.kubectl(['create', '-f', '-'], { input: `---\n${text}` });
const kubeconfig = (): string => join(cluster.dir, 'kubeconfig');

/** A command on a terminal of its own. */
function onTerminal(line: string, o: RunOptions = {}): Promise<string> {
  const env = { ...o.env, KUBECONFIG: kubeconfig() };
  return must('script', ['-qec', `kubectl ${line}`, '/dev/null'], { ...o, env });
}

const background = (args: readonly string[]): Background => cluster.background(args);

async function until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
  await eventually(what, 20_000, async () => assert.ok(await look(), what));
}

test('the cluster says what it is', { skip }, async () => {
  await shows('cluster-info', [/control plane.* is running at https:/, /KubeDNS.* is running/]);
  assert.match(await k('cluster-info dump'), /"kind": "NodeList"/);
  await shows('version', [/Server Version: v1\.32\./]);
  await shows('api-versions', [/^v1$/m, /^apps\/v1$/m, /^batch\/v1$/m]);
  await shows('api-resources', [/^deployments +deploy +apps\/v1 +true +Deployment$/m]);
  await shows('api-resources --api-group=apps -o name', [/^statefulsets\.apps$/m]);
  await shows('get componentstatuses', [
    /Warning: v1 ComponentStatus is deprecated/,
    /^NAME +STATUS +MESSAGE +ERROR/,
    /^etcd-0 +Healthy +ok/m,
  ]);
  await shows('get nodes -o wide', [/^node-1 +Ready .* \d+\.\d+\.\d+\.\d+ .*containerd:/m]);
  await shows('describe node node-1', [/Ready +True/, /Capacity:/, /PodCIDR: +10\.244\.0\.0/]);
  await shows('get ns', [/^default +Active/m, /^kube-system +Active/m]);
  await shows('-v=8 get ns default', [/GET https:.*\/api\/v1\/namespaces\/default/, /"kind/]);
  await fails('top nodes', /Metrics API not available/);
  await fails('top pods', /Metrics API not available/);
  await fails('get nonsense', /the server doesn't have a resource type "nonsense"/);
  const thing = file(
    'thing.json',
    '{"apiVersion":"x.io/v1","kind":"Thing","metadata":{"name":"x"}}',
  );
  await fails(`apply -f ${thing}`, /no matches for kind "Thing" in version "x.io\/v1"/);
});

test('a deployment, seen in every way', { skip }, async () => {
  const made = 'create deployment web --image=busybox:1 --replicas=2 --port=8080 --';
  await shows(made, [/deployment.apps\/web created/], 'httpd', '-f', '-p', '8080', '-h', '/etc');
  await shows('rollout status deploy/web --timeout=60s', [/successfully rolled out/]);
  await shows('get deploy web', [/^web +2\/2 +2 +2/m]);
  const row = /^web-\w+-\w+ +1\/1 +Running +0 .*10\.244\.0\.\d+ +node-1/gm;
  assert.equal((await k('get pods -o wide')).match(row)?.length, 2);
  await shows('get all', [/^pod\/web-/m, /^service\/kubernetes/m, /^replicaset.apps\/web-/m]);
  await shows('get all --all-namespaces', [/^default +pod\/web-/m, /^kube-system +service/m]);
  await shows('get pods -o yaml', [/^ {2}kind: Pod$/m]);
  assert.equal(JSON.parse(await k('get pods -o json')).items.length, 2);
  await shows('get pods -o name', [/^pod\/web-/]);
  await shows('get pods --show-labels', [/app=web,pod-template-hash=/]);
  await shows('get pods -l app=web', [/^web-/m]);
  await shows('get pods -l app!=web', [/No resources found/]);
  await shows('get pods --field-selector status.phase=Running', [/^web-/m]);
  await shows('get pods --sort-by=.metadata.name -A', [/^default +web-/m]);
  const columns = '-o custom-columns=NAME:.metadata.name,PHASE:.status.phase';
  await shows(`get pods ${columns}`, [/^NAME +PHASE$/m, /^web-\S+ +Running$/m]);
  await shows('get deploy web -o jsonpath={.spec.replicas}', [/^2$/]);
  await shows(
    'get pods -o',
    [/^(Running ){2}$/],
    'go-template={{range .items}}{{.status.phase}} {{end}}',
  );
  await shows('get deploy web --subresource=scale -o yaml', [/kind: Scale/, /selector: app=web/]);
  await shows('get deploy web --subresource=status', [/^web +2\/2/m]);
  await shows('describe deployment web', [/2 available/, /ScalingReplicaSet/]);
  await shows('describe pod -l app=web', [/Successfully assigned/, /Started container busybox/]);
  await shows('get events --sort-by=.lastTimestamp', [/Scheduled +pod\/web-/]);
  await shows('events --for deploy/web', [/ScalingReplicaSet/]);
  await fails('get pod nope', /pods "nope" not found/);
});

test('services of every type, and what changes an object', { skip }, async () => {
  for (const type of ['ClusterIP', 'NodePort', 'LoadBalancer']) {
    const name = type.toLowerCase();
    const ports = `--port=80 --target-port=8080 --name=${name} --type=${type}`;
    await shows(`expose deployment web ${ports}`, [new RegExp(`service/${name} exposed`)]);
  }
  await shows('get svc', [/^nodeport +NodePort +10\.96\.\S+ +<none> +80:3\d{4}\/TCP/m]);
  await until('endpoints', async () => /8080,10\./.test(await k('get endpoints clusterip')));
  await shows('describe service clusterip', [/TargetPort: +8080/, /Endpoints: +10\.244/]);
  await shows('get endpointslices -l kubernetes.io/service-name=clusterip', [/8080 +10\.244/]);
  await shows('scale deploy web --current-replicas=2 --replicas=3', [/scaled/]);
  await fails('scale deploy web --current-replicas=2 --replicas=4', /Expected replicas to be 2/);
  await shows('autoscale deploy web --min=1 --max=4 --cpu-percent=80', [/autoscaled/]);
  await shows('get hpa', [/^web +Deployment\/web +cpu: <unknown>\/80% +1 +4/m]);
  await shows('label deploy web tier=a', [/labeled/]);
  await fails('label deploy web tier=b', /already has a value/);
  await shows('label deploy web tier=b --overwrite', [/labeled/]);
  await shows('label deploy web tier-', [/unlabeled/]);
  await shows('annotate deploy web note=x', [/annotated/]);
  const patches = [
    ['strategic', '{"metadata":{"labels":{"p":"1"}}}'],
    ['merge', '{"metadata":{"labels":{"p":"2"}}}'],
    ['json', '[{"op":"replace","path":"/metadata/labels/p","value":"3"}]'],
  ] as const;
  for (const [type, patch] of patches) await k(`patch deploy web --type=${type} -p`, patch);
  await shows('get deploy web -o jsonpath={.metadata.labels.p}', [/^3$/]);
  const status = '{"status":{"conditions":[{"type":"Mine","status":"True"}]}}';
  await shows('patch node node-1 --subresource=status --type=strategic -p', [/patched/], status);
  await shows('get node node-1 -o jsonpath={.status.conditions[*].type}', [/Mine/]);
});

test('rollouts of deployments, daemon sets and stateful sets', { skip }, async () => {
  await k('set env deploy/web A=1');
  await shows('set env deploy/web --list', [/^A=1$/m]);
  await k('set resources deploy/web --requests=cpu=10m');
  await k('create serviceaccount runner');
  await k('set serviceaccount deploy/web runner');
  await shows('rollout status deploy/web --timeout=60s', [/successfully rolled out/]);
  await k('set image deploy/web busybox=busybox:2');
  await shows('rollout history deploy/web', [/^5 +<none>$/m]);
  await shows('rollout history deploy/web --revision=2', [/A:\t1/]);
  await shows('rollout undo deploy/web', [/rolled back/]);
  await shows('rollout undo deploy/web --to-revision=2', [/rolled back/]);
  await shows('rollout pause deploy/web', [/paused/]);
  await fails('rollout restart deploy/web', /can't restart paused deployment/);
  await shows('rollout resume deploy/web', [/resumed/]);
  await shows('rollout restart deploy/web', [/restarted/]);
  const template = `{metadata: {labels: {app: NAME}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1", command: [sh, -c, '${TALK}']}]}}`;
  const spec = (name: string, more: string): string =>
    `{${more}selector: {matchLabels: {app: ${name}}}, template: ${template.replace('NAME', name)}}`;
  await create(`
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: ds}, spec: ${spec('ds', '')}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: sts}, spec: ${spec('sts', 'serviceName: s, replicas: 2, ')}}
`);
  for (const one of ['ds/ds', 'sts/sts']) {
    await k(`rollout status ${one} --timeout=60s`);
    await k(`set env ${one} B=2`);
    await k(`rollout status ${one} --timeout=60s`);
    await shows(`rollout history ${one}`, [/^1 /m, /^2 /m]);
    await shows(`rollout undo ${one}`, [/rolled back/]);
    await k(`rollout restart ${one}`);
    await k(`rollout status ${one} --timeout=60s`);
  }
  await shows('get ds,sts', [/ds +1 +1 +1/, /sts +2\/2/]);
  await shows('describe daemonset ds', [/SuccessfulCreate/]);
});

test('every kind of create', { skip }, async () => {
  const text = file('page.txt', 'from a file\n');
  const env = file('some.env', 'K=v\n');
  await k(`create configmap files --from-file=${text} --from-literal=x=y`);
  await k(`create configmap env --from-env-file=${env}`);
  await shows('describe configmap files', [/page\.txt:\n----\nfrom a file/, /x:\n----\ny/]);
  await shows('get cm env -o jsonpath={.data.K}', [/^v$/]);
  await k('create secret generic plain --from-literal=p=q');
  const [key, cert] = [join(files, 't.key'), join(files, 't.crt')];
  const subject = ['-subj', '/CN=x', '-days', '2', '-keyout', key, '-out', cert];
  await must('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject]);
  await k(`create secret tls pair --cert=${cert} --key=${key}`);
  await k('create secret docker-registry login --docker-username=u --docker-password=p');
  await shows('get secrets', [
    /^pair +kubernetes.io\/tls +2/m,
    /^login +kubernetes.io\/dockerconfi/m,
  ]);
  await shows('describe secret plain', [/p: +1 bytes/]);
  await k('create namespace extra');
  await k('create service clusterip one --tcp=80:8080 -n extra');
  await k('create service nodeport two --tcp=80 -n extra');
  await k('create service loadbalancer three --tcp=80 -n extra');
  await k('create service externalname four --external-name=example.com -n extra');
  await shows('get -n extra svc', [/^four +ExternalName +<none> +example\.com/m]);
  await k('create role reader --verb=get,list --resource=pods');
  await k('create rolebinding readers --role=reader --serviceaccount=default:runner');
  await k('set subject rolebinding readers --user=bob');
  await k('create clusterrole look --verb=get --resource=nodes');
  await k('create clusterrolebinding looks --clusterrole=look --user=joe');
  await shows('describe rolebinding readers', [/ServiceAccount +runner/, /User +bob/]);
  await k('create quota few --hard=configmaps=9 -n extra');
  await until('the quota counts', async () =>
    /configmaps +1 +9/.test(await k('describe quota few -n extra')),
  );
  await k('create ingress web --rule=foo.example.com/bar=clusterip:80,tls=pair');
  await shows('describe ingress web', [/foo\.example\.com/, /clusterip:80 \(10\.244/]);
  await k('create priorityclass quick --value=100');
  await k('create cronjob tick --image=busybox:1 --schedule', '*/5 * * * *', '--', 'echo', 'tick');
  await k('create job once --image=busybox:1 -- echo done');
  await k('create job twice --from=cronjob/tick');
  await k('wait --for=condition=complete job/once job/twice --timeout=15s');
  await shows('logs job/once', [/^done$/m]);
  await shows('get jobs,cronjobs', [/once +Complete +1\/1/, /tick +\*\/5/]);
  assert.match(await k('create token runner'), /^ey.*\..*\./);
  await k('delete ns extra');
  await fails('get ns extra', /not found/);
});

test('edit, apply, diff, replace', { skip }, async () => {
  const editor = file('editor.sh', '#!/bin/sh\nexec sed -i "s/from a file/edited/" "$1"\n');
  await must('chmod', ['+x', editor]);
  await cluster.kubectl(['edit', 'cm', 'files'], { env: { KUBE_EDITOR: editor } });
  assert.match(await k('get cm files -o yaml'), /edited/);
  const map = (name: string, value: string): string =>
    `---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, labels: {set: s}}, data: {v: "${value}"}}\n`;
  const both = file('both.yaml', `${map('first', '1')}${map('second', '1')}`);
  const newer = file('newer.yaml', map('first', '2'));
  await shows(`apply -f ${both} --dry-run=client`, [/first created \(dry run\)/]);
  await shows(`apply -f ${both} --dry-run=server`, [/first created \(server dry run\)/]);
  await fails('get cm first', /not found/);
  await shows(`apply -f ${both}`, [/first created/, /second created/]);
  await shows(`apply -f ${both}`, [/first unchanged/, /second unchanged/]);
  await fails(`diff -f ${newer}`, /- {2}v: "1"\n\+ {2}v: "2"/);
  await shows(`apply -f ${newer} --prune -l set=s`, [/first configured/, /second pruned/]);
  await shows(`apply view-last-applied cm first`, [/v: "2"/]);
  await shows(`apply set-last-applied -f ${newer}`, [/configured/]);
  await shows(`diff -f ${newer}`, []);
  await shows(`apply --server-side -f ${newer} --force-conflicts`, [/first serverside-applied/]);
  await fails(
    `apply --server-side --field-manager=other -f ${file('o.yaml', map('first', '3'))}`,
    /conflict/,
  );
  await shows('get cm first --show-managed-fields -o yaml', [/operation: Apply/]);
  await shows(`replace -f ${newer}`, [/replaced/]);
  await shows(`replace --force -f ${newer}`, [/deleted/, /replaced/]);
  await fails(`create -f ${newer}`, /already exists/);
  await shows('delete -f', [/first" deleted/], newer);
});

test('pods: run, logs, exec, attach, cp, wait', { skip }, async () => {
  const talker = 'run talker --image=busybox:1 --restart=Never --labels=a=b --env=WHO=me --';
  await k(talker, 'sh', '-c', `echo i am $WHO; ${TALK}`);
  await k('wait --for=create pod/talker --timeout=5s');
  await k('wait --for=condition=Ready pod/talker --timeout=20s');
  await k('wait --for=jsonpath={.status.phase}=Running pod/talker --timeout=5s');
  await shows('logs talker --limit-bytes=7', [/^i am me/]);
  await until('two lines', async () => /line 2/.test(await k('logs talker')));
  await shows('logs talker --tail=1', [/^line \d+\n$/]);
  await shows('logs talker --timestamps', [/^\d{4}-\d\d-\d\dT\S+Z i am me$/m]);
  await shows('logs talker --since=1h', [/i am me/]);
  await shows('logs -l a=b --prefix --tail=1', [/^\[pod\/talker\/talker\] line/]);
  await shows('logs ds/ds --all-containers --tail=1', [/line/]);
  await fails('logs -f -l app=sts --max-log-requests=1', /maximum allowed concurrency is 1/);
  await fails('logs talker -c nope', /container nope is not valid for pod talker/);
  for (const args of [
    ['logs', '-f', 'talker', '--tail=0'],
    ['attach', 'talker'],
  ]) {
    const live = background(args);
    await until(`${args[0]} goes on`, () => /line \d+\s+line \d+/.test(live.printed()));
    live.stop();
  }
  await fails(
    'exec talker --',
    /^out\nerr\n/,
    'sh',
    '-c',
    'echo out; sleep 1; echo err >&2; exit 3',
  );
  const input = 'through stdin';
  assert.equal(await cluster.kubectl(['exec', '-i', 'talker', '--', 'cat'], { input }), input);
  assert.match(await onTerminal('exec -it talker -- sh -c "echo on; [ -t 0 ] && echo tty"'), /tty/);
  const asked = 'run shell --rm -it --image=busybox:1 --restart=Never --';
  const shell = await onTerminal(`${asked} sh -c "sleep 2; echo from inside"`);
  assert.match(shell, /from inside[\s\S]*pod "shell" deleted/);
  await shows('run x --image=busybox:1 --port=80 --expose --dry-run=client -o yaml', [
    /kind: Service/,
    /kind: Pod/,
  ]);
  await shows('run x --image=busybox:1 --dry-run=server -o yaml', [/uid:/]);
  await k('run served --image=busybox:1 --port=8080 --expose -- sleep 1000');
  await shows('get svc served', [/8080\/TCP/]);
  await k(`cp ${file('there.txt', 'there and back\n')} talker:/tmp/there.txt`);
  await k(`cp talker:/tmp/there.txt ${join(files, 'back.txt')}`);
  assert.equal(readFileSync(join(files, 'back.txt'), 'utf8'), 'there and back\n');
  const debug = 'debug talker --profile=general --image=busybox:1 --target=talker -c peek --';
  await k(debug, 'sh', '-c', 'cat /proc/1/cmdline; echo; sleep 1000');
  await until('the debugger sees its target', async () =>
    /i am/.test(await k('logs talker -c peek')),
  );
  await shows('describe pod talker', [/Ephemeral Containers:\n +peek:/]);
});

test('port-forward and proxy', { skip }, async () => {
  for (const target of ['deploy/web', 'svc/clusterip']) {
    const port = await freePort();
    const tunnel = background([
      'port-forward',
      target,
      `${port}:${target.startsWith('svc') ? 80 : 8080}`,
    ]);
    await until('the tunnel', () => /Forwarding from 127/.test(tunnel.printed()));
    for (let i = 0; i < 3; i++) {
      const page = await must('curl', [
        '-sS',
        '--max-time',
        '5',
        `http://127.0.0.1:${port}/passwd`,
      ]);
      assert.equal(page, 'root:x:0:0:root:/:/bin/sh\n', target);
    }
    tunnel.stop();
  }
  const port = await freePort();
  const proxy = background(['proxy', `--port=${port}`]);
  await until('the proxy', () => /Starting to serve/.test(proxy.printed()));
  const get = (path: string) =>
    must('curl', ['-sS', '--max-time', '5', `http://127.0.0.1:${port}${path}`]);
  assert.match(await get('/version'), /"minor": "32"/);
  assert.match(
    await get('/api/v1/namespaces/default/services/clusterip:80/proxy/passwd'),
    /^root:/,
  );
  assert.equal(await get('/api/v1/nodes/node-1/proxy/healthz'), 'ok');
  proxy.stop();
});

test('client libraries with running pods', { skip }, async () => {
  // Pods of earlier rollouts take their whole grace period to go, and go at any moment.
  const pods: V1PodList = JSON.parse(await k('get pods -l app=web -o json'));
  const alive = pods.items.find((one) => !one.metadata?.deletionTimestamp);
  await streamsWork(
    kubeconfig(),
    { talker: 'talker', server: alive?.metadata?.name ?? assert.fail() },
    files,
  );
});

test('who may do what', { skip }, async () => {
  await shows('auth whoami', [/kubernetes-admin/, /system:masters/]);
  await shows('auth can-i create pods', [/^yes$/m]);
  await fails('auth can-i create pods --as=joe', /^no$/m);
  await shows('auth can-i get nodes --as=joe', [/^yes$/m]);
  await shows('auth can-i --list --as=bob', [/^pods +\[\] +\[\] +\[get list\]/m]);
  const manifest = `{apiVersion: v1, kind: Secret, metadata: {name: old, annotations: {kubernetes.io/service-account.name: runner}}, type: kubernetes.io/service-account-token}`;
  await create(manifest);
  const field = () => k('get secret old -o jsonpath={.data.token}');
  await until('the token', async () => (await field()) !== '');
  const old = Buffer.from(await field(), 'base64').toString();
  const access = ['--server', `https://127.0.0.1:${cluster.port}`, '--kubeconfig=/dev/null'];
  const ca = ['--certificate-authority', join(cluster.dir, 'pki', 'ca.crt')];
  for (const token of [old, (await k('create token runner')).trim()]) {
    const as = [...access, ...ca, '--token', token];
    assert.match(await must('kubectl', [...as, 'auth', 'whoami']), /default:runner/);
    assert.match(await must('kubectl', [...as, 'get', 'pods']), /^talker/m);
    const refused = await run('kubectl', [...as, 'get', 'nodes']);
    assert.match(refused.err, /Forbidden.*cannot list resource "nodes"/);
  }
  const request = join(files, 'jane.csr');
  const who = ['-subj', '/CN=jane/O=dev', '-keyout', join(files, 'jane.key'), '-out', request];
  await must('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', ...who]);
  const body = readFileSync(request).toString('base64');
  for (const name of ['jane', 'joan']) {
    await create(
      `{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: ${name}}, spec: {request: ${body}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}`,
    );
  }
  await shows('certificate approve jane', [/approved/]);
  await shows('certificate deny joan', [/denied/]);
  await shows('get csr', [/^jane .* kubernetes-admin +<none> +Approved/m, /^joan .* Denied/m]);
  await shows('describe csr jane', [/Common Name: +jane/, /Requesting User: +kubernetes-admin/]);
});

test('explain, and the local configuration', { skip }, async () => {
  await shows('explain pod.spec.containers.image', [/KIND: +Pod/, /FIELD: image <string>/]);
  await shows('explain deployment --recursive', [
    /GROUP: +apps/,
    /matchLabels\t<map\[string\]string>/,
  ]);
  await shows('config view', [/client-key-data: DATA\+OMITTED/]);
  await shows('config current-context', [/^kubets$/m]);
  await shows('config get-contexts', [/^\* +kubets/m]);
  const copy = file('config', readFileSync(kubeconfig(), 'utf8'));
  const set = (...args: string[]) => must('kubectl', ['--kubeconfig', copy, ...args]);
  const context = ['--namespace=kube-system', '--user=kubernetes-admin', '--cluster=kubets'];
  await set('config', 'set-context', 'system', ...context);
  await set('config', 'use-context', 'system');
  assert.match(await set('get', 'svc'), /^kube-dns/m);
});

test('taints, cordon, drain with a disruption budget', { skip }, async () => {
  await shows('taint nodes node-1 only=me:NoSchedule', [/tainted/]);
  await k('run lonely --image=busybox:1 -- sleep 1000');
  await until('a reason', async () => /untolerated taint/.test(await k('describe pod lonely')));
  await shows('taint nodes node-1 only=me:NoSchedule-', [/untainted/]);
  await k('wait --for=condition=Ready pod/lonely --timeout=20s');
  await shows('cordon node-1', [/cordoned/]);
  await shows('get nodes', [/Ready,SchedulingDisabled/]);
  await k('create pdb keep --selector=app=sts --min-available=2');
  await until('the budget', async () => /2 +N\/A +0/.test(await k('get pdb keep')));
  await fails('drain node-1', /declare no controller[\s\S]*DaemonSet-managed Pods/);
  const drain = 'drain node-1 --ignore-daemonsets --delete-emptydir-data --force --grace-period=0';
  await fails(`${drain} --timeout=3s --pod-selector=app=sts`, /disruption budget/);
  await k('delete pdb keep');
  await shows(`${drain} --timeout=20s`, [/node\/node-1 drained/, /pod\/sts-0 evicted/]);
  await shows('uncordon node-1', [/uncordoned/]);
  await k('rollout status sts/sts --timeout=30s');
});

test('watch, previous logs, and every kind of delete', { skip }, async () => {
  const watch = background(['get', 'pods', '-w', '--output-watch-events', '-l', 'run=flaky']);
  await until('the watch', () => watch.printed() !== '' || true);
  await k('run flaky --image=busybox:1 -- sh -c', 'echo life; exit 4');
  await until('changes', () => /ADDED +flaky[\s\S]*MODIFIED +flaky/.test(watch.printed()));
  await until('a restart', async () => /flaky +\d\/1 +\S+ +[1-9]/.test(await k('get pod flaky')));
  await shows('logs flaky --previous', [/^life$/m]);
  const gone = k('wait --for=delete pod/flaky --timeout=20s');
  await k('delete pod flaky --now');
  await gone;
  await until('the end', () => /DELETED +flaky/.test(watch.printed()));
  watch.stop();
  await k('create deployment keep --image=busybox:1 -- sleep 1000');
  await k('rollout status deploy/keep --timeout=30s');
  await k('delete deploy keep --cascade=orphan');
  await shows('get rs,pods -l app=keep', [/replicaset\.apps\/keep-/, /pod\/keep-/]);
  await shows('delete rs,pods -l app=keep --force --grace-period=0', [/force deleted/]);
  await k('delete sts sts --cascade=foreground');
  await shows('get pods -l app=sts', [/No resources found/]);
  await shows('delete svc --all', [/"kubernetes" deleted/]);
  await until('the kubernetes service', async () => /^kubernetes/m.test(await k('get svc')));
  await k('delete all --all --force --grace-period=0');
  await until('workloads are gone', async () => !/apps\/|batch\//.test(await k('get all')));
  await shows('get deploy -A', [/No resources found/]);
});
