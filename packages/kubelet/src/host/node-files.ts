import { chmod, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { Container, Pod, VolumeMount } from '@kubets/api';
import { errorCode } from '@kubets/platform';
import { podRequests } from '../core/admission.ts';
import { DEFAULT_TERMINATION_PATH } from '../core/container-spec.ts';
import { LineSplitter, parseLogLine } from '../core/cri-log.ts';
import { hostsFile } from '../core/dns.ts';
import { expandVariables } from '../core/expand.ts';
import { nameOf, namespaceOf, specOf, uidOf } from '../core/pod.ts';
import { sharesOf } from '../core/resources.ts';
import { VolumeFault } from '../errors.ts';
import {
  LOG_LINE_MAX_BYTES,
  TERMINATION_LOG_BYTES,
  TERMINATION_LOG_LINES,
  TERMINATION_MESSAGE_BYTES,
} from '../limits.ts';
import type {
  ContainerFilesRequest,
  ContainerMount,
  PodFiles,
  RuntimeContainer,
  RuntimePodRef,
} from '../ports.ts';
import { podCgroup, removeCgroups, setCpuShares } from './cgroups.ts';
import { resolveSubPath } from './volumes/sub-path.ts';

export interface NodeFilesOptions {
  readonly podsDir: string;
  readonly logsDir: string;
  /** Parent of the pods' cgroups. */
  readonly cgroupParent: string;
  readonly clusterDomain: string;
  /** The node's own host table. */
  readonly hostHosts: string;
}

const PROPAGATION: Readonly<Record<string, ContainerMount['propagation']>> = {
  HostToContainer: 'hostToContainer',
  Bidirectional: 'bidirectional',
};
const WORLD_WRITABLE = 0o666;

/** The first bytes of a file; empty when it is not there. */
async function head(file: string, maxBytes: number): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The end of a container's log, for containers that left no other last words. */
async function logTail(file: string): Promise<string> {
  let from = 0;
  try {
    const { size } = await stat(file);
    from = Math.max(0, size - 8 * TERMINATION_LOG_BYTES);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
  const data = (await readFile(file)).subarray(from);
  const lines = new LineSplitter(LOG_LINE_MAX_BYTES).push(data);
  const records = lines.map(parseLogLine).filter((one) => one !== undefined);
  const texts = records.map((one) => one.text.toString('utf8') + (one.partial ? '' : '\n'));
  return texts.slice(-TERMINATION_LOG_LINES).join('').slice(-TERMINATION_LOG_BYTES);
}

/** Folders and small files of real pods, below the kubelet's root. */
export class NodeFiles implements PodFiles {
  readonly #options: NodeFilesOptions;

  constructor(options: NodeFilesOptions) {
    this.#options = options;
  }

  logDirectory(pod: Pod): string {
    return this.#logs({ uid: uidOf(pod), name: nameOf(pod), namespace: namespaceOf(pod) });
  }

  async prepareSandbox(pod: Pod): Promise<void> {
    await mkdir(this.#podDir(uidOf(pod)), { recursive: true, mode: 0o750 });
    await mkdir(this.logDirectory(pod), { recursive: true, mode: 0o755 });
  }

  async weighPod(pod: Pod): Promise<void> {
    const cgroup = podCgroup(this.#options.cgroupParent, uidOf(pod));
    setCpuShares(cgroup, sharesOf(podRequests(pod).cpu));
  }

  async prepareContainer(request: ContainerFilesRequest): Promise<ContainerMount[]> {
    const { pod, container, attempt } = request;
    await mkdir(join(this.logDirectory(pod), container.name), { recursive: true, mode: 0o755 });
    const mounts: ContainerMount[] = [];
    for (const mount of container.volumeMounts ?? []) {
      mounts.push(await this.#volumeMount(request, mount));
    }
    const taken = new Set(mounts.map((mount) => mount.containerPath));
    if (!taken.has('/etc/hosts')) mounts.push(await this.#hosts(request));
    const messagePath = container.terminationMessagePath || DEFAULT_TERMINATION_PATH;
    if (taken.has(messagePath)) return mounts;
    const hostPath = this.#messageFile(uidOf(pod), container.name, attempt);
    await mkdir(dirname(hostPath), { recursive: true });
    await writeFile(hostPath, '');
    await chmod(hostPath, WORLD_WRITABLE); // The container's user is not ours; the umask does not count.
    mounts.push(plainMount(messagePath, hostPath));
    return mounts;
  }

  async terminationMessage(pod: Pod, container: Container, run: RuntimeContainer): Promise<string> {
    const file = this.#messageFile(uidOf(pod), container.name, run.attempt);
    const words = await head(file, TERMINATION_MESSAGE_BYTES);
    const fallBack = container.terminationMessagePolicy === 'FallbackToLogsOnError';
    if (words !== '' || !fallBack || run.exitCode === 0 || run.logPath === '') return words;
    return logTail(run.logPath);
  }

  async remove(pod: RuntimePodRef): Promise<void> {
    await rm(this.#podDir(pod.uid), { recursive: true, force: true });
    await rm(this.#logs(pod), { recursive: true, force: true });
    // The runtime removes what it made for containers, not the pod's folder around them.
    removeCgroups(podCgroup(this.#options.cgroupParent, pod.uid));
  }

  #podDir(uid: string): string {
    return join(this.#options.podsDir, uid);
  }

  #logs({ uid, name, namespace }: RuntimePodRef): string {
    return join(this.#options.logsDir, `${namespace}_${name}_${uid}`);
  }

  #messageFile(uid: string, container: string, attempt: number): string {
    return join(this.#podDir(uid), 'containers', container, `${attempt}`);
  }

  async #hosts({ pod, podIps }: ContainerFilesRequest): Promise<ContainerMount> {
    const { clusterDomain, hostHosts } = this.#options;
    const hostPath = join(this.#podDir(uidOf(pod)), 'etc-hosts');
    await writeFile(hostPath, hostsFile(pod, podIps, clusterDomain, hostHosts), { mode: 0o644 });
    return plainMount('/etc/hosts', hostPath);
  }

  async #volumeMount(
    { pod, volumes, env }: ContainerFilesRequest,
    mount: VolumeMount,
  ): Promise<ContainerMount> {
    const root = volumes.get(mount.name);
    if (root === undefined) throw new VolumeFault(`volume "${mount.name}" is not mounted`);
    const { mountPath, subPathExpr } = mount;
    const subPath = subPathExpr ? expandedPart(subPathExpr, env) : (mount.subPath ?? '');
    checkRecursion(mount);
    return {
      containerPath: isAbsolute(mountPath) ? mountPath : join('/', mountPath),
      hostPath: subPath === '' ? root : await resolveSubPath(root, subPath),
      readonly: (mount.readOnly ?? false) || isPayloadVolume(pod, mount.name),
      propagation: PROPAGATION[mount.mountPropagation ?? ''] ?? 'private',
    };
  }
}

/** A variable that is missing or empty would lead to another part than the one that is meant. */
function expandedPart(expression: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set<string>();
  const path = expandVariables(expression, (name) => {
    const value = env.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size === 0) return path;
  throw new VolumeFault(`missing value for ${[...missing].sort().join(', ')}`);
}

/** Mounts below a read-only one stay writable here: who insists that they are not is told so. */
function checkRecursion({ name, readOnly, recursiveReadOnly }: VolumeMount): void {
  if (!readOnly || recursiveReadOnly !== 'Enabled') return;
  const why = `volume "${name}" requested recursive read-only mode, but it is not supported by the runtime`;
  throw new VolumeFault(`failed to resolve recursive read-only mode: ${why}`);
}

const plainMount = (containerPath: string, hostPath: string): ContainerMount => ({
  containerPath,
  hostPath,
  readonly: false,
  propagation: 'private',
});

/** Volumes whose content the kubelet writes are never writable inside. */
function isPayloadVolume(pod: Pod, name: string): boolean {
  const volume = specOf(pod).volumes?.find((one) => one.name === name);
  if (volume === undefined) return false;
  return (
    volume.configMap !== undefined ||
    volume.secret !== undefined ||
    volume.downwardAPI !== undefined ||
    volume.projected !== undefined
  );
}
