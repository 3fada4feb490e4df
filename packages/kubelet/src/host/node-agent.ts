import { isAlreadyExists, isNotFound, type Node, type NodeStatus, type Taint } from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';
import { type Clock, errorMessage, type Logger, type Random, type Timer } from '@kubets/platform';
import type { NodeMarks } from '../core/node-fit.ts';
import {
  allocatablePatch,
  type MachineFacts,
  type MachinePressure,
  newNode,
  nodeLabels,
  nodeStatus,
  notReadyMessage,
  statusChanged,
} from '../core/node-status.ts';
import {
  LEASE_RENEW_MS,
  NODE_STARTUP_CHECK_MS,
  NODE_STARTUP_MAX_MS,
  NODE_STATUS_CHECK_MS,
  NODE_STATUS_REPORT_MS,
} from '../limits.ts';
import type { ContainerRuntime, ImageInfo, RuntimeReadiness } from '../ports.ts';
import { NodeLease } from './node-lease.ts';

export interface NodeAgentOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly runtime: ContainerRuntime;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly machine: MachineFacts;
  readonly pressure: () => MachinePressure;
  readonly maxPods: number;
  readonly doorPort: number;
  readonly kubeletVersion: string;
  /** Given on the command line; empty: the controller manager assigns one. */
  readonly podCidr: string;
  readonly taints: readonly Taint[];
  /** The node's pod range became known, or changed. */
  readonly onPodCidr: (cidr: string) => Promise<void>;
  readonly onReady: () => void;
}

const STARTUP_GROWTH = 1.5;

const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'Ready',
  'MemoryPressure',
  'DiskPressure',
  'PIDPressure',
]);

