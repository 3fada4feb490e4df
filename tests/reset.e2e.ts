/** `kubets reset` on a host with real pods, whatever has happened to its supervisor: the kernel is as it was before. Needs root. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { clusterPaths } from '../packages/cluster/src/paths.ts';
import { clusterProcesses, endProcesses } from '../packages/cluster/src/runtime/processes.ts';
import { TestHosts } from './support/hosts.ts';
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/image.ts';
import { eventually, must, needProgram } from './support/shell.ts';

const isRoot = process.getuid?.() === 0;
// Real containers need root. CI has it, and there this may not be skipped.
const skip = isRoot || process.env.CI === 'true' ? false : 'real containers need root';
const PATIENCE_MS = 120_000;
const HOST_PORT = 8088;

let hosts: TestHosts;

before(async () => {
  if (skip !== false) return;
  await needProgram('containerd', 'containerd');
  await needProgram('nft', 'nftables');
  hosts = await TestHosts.create(['h1']);
  await writeBusyboxImage(join(hosts.dir, 'busybox.tar'));
});
after(() => hosts?.destroy());

const pod = JSON.stringify({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } },
  spec: {
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    containers: [
      {
        ...{ name: 'web', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent' },
        command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '/memory'],
        ports: [{ containerPort: 80, hostPort: HOST_PORT }],
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
    ],
  },
});

/** A host that runs a pod with a port of the host and a file system in memory. */
async function use(): Promise<void> {
  const { code, err } = await hosts.kubets('h1', ['init', '--node', '--name', 'h1']);
  assert.equal(code, 0, err);
  await hosts.kubets('h1', ['image', 'load', join(hosts.dir, 'busybox.tar')]);
  await eventually('the pod is taken', PATIENCE_MS, () =>
    hosts.kubectl('h1', ['apply', '-f', '-'], pod),
  );
  await hosts.kubectl('h1', ['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s']);
}

/** Without tables and chains that hold nothing: programs make those when they only look. */
async function kernelState(): Promise<string> {
  const inside = (...words: string[]) => hosts.inside('h1', words);
  const links = await inside('ip', '-br', 'link');
  const texts = [
    links.replace(/[@ ].*/gm, ''),
    await inside('ip', '-br', '-4', 'addr'),
    await inside('ip', '-4', 'route', 'show', 'table', 'all'),
    (await inside('iptables-save')).match(/^(-A .*|:\S+ -)/gm)?.join('\n') ?? '',
    (await inside('nft', 'list', 'tables')).replace(/^table ip6? (nat|filter)$/gm, ''),
  ];
  const { dataDir } = hosts.get('h1');
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const own = [dataDir, clusterPaths(dataDir).runDir, '/run/netns/cni-'];
  texts.push(mounts.filter((line) => own.some((path) => line.includes(path))).join('\n'));
  texts.push(`${clusterProcesses(dataDir).length} processes, ${cgroups()} cgroups`);
  return texts.map((text) => text.trim()).join('\n--\n');
}

function cgroups(): number {
  const names = readdirSync('/sys/fs/cgroup').flatMap((name) => {
    try {
      return readdirSync(join('/sys/fs/cgroup', name, 'kubets'));
    } catch {
      return [];
    }
  });
  return names.filter((name) => name.startsWith('kb-')).length;
}

const supervisor = (): number =>
  Number(readFileSync(join(hosts.get('h1').dataDir, 'supervisor.pid'), 'utf8').split(' ')[0]);

/** Ways a supervisor has gone. */
const ENDS: readonly [string, () => Promise<void>][] = [
  ['runs', async () => undefined],
  ['was stopped, its pods live', () => endProcesses([supervisor()], PATIENCE_MS)],
  [
    'was killed with everything but what pods run',
    async () => {
      const all = [supervisor(), ...clusterProcesses(hosts.get('h1').dataDir)];
      await must('kill', ['-9', ...all.map(String)]);
    },
  ],
];

for (const [what, end] of ENDS) {
  test(`nothing is left of a host whose supervisor ${what}`, { skip }, async () => {
    const fresh = await kernelState();
    await use();
    assert.notEqual(await kernelState(), fresh);
    await end();
    const { code, err } = await hosts.kubets('h1', ['reset', '--local']);
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(hosts.get('h1').dataDir), []);
    assert.equal(await kernelState(), fresh);
  });
}
