/** Measures what the pods of a node use, in the kernel's own books. Runtimes cannot tell on every machine; these can. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ContainerStatus, Pod } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import {
  type CgroupUse,
  cgroupUse,
  type InterfaceUse,
  interfacesOf,
} from '../../core/cgroup-usage.ts';
import { nameOf, namespaceOf, specOf, uidOf } from '../../core/pod.ts';
import { podCgroup } from '../cgroups.ts';

/** A cgroup of a pod, of one of its containers, or of what holds the pod together. */
export interface MeasuredGroup {
  /** The cgroup's path. */
  readonly path: string;
  readonly use: CgroupUse;
  readonly atMs: number;
}

export interface MeasuredContainer extends MeasuredGroup {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  readonly startedMs: number;
}

export interface MeasuredPod {
  readonly pod: Pod;
  /** Undefined when the pod's own cgroup cannot be read. */
  readonly whole: MeasuredGroup | undefined;
  readonly containers: readonly MeasuredContainer[];
  /** Empty with host networking: that is the node's. */
  readonly interfaces: readonly InterfaceUse[];
}

export interface MeterOptions {
  /** Parent of the pods' cgroups. */
  readonly cgroupParent: string;
  readonly clock: Clock;
  /** Where the kernel shows its cgroups, and its processes. */
  readonly cgroupRoot?: string;
  readonly procRoot?: string;
}

export class Meter {
  readonly #options: MeterOptions;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** Others get their turn between two pods. */
  async measure(pods: readonly Pod[]): Promise<MeasuredPod[]> {
    const out: MeasuredPod[] = [];
    for (const pod of pods) {
      out.push(this.#pod(pod));
      await turn();
    }
    return out;
  }

  /** The whole machine. */
  machine(): { whole: MeasuredGroup | undefined; interfaces: readonly InterfaceUse[] } {
    const { procRoot = '/proc' } = this.#options;
    const text = textOf(join(procRoot, 'self', 'net', 'dev')) ?? '';
    return { whole: this.#group('/'), interfaces: interfacesOf(text) };
  }

  #pod(pod: Pod): MeasuredPod {
    const path = podCgroup(this.#options.cgroupParent, uidOf(pod));
    const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
    const { ephemeralContainerStatuses = [] } = pod.status ?? {};
    const all = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
    const containers = all.flatMap((one) => this.#container(path, one));
    const isAlone = specOf(pod).hostNetwork !== true;
    const interfaces = isAlone ? this.#interfaces(path) : [];
    return { pod, whole: this.#group(path), containers, interfaces };
  }

  #container(podPath: string, status: ContainerStatus): MeasuredContainer[] {
    const { name, image, containerID = '', state } = status;
    const startedAt = state?.running?.startedAt;
    const id = containerID.replace(/^[\w.-]+:\/\//, '');
    if (startedAt === undefined || id === '') return [];
    const group = this.#group(`${podPath}/${id}`);
    if (group === undefined) return [];
    return [{ ...group, name, id, image, startedMs: Date.parse(startedAt) }];
  }

  #group(path: string): MeasuredGroup | undefined {
    const { cgroupRoot = '/sys/fs/cgroup', clock } = this.#options;
    const use = cgroupUse((controller, file) => textOf(join(cgroupRoot, controller, path, file)));
    return use && { path, use, atMs: clock.now() };
  }

  /** By way of any of the pod's processes: all of them share its network. */
  #interfaces(path: string): readonly InterfaceUse[] {
    const { cgroupRoot = '/sys/fs/cgroup', procRoot = '/proc' } = this.#options;
    for (const controller of ['cpuacct', '']) {
      const dir = join(cgroupRoot, controller, path);
      for (const child of foldersIn(dir)) {
        const [pid] = (textOf(join(dir, child, 'cgroup.procs')) ?? '').split('\n');
        const text = pid ? textOf(join(procRoot, pid, 'net', 'dev')) : undefined;
        if (text !== undefined) return interfacesOf(text);
      }
    }
    return [];
  }
}

/** Who a measured pod is. */
export const whoOf = ({ pod }: MeasuredPod): { namespace: string; name: string; uid: string } => ({
  ...{ namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
});

/** A file that is not there, or went away while it was read, has no text. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function foldersIn(dir: string): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries.filter((one) => one.isDirectory()).map((one) => one.name);
  } catch {
    return [];
  }
}