/** Registers the node, keeps its status and lease fresh. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #nodes: ResourceApi<Node>;
  readonly #lease: NodeLease;
  readonly #timers = new Set<Timer>();
  #podCidr = '';
  #nodeUid = '';
  #marks: NodeMarks | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #ready = false;
  #startupWaitMs = NODE_STARTUP_CHECK_MS;
  #stopped = false;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#nodes = options.api.resource<Node>('v1', 'nodes');
    this.#lease = new NodeLease(options.api, options.name, options.clock);
  }

  /** True once the API was told that the node is ready. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What the node was marked with when it was last looked at. */
  get marks(): NodeMarks | undefined {
    return this.#marks;
  }

  /** What the node is marked with now. */
  async askMarks(): Promise<NodeMarks | undefined> {
    this.#noteMarks(await this.#nodes.get('', this.#options.name));
    return this.#marks;
  }

  start(): void {
    this.#repeat(() => this.#statusRound());
    this.#repeat(() => this.#leaseRound());
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  /** Runs a round after round; each says how long to wait for the next. */
  #repeat(round: () => Promise<number>): void {
    if (this.#stopped) return;
    void round().then((waitMs) => {
      if (this.#stopped) return;
      const { clock, random } = this.#options;
      // Spread out, so that many nodes do not move in step.
      const jitter = 0.9 + 0.1 * random.next();
      const timer = clock.setTimeout(() => {
        this.#timers.delete(timer);
        this.#repeat(round);
      }, waitMs * jitter);
      this.#timers.add(timer);
    });
  }

  async #leaseRound(): Promise<number> {
    if (this.#nodeUid === '') return NODE_STARTUP_CHECK_MS;
    try {
      await this.#lease.renew(this.#nodeUid);
      return LEASE_RENEW_MS;
    } catch (error) {
      this.#options.log.warn({ error: errorMessage(error) }, 'cannot renew node lease');
      return NODE_STARTUP_CHECK_MS * 4;
    }
  }

  async #statusRound(): Promise<number> {
    const { log } = this.#options;
    try {
      const node = await this.#register();
      this.#noteMarks(node);
      await this.#useCidr(node);
      // Most nodes get their range within moments: that they wait for it is not worth telling.
      const young = this.#podCidr === '' && this.#startupWaitMs < NODE_STARTUP_MAX_MS / 2;
      if (!young) await this.#report(node);
      return this.#ready ? NODE_STATUS_CHECK_MS : this.#nextStartupWaitMs();
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'cannot report node status');
      return NODE_STARTUP_CHECK_MS * 4;
    }
  }

  #noteMarks({ metadata, spec }: Node): void {
    const { name } = this.#options;
    this.#marks = { name, labels: metadata.labels ?? {}, taints: spec?.taints ?? [] };
  }

  /** Often at first, then less so: a thousand nodes that wait for something must not keep it from happening. */
  #nextStartupWaitMs(): number {
    const waitMs = this.#startupWaitMs;
    this.#startupWaitMs = Math.min(NODE_STARTUP_MAX_MS, waitMs * STARTUP_GROWTH);
    return waitMs;
  }

  /** The node's object, made if need be. */
  async #register(): Promise<Node> {
    const { name, machine, podCidr, taints } = this.#options;
    try {
      return await this.#withLabels(await this.#nodes.get('', name));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const fresh = newNode(name, machine, podCidr);
    if (taints.length > 0) fresh.spec = { ...fresh.spec, taints: [...taints] };
    try {
      return await this.#nodes.create(fresh);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return this.#nodes.get('', name);
    }
  }

  async #withLabels(node: Node): Promise<Node> {
    const { name, machine } = this.#options;
    this.#nodeUid = node.metadata.uid ?? '';
    const wanted = nodeLabels(name, machine);
    const present = node.metadata.labels ?? {};
    if (Object.entries(wanted).every(([key, value]) => present[key] === value)) return node;
    return this.#nodes.patch('', name, 'merge', { metadata: { labels: wanted } });
  }

  async #useCidr(node: Node): Promise<void> {
    this.#nodeUid = node.metadata.uid ?? '';
    const cidr = node.spec?.podCIDR ?? this.#options.podCidr;
    if (cidr === '' || cidr === this.#podCidr) return;
    await this.#options.onPodCidr(cidr);
    this.#podCidr = cidr;
  }

  async #report(node: Node): Promise<void> {
    const { clock, name } = this.#options;
    const status = await this.#status(node.status);
    const nowMs = clock.monotonicMs();
    const due = nowMs - this.#reportedAtMs >= NODE_STATUS_REPORT_MS;
    if (due || statusChanged(node.status, withoutUndefined(status))) {
      const conditions = (status.conditions ?? []).filter((one) => OWN_CONDITIONS.has(one.type));
      const addresses = [...(status.addresses ?? []), { $patch: 'replace' }];
      const allocatable = allocatablePatch(node.status, status);
      const body = { status: { ...status, allocatable, conditions, addresses } };
      await this.#nodes.patch('', name, 'strategic', body, { subresource: 'status' });
      this.#reportedAtMs = nowMs;
    }
    const ready = status.conditions?.find((one) => one.type === 'Ready')?.status === 'True';
    if (ready && !this.#ready) this.#options.onReady();
    this.#ready = ready;
    if (ready) this.#startupWaitMs = NODE_STARTUP_CHECK_MS;
  }

  async #status(old: NodeStatus | undefined): Promise<NodeStatus> {
    const { runtime, clock, machine, pressure, maxPods, doorPort } = this.#options;
    const { name, addresses, kubeletVersion } = this.#options;
    const [readiness, version, images] = await Promise.all([
      this.#readiness(),
      runtime.version().catch(() => ({ name: 'unknown', version: 'unknown' })),
      runtime.listImages().catch((): ImageInfo[] => []),
    ]);
    const runtimeVersion = `${version.name}://${version.version}`;
    return nodeStatus(
      {
        name,
        addresses,
        machine,
        pressure: pressure(),
        readiness,
        runtimeVersion,
        kubeletVersion,
        maxPods,
        doorPort,
        images,
        nowMs: clock.now(),
      },
      old,
    );
  }

  async #readiness(): Promise<RuntimeReadiness> {
    try {
      return await this.#options.runtime.readiness();
    } catch (error) {
      const down = { ok: false, reason: 'RuntimeUnavailable', message: errorMessage(error) };
      return { runtime: down, network: { ok: true, reason: '', message: '' } };
    }
  }

  /** Why the node is not ready, from the runtime; undefined when it is. */
  async fault(): Promise<string | undefined> {
    return notReadyMessage(await this.#readiness());
  }
}

const withoutUndefined = (status: NodeStatus): NodeStatus =>
  JSON.parse(JSON.stringify(status)) as NodeStatus;
