/**
 * `deploy/vm/compose.yaml`: hosts of a cluster, each with a Docker daemon and a compose file of its own, after `docs/deploy-vms.md`. Not part
 * of `npm test`: four daemons, ten minutes. `node --test tests/vm-compose.long.ts`, as root.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ContainerHosts } from './support/container-hosts.ts';
import { Guide, printedLine } from './support/guide.ts';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/image.ts';
import { eventually } from './support/shell.ts';
import { addComposeHost } from './support/vm-compose.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env.CI === 'true' ? false : 'SKIPPED: docker needs root';
const PATIENCE_MS = 300_000;
const NUMBERS = { v1: 41, v2: 42, v3: 43, v4: 44 } as const;
type Name = keyof typeof NUMBERS;
const NAMES = Object.keys(NUMBERS) as Name[];

const guide = new Guide('docs/deploy-vms.md');
const COMPOSE = 'docker compose -f deploy/vm/compose.yaml exec kubets';

let hosts: ContainerHosts;
let printed = '';

before(async () => {
  if (skip === false) hosts = await ContainerHosts.create();
});
after(() => hosts?.destroy());

/** A line of the guide, typed in the clone. */
const typed = (host: Name, line: string): Promise<string> =>
  hosts.must(host, `cd /opt/kubets\n${line.trim().replace(/^kubets/, `${COMPOSE} kubets`)}`);

const kubectl = (host: Name, words: string): Promise<string> => {
  const server = `--server https://${hosts.address(NUMBERS[host])}:6443`;
  const config = '--kubeconfig /var/lib/kubets/kubeconfig';
  return hosts.must(host, `kubectl ${config} ${server} --request-timeout=30s ${words}`);
};

const ready = (host: Name, node: string): Promise<void> =>
  eventually(`${node} is Ready, as ${host} sees it`, PATIENCE_MS, async () => {
    assert.match(await kubectl(host, `get node ${node} --no-headers`), / Ready /);
  });
const podAnswers = (host: Name): Promise<void> =>
  eventually('the pod answers', PATIENCE_MS, async () => {
    assert.match(await kubectl(host, 'exec web -- busybox echo here'), /here/);
  });
/** A master is whole again: its own apiserver takes writes. */
const takesWrites = (host: Name): Promise<void> =>
  eventually(`${host} takes writes`, PATIENCE_MS, async () => {
    await kubectl(host, `annotate --overwrite namespace default by=${host}`);
  });

test('the container waits on every host', { skip }, async () => {
  const up = guide.block('Or from an image').split('\n')[1] ?? '';
  assert.match(up, /up -d$/);
  for (const name of NAMES) {
    const aliases = name === 'v4' ? [] : ['api.example.org'];
    await addComposeHost(hosts, name, { number: NUMBERS[name], aliases });
    await typed(name, up);
  }
});

test('three masters and a node', { skip }, async () => {
  printed = await typed('v1', guide.block('2. The first master'));
  const master = printedLine(printed, guide.block('3. More masters'));
  for (const name of ['v2', 'v3'] as const)
    assert.match(await typed(name, master), /is part of the cluster/);
  await typed('v4', printedLine(printed, guide.block('4. Nodes')));
  await ready('v2', 'v4');
});

test('a pod runs', { skip }, async () => {
  const image = join(hosts.dir, 'busybox.tar');
  await writeBusyboxImage(image);
  await hosts.copy(image, 'v4', '/var/lib/kubets/busybox.tar');
  await typed('v4', 'kubets image load /var/lib/kubets/busybox.tar');
  const container = { name: 'c', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent' };
  const pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } },
    spec: { containers: [{ ...container, command: ['busybox', 'sleep', '100000'] }] },
  };
  await kubectl('v1', `apply -f - <<'EOF'\n${JSON.stringify(pod)}\nEOF`);
  await podAnswers('v1');
});

test('a master and a node come back after a reboot', { skip }, async () => {
  await hosts.reboot('v2');
  await takesWrites('v1');
  await takesWrites('v2');
  await hosts.reboot('v4');
  await ready('v2', 'v4');
  await podAnswers('v2');
});

test('the whole cluster comes back after a power cut', { skip }, async () => {
  await Promise.all(NAMES.map((name) => hosts.reboot(name)));
  for (const name of ['v1', 'v2', 'v3'] as const) await takesWrites(name);
  await ready('v3', 'v4');
  await podAnswers('v3');
});

test('a node comes back with another address', { skip }, async () => {
  await hosts.reboot('v4', 54);
  await eventually('the API knows the address', PATIENCE_MS, async () => {
    const seen = await kubectl('v1', 'get node v4 --no-headers -o wide');
    assert.ok(seen.includes(hosts.address(54)) && / Ready /.test(seen), seen);
  });
  await podAnswers('v1');
});

test('a master without its address says so, and comes back with it', { skip }, async () => {
  await hosts.reboot('v3', 53);
  await eventually('it says what is wrong', PATIENCE_MS, async () => {
    const said = await hosts.must('v3', 'docker logs $(docker ps -aq) 2>&1 | tail -n 3');
    assert.match(said, /this master’s address \S+ is gone.*give it back the old one/);
  });
  await takesWrites('v1');
  await hosts.reboot('v3', NUMBERS.v3);
  await takesWrites('v3');
});

test('a host’s Docker daemon is started again', { skip }, async () => {
  for (const name of ['v1', 'v4'] as const) await hosts.must(name, 'systemctl restart docker');
  await takesWrites('v1');
  await ready('v1', 'v4');
  await podAnswers('v1');
});

test('a host leaves, and nothing is left', { skip }, async () => {
  await typed('v3', 'kubets reset');
  const members = await typed('v1', 'kubets etcd member list');
  assert.doesNotMatch(members, /v3/);
  assert.equal((await hosts.must('v3', 'ls -A /var/lib/kubets')).trim(), 'supervisor.pid');
});
