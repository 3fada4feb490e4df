/** Taking a node down: its pods, and what they have in the kernel. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '@kubets/platform';
import type { CriRuntime } from '../cri/adapter.ts';
import { RuntimeFault } from '../errors.ts';
import { cgroupProcesses, endCgroup, removeCgroups, removeSharedCgroup } from '../host/cgroups.ts';
import { mountsBelow } from '../host/mounts.ts';
import { nodeLayout } from '../layout.ts';
import { removePodNetwork } from '../network/linux.ts';
import { systemCommands } from '../network/runtime/commands.ts';
import { NETNS_DIR, unshareNetnsDir } from './netns-dir.ts';
import { type ContainerdAccess, criOf } from './tools.ts';

const run = promisify(execFile);

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

async function removePods(cri: CriRuntime, graceSeconds: number): Promise<number> {
  const pods = await cri.listPods();
  const ends = await Promise.allSettled(pods.map((pod) => removePod(cri, pod.uid, graceSeconds)));
  const left = ends.filter((one) => one.status === 'rejected');
  if (left[0] === undefined) return pods.length;
  const why = errorMessage(left[0].reason);
  throw new RuntimeFault(`${left.length} of ${pods.length} pods are left: ${why}`);
}

/** Mount points of containers of this instance: while there are some, it has not been taken down. */
export const containerMounts = ({ runDir }: Pick<ContainerdAccess, 'runDir'>): string[] =>
  mountsBelow(runDir, readFileSync('/proc/self/mountinfo', 'utf8'));

async function unmountBelow(dir: string): Promise<void> {
  for (const point of mountsBelow(dir, readFileSync('/proc/self/mountinfo', 'utf8'))) {
    await run('umount', ['-l', point]).catch(() => undefined);
  }
}

/** The number a namespace has in the kernel; undefined when there is no such thing any more. */
function namespaceOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Ends what still runs in the cgroup, and with it the network namespaces it ran in. */
async function endRest(cgroup: string): Promise<void> {
  const pids = cgroupProcesses(cgroup);
  if (pids.length === 0) return;
  const spaces = new Set(pids.map((pid) => namespaceOf(`/proc/${pid}/ns/net`)));
  await endCgroup(cgroup);
  for (const name of readdirSync(NETNS_DIR).filter((one) => one.startsWith('cni-'))) {
    const file = join(NETNS_DIR, name);
    if (!spaces.has(namespaceOf(file))) continue;
    await run('umount', ['-l', file]).catch(() => undefined);
    rmSync(file, { force: true });
  }
}

/**
 * Takes away what a node's pods have in the kernel, whatever their runtime knows of them: processes, mounts, bridge, routes, rules,
 * cgroups. Where pods were removed before, there is nothing of the first two.
 */
export async function removeNodeTraces(options: RemoveAllOptions): Promise<void> {
  const { podsDir, bridge, runDir } = options;
  const ofKubelet = podsDir === undefined ? undefined : nodeLayout(dirname(podsDir));
  const cgroupParent = options.cgroupParent ?? ofKubelet?.cgroupParent;
  if (cgroupParent !== undefined) await endRest(cgroupParent);
  if (podsDir !== undefined) await unmountBelow(podsDir);
  if (ofKubelet !== undefined) {
    await run('umount', ['-l', ofKubelet.memoryDir]).catch(() => undefined);
  }
  await unmountBelow(runDir);
  if (bridge !== undefined) await run('ip', ['link', 'delete', bridge]).catch(() => undefined);
  if (ofKubelet !== undefined) {
    await removePodNetwork(systemCommands(), { ...ofKubelet, device: ofKubelet.tunnel });
  }
  if (cgroupParent !== undefined) {
    removeCgroups(cgroupParent);
    removeSharedCgroup(cgroupParent);
  }
  unshareNetnsDir();
}

/**
 * Stops and removes every pod of the instance, gives their networks back, and deletes bridge, routes and cgroups: for `down`. The
 * instance must still run; stop it afterwards. One pod that resists keeps nothing else from going.
 * @returns how many pods there were
 * @throws RuntimeFault when the runtime did not answer, or that says how many pods it left and why; all else is gone then
 */
export async function removeAllContainers(options: RemoveAllOptions): Promise<number> {
  const cri = criOf(options);
  try {
    return await removePods(cri, options.graceSeconds ?? 2);
  } finally {
    cri.close();
    await removeNodeTraces(options);
  }
}
