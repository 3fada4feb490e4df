/** Operations on a private containerd from outside the kubelet: load images, leave nothing behind. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, silentLogger, systemClock } from '@kubets/platform';
import { CriRuntime } from '../cri/adapter.ts';
import { RuntimeFault } from '../errors.ts';
import { removeCgroups } from '../host/cgroups.ts';
import { mountsBelow } from '../host/mounts.ts';
import { nodeLayout } from '../layout.ts';
import { removePodNetwork } from '../network/linux.ts';
import { systemCommands } from '../network/runtime/commands.ts';
import { PAUSE_IMAGE, pauseArch, pauseImageTar } from '../pause/image.ts';
import type { ContainerdOptions } from './config.ts';
import { containerdPaths } from './config.ts';

const run = promisify(execFile);

/** CRI keeps its images and containers in this containerd namespace. */
const NAMESPACE = 'k8s.io';
const CTR_TIMEOUT_MS = 300_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

export type ContainerdAccess = Pick<ContainerdOptions, 'rootDir' | 'runDir' | 'snapshotter'>;

async function ctr(access: ContainerdAccess, args: readonly string[]): Promise<string> {
  const { socket } = containerdPaths(access);
  const all = ['--address', socket, '--namespace', NAMESPACE, ...args];
  const limits = { timeout: CTR_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  try {
    return (await run('ctr', all, limits)).stdout;
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim() ?? '';
    const why = stderr === '' ? errorMessage(error) : stderr;
    throw new RuntimeFault(`ctr ${args.slice(0, 2).join(' ')}: ${why}`, { cause: error });
  }
}

/** A runtime on the instance's socket, for one-off work. */
function criOf(access: ContainerdAccess): CriRuntime {
  const endpoint = `unix://${containerdPaths(access).socket}`;
  return new CriRuntime({ endpoint, clock: systemClock, log: silentLogger });
}

/** Names `ctr images import` reports, such as `docker.io/library/busybox:latest`. */
export function importedNames(output: string): string[] {
  const names = [...output.matchAll(/^(?:unpacking )?(\S+)(?: \(sha256:\w+\)|\s+saved)/gm)];
  return [...new Set(names.map((match) => match[1] ?? ''))].filter((name) => name !== '');
}

/**
 * Loads a docker-archive or OCI tar.
 * @returns the names of the images it held
 * @throws RuntimeFault with ctr's words when the file is no image or the instance does not answer
 */
export async function importImage(access: ContainerdAccess, tarPath: string): Promise<string[]> {
  const args = ['images', 'import', '--snapshotter', access.snapshotter, tarPath];
  return importedNames(await ctr(access, args));
}

/** Waits until the instance answers on its socket. */
export async function containerdReady(access: ContainerdAccess): Promise<boolean> {
  const cri = criOf(access);
  try {
    await cri.version();
    return true;
  } catch (error) {
    if (error instanceof RuntimeFault) return false;
    throw error;
  } finally {
    cri.close();
  }
}

/** Makes sure the sandbox image is there. */
export async function ensurePauseImage(access: ContainerdAccess): Promise<void> {
  const cri = criOf(access);
  try {
    if ((await cri.imageStatus(PAUSE_IMAGE)) !== undefined) return;
  } finally {
    cri.close();
  }
  const arch = pauseArch(process.arch);
  if (arch === undefined) throw new RuntimeFault(`no pause program for ${process.arch}`);
  const dir = mkdtempSync(join(tmpdir(), 'kubets-pause-'));
  try {
    const tar = join(dir, 'pause.tar');
    writeFileSync(tar, pauseImageTar(arch));
    await importImage(access, tar);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export interface RemoveAllOptions extends ContainerdAccess {
  /** Deleted at the end, when given. */
  readonly bridge?: string;
  /** The node's cgroup; its empty folders are removed. By default the one that goes with `podsDir`. */
  readonly cgroupParent?: string;
  /** Pods' folders, `ROOT_DIR/pods` of the kubelet: mounts below are undone, when given. */
  readonly podsDir?: string;
  /** How long containers may take to stop. */
  readonly graceSeconds?: number;
}

async function removePod(cri: CriRuntime, uid: string, graceSeconds: number): Promise<void> {
  const pod = await cri.inspectPod(uid);
  const running = pod.containers.filter((one) => one.phase === 'running');
  await Promise.all(running.map((one) => cri.stopContainer(one.id, graceSeconds)));
  for (const { id } of pod.sandboxes) {
    await cri.stopSandbox(id);
    await cri.removeSandbox(id);
  }
}

async function unmountBelow(dir: string): Promise<void> {
  for (const point of mountsBelow(dir, readFileSync('/proc/self/mountinfo', 'utf8'))) {
    await run('umount', ['-l', point]).catch(() => undefined);
  }
}

/**
 * Stops and removes every pod of the instance, gives their networks back, and deletes bridge, routes and cgroups: for `down`. The
 * instance must still run; stop it afterwards. One pod that resists keeps nothing else from going.
 * @returns how many pods there were
 * @throws RuntimeFault that says how many pods are left and why the first of them is, once all else is gone
 */
export async function removeAllContainers(options: RemoveAllOptions): Promise<number> {
  const cri = criOf(options);
  const { graceSeconds = 2, podsDir } = options;
  const ofKubelet = podsDir === undefined ? undefined : nodeLayout(dirname(podsDir));
  const cgroupParent = options.cgroupParent ?? ofKubelet?.cgroupParent;
  try {
    const pods = await cri.listPods();
    const ends = await Promise.allSettled(pods.map((pod) => removePod(cri, pod.uid, graceSeconds)));
    if (podsDir !== undefined) await unmountBelow(podsDir);
    if (options.bridge !== undefined) {
      await run('ip', ['link', 'delete', options.bridge]).catch(() => undefined);
    }
    if (ofKubelet !== undefined) {
      await removePodNetwork(systemCommands(), { ...ofKubelet, device: ofKubelet.tunnel });
    }
    if (cgroupParent !== undefined) removeCgroups(cgroupParent);
    const left = ends.filter((one) => one.status === 'rejected');
    if (left[0] !== undefined) {
      const why = errorMessage(left[0].reason);
      throw new RuntimeFault(`${left.length} of ${pods.length} pods are left: ${why}`);
    }
    return pods.length;
  } finally {
    cri.close();
  }
}
