import type { Pod, Service, Taint } from '@kubets/api';
import { type Api, EventRecorder } from '@kubets/client';
import { type Clock, errorMessage, type Logger, type Random, type Timer } from '@kubets/platform';
import { FailureBackoff } from '../core/backoff.ts';
import type { DownwardFacts } from '../core/downward.ts';
import type { MachineFacts, MachinePressure } from '../core/node-status.ts';
import { specOf } from '../core/pod.ts';
import { MAKING_AT_ONCE, POD_RETRY_MS } from '../limits.ts';
import type {
  ClaimPlace,
  ContainerRuntime,
  ObjectSource,
  PodFiles,
  PodVolumes,
  ProbeRunner,
} from '../ports.ts';
import type { NodeFacts, PodDeps } from './deps.ts';
import { Housekeeping } from './housekeeping.ts';
import { Images } from './images.ts';
import { Killer } from './killer.ts';
import type { KubeletFigures } from './kubelet-figures.ts';
import { NodeAgent } from './node-agent.ts';
import { PodEvents } from './pod-events.ts';
import { PodWorkers } from './pod-workers.ts';
import { type ProbeCount, Prober } from './probes/prober.ts';
import { Semaphore } from './semaphore.ts';
import { StatusSender } from './status-sender.ts';

/** The parts that differ between a real and a simulated node. */
export interface NodeParts {
  readonly runtime: ContainerRuntime;
  readonly runtimeName: string;
  readonly files: PodFiles;
  readonly volumes: PodVolumes;
  readonly probes: ProbeRunner;
  readonly objects: ObjectSource;
  readonly onPodCidr: (cidr: string) => Promise<void>;
  /** Runs as long as the node does: what leads to the pods of other nodes. */
  readonly network?: { start(): void; stop(): Promise<void> };
}

export interface KubeletNodeOptions extends NodeParts {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly facts: NodeFacts;
  readonly machine: MachineFacts;
  readonly pressure: () => MachinePressure;
  readonly doorPort: number;
  readonly kubeletVersion: string;
  readonly podCidr: string;
  readonly taints: readonly Taint[];
  readonly services: () => readonly Service[];
  /** Where its work is counted; absent: nowhere. */
  readonly figures?: KubeletFigures | undefined;
  readonly onReady: () => void;
}

/** What a pod may learn of its node and addresses, from its status. */
export function downwardFacts(pod: Pod, node: NodeFacts): DownwardFacts {
  const own = specOf(pod).hostNetwork ? node.ips : undefined;
  return {
    podIps: own ?? pod.status?.podIPs?.map((one) => one.ip) ?? [],
    hostIps: node.ips,
    allocatable: {
      cpuMilli: node.cpuMilli,
      memoryBytes: node.memoryBytes,
      diskBytes: node.diskBytes,
    },
  };
}

/** One node: everything between the API's pods and the container runtime. */
export class KubeletNode {
  readonly workers = new PodWorkers();
  readonly agent: NodeAgent;
  readonly #options: KubeletNodeOptions;
  readonly #recorder: EventRecorder;
  readonly #prober: Prober;
  readonly #statuses: StatusSender;
  readonly #housekeeping: Housekeeping;
  #watch: { stop(): void } | undefined;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(options: KubeletNodeOptions) {
    this.#options = options;
    const { api, clock, random, log, facts, runtime } = options;
    const host = facts.name;
    this.#recorder = new EventRecorder({ api, component: 'kubelet', host, clock, log });
    const events = new PodEvents(this.#recorder);
    const trigger = (uid: string): void => void this.workers.trigger(uid);
    this.#prober = new Prober({ runner: options.probes, clock, events, onChange: trigger });
    this.#statuses = new StatusSender({ api, clock, random, log });
    const isKnown = (uid: string): boolean => this.workers.has(uid);
    this.#housekeeping = new Housekeeping({ runtime, clock, log, isKnown });
    this.agent = new NodeAgent({
      ...options,
      name: facts.name,
      addresses: facts.ips,
      maxPods: facts.maxPods,
    });
    this.workers.connect(this.#deps(events, trigger));
  }

  /** Where the volumes of its pods' claims are. */
  claims(): Iterable<ClaimPlace> {
    return this.#options.volumes.claims?.() ?? [];
  }

  /** How the probes of its pods went. */
  probeCounts(): Iterable<ProbeCount> {
    return this.#prober.counts();
  }

  /** Registers the node. Pods come through {@link update} and {@link gone}. */
  start(): void {
    this.agent.start();
    this.#options.network?.start();
    this.#housekeeping.start();
    this.#watch = this.#options.runtime.watchPods((uid) => this.workers.trigger(uid));
  }

  update(pod: Pod): void {
    this.workers.update(pod);
  }

  gone(pod: Pod): void {
    this.workers.gone(pod);
  }

  /** Ends what runs here without being in the API, until it has. Call once all pods of the API have come in. */
  async adopt(): Promise<void> {
    if (this.#stopped) return;
    const { clock, log } = this.#options;
    try {
      await this.#endOrphans();
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'cannot look for orphaned pods, trying again');
      this.#retry = clock.setTimeout(() => void this.adopt(), POD_RETRY_MS);
    }
  }

  async #endOrphans(): Promise<void> {
    const { runtime, volumes, files } = this.#options;
    for (const ref of await runtime.listPods()) this.workers.orphan(ref);
    for (const uid of await volumes.mounted()) {
      if (this.workers.has(uid)) continue;
      await volumes.unmount(uid);
      await files.remove({ uid, name: '', namespace: '' });
    }
  }

  /** The kubelet goes; pods stay as they are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#watch?.stop();
    this.#housekeeping.stop();
    this.agent.stop();
    this.#prober.stop();
    this.workers.stop();
    this.#statuses.stop();
    await this.#options.network?.stop();
    await this.#recorder.flush();
  }

  #deps(events: PodEvents, trigger: (uid: string) => void): PodDeps {
    const { api, clock, log, runtime, runtimeName, facts, objects } = this.#options;
    const { services, volumes, files, figures } = this.#options;
    return {
      api,
      runtime,
      runtimeName,
      clock,
      log,
      events,
      node: facts,
      objects,
      services,
      volumes,
      files,
      images: new Images({ runtime, objects, events, clock }),
      prober: this.#prober,
      killer: new Killer({ runtime, clock, log, events, onStopped: trigger }),
      statuses: this.#statuses,
      figures,
      crashes: new FailureBackoff(),
      slots: new Semaphore(MAKING_AT_ONCE),
      neighbours: (pod) => this.workers.neighbours(pod),
      marks: (isFresh) => (isFresh ? this.agent.askMarks() : this.agent.marks),
    };
  }
}
