import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import type { Container, Pod, VolumeMount } from '@kubets/api';
import { VolumeFault } from '../errors.ts';
import type { ContainerMount } from '../ports.ts';
import { aContainer, aPod, exited } from '../testing/pods.ts';
import { NodeFiles } from './node-files.ts';

describe('NodeFiles', () => {
  const top = mkdtempSync(join(tmpdir(), 'kubets-files-'));
  let dir = '';
  let files: NodeFiles;
  beforeEach(() => {
    dir = mkdtempSync(join(top, 'node-'));
    files = new NodeFiles({
      podsDir: join(dir, 'pods'),
      logsDir: join(dir, 'logs'),
      cgroupParent: '/kubets-test-none',
      clusterDomain: 'cluster.local',
      hostHosts: '127.0.0.1 host\n',
    });
  });
  after(() => rmSync(top, { recursive: true, force: true }));

  async function prepare(
    container: Partial<Container>,
    pod: Pod = aPod(),
    volumes: Record<string, string> = {},
  ): Promise<Map<string, ContainerMount>> {
    await files.prepareSandbox(pod);
    const mounts = await files.prepareContainer({
      pod,
      container: aContainer(container),
      attempt: 1,
      podIps: ['10.0.0.2'],
      volumes: new Map(Object.entries(volumes)),
      env: new Map([
        ['POD', 'web'],
        ['EMPTY', ''],
      ]),
    });
    return new Map(mounts.map((mount) => [mount.containerPath, mount] as const));
  }

  it('gives every container hosts and a place for last words, and a folder for logs', async () => {
    const mounts = await prepare({});
    assert.match(
      readFileSync(mounts.get('/etc/hosts')?.hostPath ?? '', 'utf8'),
      /10\.0\.0\.2\tweb/,
    );
    const words = mounts.get('/dev/termination-log')?.hostPath ?? '';
    assert.equal(statSync(words).mode & 0o777, 0o666);
    assert.ok(existsSync(join(dir, 'logs', 'shop_web_uid-1', 'main')));
  });

  it('leaves them out where the pod mounts something of its own', async () => {
    const volume = join(dir, 'v');
    mkdirSync(volume);
    const volumeMounts = [{ name: 'v', mountPath: '/etc/hosts' }];
    const mounts = await prepare({ volumeMounts }, aPod(), { v: volume });
    assert.equal(mounts.get('/etc/hosts')?.hostPath, volume);
  });

  it('mounts volumes: parts, read-only, with propagation', async () => {
    const volume = join(dir, 'v');
    mkdirSync(volume);
    const pod = aPod({
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'c', configMap: { name: 'm' } },
      ],
    });
    const volumeMounts = [
      { name: 'v', mountPath: '/data', readOnly: true, mountPropagation: 'HostToContainer' },
      { name: 'v', mountPath: '/part', subPathExpr: 'for-$(POD)' },
      { name: 'c', mountPath: '/config' },
    ];
    const mounts = await prepare({ volumeMounts }, pod, { v: volume, c: volume });
    assert.deepEqual(mounts.get('/data'), {
      containerPath: '/data',
      hostPath: volume,
      readonly: true,
      propagation: 'hostToContainer',
    });
    assert.equal(mounts.get('/part')?.hostPath, join(volume, 'for-web'));
    assert.equal(mounts.get('/config')?.readonly, true, 'the kubelet alone writes there');
  });

  it('refuses a volume that is not there, and parts that lead out', async () => {
    const missing = prepare({ volumeMounts: [{ name: 'no', mountPath: '/x' }] });
    await assert.rejects(missing, VolumeFault);
    const volumeMounts = [{ name: 'v', mountPath: '/x', subPath: '../../etc' }];
    await assert.rejects(prepare({ volumeMounts }, aPod(), { v: dir }), VolumeFault);
  });

  it('refuses parts whose names are not known, and what the runtime cannot do', async () => {
    const volume = join(dir, 'v');
    mkdirSync(volume);
    const refusals: [Partial<VolumeMount>, RegExp][] = [
      [{ subPathExpr: '$(NONE)/$(EMPTY)' }, /^missing value for EMPTY, NONE$/],
      [{ subPathExpr: '/$(POD)' }, /^error SubPath `\/web` must not be an absolute path$/],
      [
        { subPathExpr: '../$(POD)' },
        /^unable to provision SubPath `..\/web`: must not contain '..'$/,
      ],
      [
        { readOnly: true, recursiveReadOnly: 'Enabled' },
        /^failed to resolve recursive read-only mode: volume "v" requested .* not supported by the runtime$/,
      ],
    ];
    for (const [mount, message] of refusals) {
      const volumeMounts = [{ name: 'v', mountPath: '/x', ...mount }];
      await assert.rejects(prepare({ volumeMounts }, aPod(), { v: volume }), { message });
    }
    const volumeMounts = [
      { name: 'v', mountPath: '/x', readOnly: true, recursiveReadOnly: 'IfPossible' },
    ];
    const mounts = await prepare({ volumeMounts }, aPod(), { v: volume });
    assert.equal(mounts.get('/x')?.readonly, true);
  });

  it('reads last words, up to a limit', async () => {
    const pod = aPod();
    const mounts = await prepare({}, pod);
    writeFileSync(mounts.get('/dev/termination-log')?.hostPath ?? '', 'x'.repeat(10_000));
    const words = await files.terminationMessage(pod, aContainer(), exited(1, { attempt: 1 }));
    assert.equal(words.length, 4_096);
    assert.equal(await files.terminationMessage(pod, aContainer(), exited(1, { attempt: 9 })), '');
  });

  it('falls back to the end of the log, for failures that asked for it', async () => {
    const pod = aPod();
    const logPath = join(dir, '0.log');
    const lines = Array.from(
      { length: 200 },
      (_, i) => `2026-01-01T00:00:00Z stderr F line ${i}\n`,
    );
    writeFileSync(logPath, lines.join(''));
    const container = aContainer({ terminationMessagePolicy: 'FallbackToLogsOnError' });
    const failed = await files.terminationMessage(pod, container, exited(1, { logPath }));
    assert.ok(failed.endsWith('line 199\n'));
    assert.equal(failed.trim().split('\n').length, 80);
    assert.equal(await files.terminationMessage(pod, container, exited(0, { logPath })), '');
    assert.equal(await files.terminationMessage(pod, aContainer(), exited(1, { logPath })), '');
    const gone = exited(1, { logPath: join(dir, 'none') });
    assert.equal(await files.terminationMessage(pod, container, gone), '');
  });

  it('leaves nothing of a pod', async () => {
    await prepare({});
    const ref = { uid: 'uid-1', name: 'web', namespace: 'shop' };
    await files.remove(ref);
    await files.remove(ref);
    assert.ok(!existsSync(join(dir, 'pods', 'uid-1')));
    assert.ok(!existsSync(join(dir, 'logs', 'shop_web_uid-1')));
  });
});
