import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ConfigMap, Pod, Volume } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock } from '@kubets/platform';
import { type Payload, tokenFile } from '../../core/payload.ts';
import { VolumeFault } from '../../errors.ts';
import { aPod } from '../../testing/pods.ts';
import { ApiObjects } from '../objects.ts';
import { isMountPoint, MemoryFolder } from './memory-folder.ts';
import { NodeVolumes } from './node-volumes.ts';
import { writePayload } from './payload-writer.ts';
import { resolveSubPath } from './sub-path.ts';
import { PodTokens } from './tokens.ts';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubets-volumes-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

describe('writePayload', () => {
  it('shows files through one link that changes everything at once', async () => {
    const root = join(dir, 'one');
    assert.equal(await writePayload(root, payload({ a: '1', 'sub/b': '2' }), undefined), true);
    assert.equal(readFileSync(join(root, 'a'), 'utf8'), '1');
    assert.equal(readFileSync(join(root, 'sub/b'), 'utf8'), '2');
    assert.equal(readlinkSync(join(root, 'a')), '..data/a');
    const version = readlinkSync(join(root, '..data'));
    assert.equal(await writePayload(root, payload({ a: '1', 'sub/b': '2' }), undefined), false);
    assert.equal(readlinkSync(join(root, '..data')), version, 'nothing changed, nothing moved');
  });

  it('follows changes, removals and modes, and keeps no old version', async () => {
    const root = join(dir, 'two');
    await writePayload(root, payload({ a: '1', b: '2' }), undefined);
    assert.equal(await writePayload(root, payload({ b: '3', c: '4' }, 0o600), undefined), true);
    assert.ok(!existsSync(join(root, 'a')));
    assert.equal(readFileSync(join(root, 'b'), 'utf8'), '3');
    assert.equal(statSync(join(root, 'c')).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(root).filter((name) => name.startsWith('..version')).length, 1);
  });

  it('lets a group read', async () => {
    const root = join(dir, 'three');
    const gid = process.getgid?.() ?? 0;
    if (process.getuid?.() !== 0) return;
    await writePayload(root, payload({ a: '1' }, 0o600), gid);
    assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o640);
  });

  it('gives a file to a user', async () => {
    const root = join(dir, 'four');
    if (process.getuid?.() !== 0) return;
    await writePayload(root, new Map([['a', { data: Buffer.from('1'), mode: 0o600, uid: 9 }]]), 7);
    const { uid, gid, mode } = statSync(join(root, 'a'));
    assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { uid: 9, gid: 7, mode: 0o640 });
  });
});

describe('tokenFile', () => {
  const user = (runAsUser?: number) => ({ name: `c${runAsUser}`, securityContext: { runAsUser } });
  const cases: readonly [string, object, { mode: number; uid: number | undefined }][] = [
    ['anybody', {}, { mode: 0o644, uid: undefined }],
    ['a group', { securityContext: { fsGroup: 10 } }, { mode: 0o600, uid: undefined }],
    ['a user', { securityContext: { runAsUser: 9 } }, { mode: 0o600, uid: 9 }],
    ['one user', { containers: [user(9)], initContainers: [user(9)] }, { mode: 0o600, uid: 9 }],
    ['two users', { containers: [user(9), user(8)] }, { mode: 0o644, uid: undefined }],
    ['some users', { containers: [user(9), user()] }, { mode: 0o644, uid: undefined }],
  ];
  for (const [whom, spec, wanted] of cases) {
    it(`is for ${whom}`, () => {
      const { mode, uid } = tokenFile(aPod(spec), 't', 0o644);
      assert.deepEqual({ mode, uid }, wanted);
    });
  }
});

describe('resolveSubPath', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(dir, 'sub-'));
  });

  it('makes folders that are missing', async () => {
    const path = await resolveSubPath(root, 'a/b');
    assert.ok(statSync(path).isDirectory());
    writeFileSync(join(root, 'file'), '');
    assert.equal(await resolveSubPath(root, 'file'), join(root, 'file'));
  });

  it('gives them the permissions of the volume', async () => {
    chmodSync(root, 0o2777);
    const path = await resolveSubPath(root, 'a/b');
    const modes = [dirname(path), path].map((one) => statSync(one).mode & 0o7777);
    assert.deepEqual(modes, [0o2777, 0o2777]);
  });

  it('follows links inside the volume', async () => {
    mkdirSync(join(root, 'real'));
    symlinkSync('real', join(root, 'link'));
    assert.equal(await resolveSubPath(root, 'link'), join(root, 'real'));
  });

  for (const path of ['../x', '/etc', 'a/../../b']) {
    it(`refuses ${path}`, () => assert.rejects(resolveSubPath(root, path), VolumeFault));
  }

  it('refuses links that lead out', async () => {
    symlinkSync('/etc', join(root, 'out'));
    await assert.rejects(resolveSubPath(root, 'out/passwd'), VolumeFault);
  });
});

