import type { Pod, Service } from '@kubets/api';
import type { Api } from '@kubets/client';
import type { Clock, Logger } from '@kubets/platform';
import type { FailureBackoff } from '../core/backoff.ts';
import type { ClusterDns } from '../core/dns.ts';
import type { NodeMarks } from '../core/node-fit.ts';
import type { ContainerRuntime, DnsConfig, ObjectSource, PodFiles, PodVolumes } from '../ports.ts';
import type { Images } from './images.ts';
import type { Killer } from './killer.ts';
import type { KubeletFigures } from './kubelet-figures.ts';
import type { PodEvents } from './pod-events.ts';
import type { Prober } from './probes/prober.ts';
import type { Semaphore } from './semaphore.ts';
import type { StatusSender } from './status-sender.ts';

/** What the node offers; the same for every pod. */
export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Storage that pods may use. */
  readonly diskBytes: number;
  readonly maxPods: number;
  /** Parent of the pods' cgroups, such as `/kubets/node-1`. */
  readonly cgroupRoot: string;
  readonly seccompDir: string;
  readonly dns: ClusterDns;
  /** The host's own resolver configuration. */
  readonly hostDns: DnsConfig;
}

/** Everything a pod's worker works with. */
export interface PodDeps {
  readonly api: Api;
  readonly runtime: ContainerRuntime;
  readonly runtimeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: PodEvents;
  readonly node: NodeFacts;
  readonly objects: ObjectSource;
  readonly services: () => readonly Service[];
  readonly volumes: PodVolumes;
  readonly files: PodFiles;
  readonly images: Images;
  readonly prober: Prober;
  readonly killer: Killer;
  readonly statuses: StatusSender;
  readonly figures?: KubeletFigures | undefined;
  readonly crashes: FailureBackoff;
  /** Sandboxes and containers made at once. */
  readonly slots: Semaphore;
  /** Pods on this node that hold resources, other than the given one. */
  readonly neighbours: (pod: Pod) => readonly Pod[];
  /** What the node is marked with, as last seen or asked for anew; undefined while nothing is known of it. */
  readonly marks: (isFresh: boolean) => Promise<NodeMarks | undefined> | NodeMarks | undefined;
}