describe('NodeVolumes', () => {
  const clock = new ManualClock();
  let api: FakeApi;
  let volumes: NodeVolumes;
  let podsDir = '';
  let memory = { path: '', ensure: async () => undefined };
  beforeEach(() => {
    podsDir = mkdtempSync(join(dir, 'pods-'));
    memory = { ...memory, path: mkdtempSync(join(dir, 'memory-')) };
    api = new FakeApi({ clock });
    volumes = new NodeVolumes({
      podsDir,
      memory,
      api,
      objects: new ApiObjects(api, clock),
      tokens: new PodTokens(api, clock),
      facts: () => ({
        podIps: [],
        hostIps: [],
        allocatable: { cpuMilli: 1_000, memoryBytes: 1_024, diskBytes: 1 },
      }),
    });
  });
  const withVolume = (source: Partial<Volume>, spec: object = {}): Pod =>
    aPod({ volumes: [{ name: 'v', ...source }], ...spec });
  const mount = async (pod: Pod): Promise<string> => (await volumes.mount(pod)).get('v') ?? '';
  const putMap = (data: Record<string, string>) => {
    const map: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cm', namespace: 'shop' },
      data,
    };
    return api.resource<ConfigMap>('v1', 'configmaps').create(map);
  };

  it('makes an empty folder anyone may write to, and removes it', async () => {
    const pod = withVolume({ emptyDir: {} });
    const path = await mount(pod);
    assert.equal(statSync(path).mode & 0o777, 0o777);
    writeFileSync(join(path, 'x'), 'data');
    assert.equal(await mount(pod), path);
    assert.ok(existsSync(join(path, 'x')), 'mounting again keeps what is there');
    assert.deepEqual(await volumes.mounted(), ['uid-1']);
    await volumes.unmount('uid-1');
    await volumes.unmount('uid-1');
    assert.ok(!existsSync(path));
  });

  it('waits for a ConfigMap, then follows it', async () => {
    const pod = withVolume({ configMap: { name: 'cm' } });
    await assert.rejects(mount(pod), (error) => {
      assert.ok(error instanceof VolumeFault);
      assert.equal(
        error.message,
        'MountVolume.SetUp failed for volume "v" : configmap "cm" not found',
      );
      return true;
    });
    await putMap({ k: 'one' });
    clock.advance(60_000);
    const path = await mount(pod);
    assert.equal(readFileSync(join(path, 'k'), 'utf8'), 'one');
    const maps = api.resource<ConfigMap>('v1', 'configmaps');
    await maps.patch('shop', 'cm', 'merge', { data: { k: 'two' } });
    clock.advance(60_000);
    await mount(pod);
    assert.equal(readFileSync(join(path, 'k'), 'utf8'), 'two');
  });

  it('keeps secrets, and what pods read of themselves, in memory', async () => {
    const secret = { metadata: { name: 's', namespace: 'shop' }, data: { k: 'MQ==' } };
    await api.resource('v1', 'secrets').create(secret);
    const inMemory: Partial<Volume>[] = [
      { secret: { secretName: 's' } },
      { downwardAPI: { items: [] } },
      { projected: { sources: [{ secret: { name: 's' } }] } },
    ];
    for (const source of inMemory) {
      assert.equal(await mount(withVolume(source)), join(memory.path, 'uid-1', 'v'));
    }
    assert.deepEqual(await volumes.mounted(), ['uid-1']);
    await volumes.unmount('uid-1');
    assert.deepEqual(await volumes.mounted(), []);
    assert.deepEqual(readdirSync(memory.path), []);
  });

  it('goes on where a kubelet before this one has put the files of a pod', async () => {
    const old = join(podsDir, 'uid-1', 'volumes', 'v');
    mkdirSync(old, { recursive: true });
    assert.equal(await mount(withVolume({ downwardAPI: { items: [] } })), old);
  });

  it('puts several sources together', async () => {
    await putMap({ k: 'one' });
    const items = [{ path: 'meta/name', fieldRef: { fieldPath: 'metadata.name' } }];
    const path = await mount(
      withVolume({
        projected: { sources: [{ configMap: { name: 'cm' } }, { downwardAPI: { items } }] },
      }),
    );
    assert.equal(readFileSync(join(path, 'k'), 'utf8'), 'one');
    assert.equal(readFileSync(join(path, 'meta/name'), 'utf8'), 'web');
  });

  it('puts keys, names and resources of a container together', async () => {
    await putMap({ k: 'one' });
    const limits = { containerName: 'app', resource: 'limits.cpu', divisor: '1m' };
    const items = [{ path: 'cpu', resourceFieldRef: limits }];
    const map = { name: 'cm', items: [{ key: 'k', path: 'c/data' }] };
    const sources = [{ configMap: map }, { downwardAPI: { items } }];
    const containers = [{ name: 'app', resources: { limits: { cpu: '1250m' } } }];
    const path = await mount(
      withVolume({ projected: { defaultMode: 0o400, sources } }, { containers }),
    );
    assert.equal(readFileSync(join(path, 'c/data'), 'utf8'), 'one');
    assert.equal(readFileSync(join(path, 'cpu'), 'utf8'), '1250');
    assert.equal(statSync(join(path, 'cpu')).mode & 0o777, 0o400);
  });

  it('takes folders of the host as they are, if they are what was asked for', async () => {
    const path = join(podsDir, 'host');
    const missing = `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${path}`;
    await assert.rejects(mount(withVolume({ hostPath: { path, type: 'Directory' } })), {
      name: 'VolumeFault',
      message: `${missing} is not a directory`,
    });
    assert.equal(await mount(withVolume({ hostPath: { path, type: 'DirectoryOrCreate' } })), path);
    await assert.rejects(mount(withVolume({ hostPath: { path, type: 'File' } })), VolumeFault);
    assert.equal(await mount(withVolume({ hostPath: { path: '/nowhere' } })), '/nowhere');
  });

  it('says so when it cannot mount a kind, or a claim is not there', async () => {
    const nfs = withVolume({ nfs: { server: 's', path: '/p' } });
    await assert.rejects(mount(nfs), /of a kind this node cannot mount/);
    const claim = withVolume({ persistentVolumeClaim: { claimName: 'c' } });
    await assert.rejects(mount(claim), /persistentvolumeclaim "c" or its volume not found/);
  });

  it('leads a bound claim to a folder of the node', async () => {
    await api.resource('v1', 'persistentvolumes').create({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pv' },
      spec: { local: { path: '/mnt/disk' } },
    });
    await api.resource('v1', 'persistentvolumeclaims').create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'c', namespace: 'shop' },
      spec: { volumeName: 'pv' },
    });
    const claim = withVolume({ persistentVolumeClaim: { claimName: 'c' } });
    assert.equal(await mount(claim), '/mnt/disk');
    assert.deepEqual([...volumes.claims()], [{ namespace: 'shop', claim: 'c', path: '/mnt/disk' }]);
    await volumes.unmount('uid-1');
    assert.deepEqual([...volumes.claims()], []);
  });

  it('leads a claim that a pod has for itself to a folder of the node', async () => {
    const own = withVolume({ ephemeral: { volumeClaimTemplate: { spec: {} } } });
    const [volume] = own.spec?.volumes ?? [];
    const name = `${own.metadata.name}-${volume?.name}`;
    await assert.rejects(mount(own), new RegExp(`persistentvolumeclaim "${name}" or its volume`));
    await api.resource('v1', 'persistentvolumes').create({
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'own' } },
      ...{ spec: { local: { path: '/mnt/own' } } },
    });
    await api.resource('v1', 'persistentvolumeclaims').create({
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      metadata: { name, namespace: 'shop' },
      ...{ spec: { volumeName: 'own' } },
    });
    assert.equal(await mount(own), '/mnt/own');
  });
});

describe('PodTokens', () => {
  /** An API whose tokens are numbered and live 1,000 s. */
  function setup() {
    const clock = new ManualClock();
    let asked = 0;
    let broken = false;
    const createSubresource = async () => {
      if (broken) throw new Error('down');
      asked += 1;
      const expirationTimestamp = new Date(clock.now() + 1_000_000).toISOString();
      return { status: { token: `token-${asked}`, expirationTimestamp } };
    };
    const api = { resource: () => ({ createSubresource }) } as unknown as FakeApi;
    return {
      clock,
      tokens: new PodTokens(api, clock),
      breakDown: () => {
        broken = true;
      },
    };
  }

  it('are kept, and replaced before they expire', async () => {
    const { clock, tokens } = setup();
    const ask = () => tokens.token(aPod(), { path: 't' });
    assert.deepEqual([await ask(), await ask()], ['token-1', 'token-1']);
    clock.advance(799_000);
    assert.equal(await ask(), 'token-1');
    clock.advance(2_000);
    assert.equal(await ask(), 'token-2');
    tokens.forget('uid-1');
    assert.equal(await ask(), 'token-3');
  });

  it('stay in use while no new one can be had, and no longer', async () => {
    const { clock, tokens, breakDown } = setup();
    const ask = () => tokens.token(aPod(), { path: 't' });
    await ask();
    breakDown();
    clock.advance(900_000);
    assert.equal(await ask(), 'token-1');
    clock.advance(200_000);
    await assert.rejects(ask());
  });
});

describe('MemoryFolder', () => {
  it('is mounted once, and found again', { skip: process.getuid?.() !== 0 }, async (t) => {
    const path = join(dir, 'in-memory');
    await new MemoryFolder(path).ensure().catch((error: Error) => t.skip(error.message));
    if (!(await isMountPoint(path))) return;
    writeFileSync(join(path, 'x'), 'secret');
    await new MemoryFolder(path).ensure();
    assert.equal(readFileSync(join(path, 'x'), 'utf8'), 'secret');
    execFileSync('umount', [path]);
    assert.ok(!existsSync(join(path, 'x')));
  });
});
