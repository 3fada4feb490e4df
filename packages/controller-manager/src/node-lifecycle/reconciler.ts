import { isConflict, isNotFound, type Node, type Pod } from '@kubets/api';
import type { EventRecorder, ResourceApi } from '@kubets/client';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  periodicController,
  queueController,
} from '../host/controller.ts';
import { INDEX, NODE_LEASE_NAMESPACE } from '../host/informers.ts';
import { forEachLimit } from '../host/slow-start.ts';
import { DEFAULT_CONCURRENCY, NODE_STARTUP_GRACE_MS } from '../limits.ts';
import { findCondition } from '../objects/conditions.ts';
import { formatTime, keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { isReady } from '../objects/pods.ts';
import { type Heartbeat, judgeHealth, readyStatus } from './health.ts';
import { NameServers, type NodeState } from './servers.ts';
import { desiredTaints, evictionTaintKey, presentEvictionKey } from './taints.ts';
import { evictionRate, RateGate, zoneOf, zoneState } from './zones.ts';

export interface NodeLifecycleOptions {
  monitorPeriodMs: number;
  graceMs: number;
}

/** Notices nodes that went silent, taints them, and says so on their pods. Two loops, one state. */
export function nodeLifecycleControllers(
  deps: ControllerDeps,
  options: NodeLifecycleOptions,
): Controller[] {
  const loop = new NodeLoop(deps, options);
  const { nodes, nodeLeases, pods, nameServerSlices } = deps.informers;
  const needs = [nodes, nodeLeases, pods, nameServerSlices];
  const monitor = periodicController({
    name: 'node-lifecycle-controller',
    deps,
    periodMs: options.monitorPeriodMs,
    needs,
    tick: () => loop.monitor(),
  });
  const taints = queueController({
    name: 'node-lifecycle-controller',
    queueName: 'node_lifecycle_controller',
    deps,
    needs,
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key) => loop.reconcileTaints(key),
  });
  return [monitor, taints];
}

class NodeLoop {
  readonly #deps: ControllerDeps;
  readonly #options: NodeLifecycleOptions;
  readonly #nodeApi: ResourceApi<Node>;
  readonly #podApi: ResourceApi<Pod>;
  readonly #events: EventRecorder;
  readonly #nameServers: NameServers;
  readonly #heartbeats = new Map<string, Heartbeat>();
  readonly #lastReady = new Map<string, NodeState>();
  readonly #gates = new Map<string, RateGate>();

  constructor(deps: ControllerDeps, options: NodeLifecycleOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#nodeApi = deps.api.resource<Node>('v1', 'nodes');
    this.#podApi = deps.api.resource<Pod>('v1', 'pods');
    this.#events = deps.recorder('node-controller');
    this.#nameServers = new NameServers(deps);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const { nodes } = this.#deps.informers;
    const off = nodes.on({
      add: (node) => {
        this.#tell(node, 'RegisteredNode', 'event: Registered Node $ in Controller');
        queue.add(keyOf(node));
      },
      update: (_old, node) => queue.add(keyOf(node)),
      delete: (node) => {
        this.#heartbeats.delete(nameOf(node));
        this.#lastReady.delete(nameOf(node));
        this.#tell(node, 'RemovingNode', 'event: Removing Node $ from Controller');
      },
    });
    return [off];
  }

  /** One round over all nodes: heartbeats, then evictions at the rate their zone allows. */
  async monitor(): Promise<void> {
    const nodes = this.#deps.informers.nodes.list();
    const failures = await forEachLimit(nodes, DEFAULT_CONCURRENCY, (node) =>
      this.#checkNode(node),
    );
    await this.#evict(this.#deps.informers.nodes.list());
    await this.#nameServers.follow((name) => this.#stateOf(name));
    for (const error of failures) {
      if (!isConflict(error)) this.#deps.log.warn({ err: error }, 'node check failed');
    }
  }

  #stateOf(name: string): NodeState {
    const node = this.#deps.informers.nodes.get(name);
    if (!node) return 'missing';
    // One that never reported is not lost: it is about to begin.
    if (!findCondition(node.status?.conditions, 'Ready')) return 'False';
    return this.#lastReady.get(name) ?? 'False';
  }

  /** Taints that follow from what the node says of itself; evictions have their own pace. */
  async reconcileTaints(key: string): Promise<void> {
    const node = this.#deps.informers.nodes.get(key);
    if (!node) return;
    const wanted = evictionTaintKey(node);
    const present = presentEvictionKey(node);
    // From not-ready to unreachable and back is the same eviction: only the first taint waits.
    await this.#writeTaints(node, present === undefined ? undefined : wanted);
  }

  async #checkNode(node: Node): Promise<void> {
    const name = nameOf(node);
    const lease = this.#deps.informers.nodeLeases.get(`${NODE_LEASE_NAMESPACE}/${name}`);
    const nowMs = this.#deps.clock.now();
    const verdict = judgeHealth(node, lease, this.#heartbeats.get(name), {
      nowMs,
      graceMs: this.#options.graceMs,
      startupGraceMs: NODE_STARTUP_GRACE_MS,
    });
    this.#heartbeats.set(name, verdict.heartbeat);
    let current = node;
    if (verdict.conditions) {
      const status = { ...node.status, conditions: verdict.conditions };
      // Conditional on the version: a heartbeat that arrives right now wins.
      current = await this.#nodeApi.updateStatus({ ...node, status });
    }
    await this.#followReadiness(name, current);
  }

  /**
   * Pods of a node that just stopped being ready are not ready either. A silent node cannot say so
   * itself, so for it this is repeated; one that still talks corrects its pods on its own.
   */
  async #followReadiness(name: string, node: Node): Promise<void> {
    const ready = readyStatus(node);
    const last = this.#lastReady.get(name);
    this.#lastReady.set(name, ready);
    if (ready === 'True') return;
    if (last === 'True') this.#tell(node, 'NodeNotReady', 'status is now: NodeNotReady');
    if (ready === 'False' && last !== 'True') return;
    const pods = this.#deps.informers.pods.byIndex(INDEX.node, name).filter(isReady);
    await forEachLimit(pods, DEFAULT_CONCURRENCY, (pod) => this.#markNotReady(pod));
  }

  async #markNotReady(pod: Pod): Promise<void> {
    const lastTransitionTime = formatTime(this.#deps.clock.now());
    const conditions = (pod.status?.conditions ?? []).map((c) =>
      c.type === 'Ready' ? { ...c, status: 'False', lastTransitionTime } : c,
    );
    const { uid, resourceVersion } = pod.metadata;
    const body = { metadata: { uid, resourceVersion }, status: { conditions } };
    const namespace = namespaceOf(pod);
    try {
      await this.#podApi.patch(namespace, nameOf(pod), 'merge', body, { subresource: 'status' });
    } catch (error) {
      // Changed or gone meanwhile: the next round looks again.
      if (isNotFound(error) || isConflict(error)) return;
      throw error;
    }
    const regarding = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    this.#events.event(regarding, 'Warning', 'NodeNotReady', 'Node is not ready');
  }

  async #evict(nodes: readonly Node[]): Promise<void> {
    const zones = Map.groupBy(nodes, zoneOf);
    const states = new Map([...zones].map(([zone, members]) => [zone, zoneState(members)]));
    const allDown = nodes.length > 0 && [...states.values()].every((state) => state === 'full');
    for (const [zone, members] of zones) {
      const rate = evictionRate(states.get(zone) ?? 'normal', members.length);
      for (const node of members) {
        // Nothing is ready anywhere: most likely it is this side that is cut off. Evict nobody.
        if (allDown) await this.#setTaints(node, undefined);
        else await this.#evictNode(node, { zone, rate });
      }
    }
  }

  async #evictNode(node: Node, pace: { zone: string; rate: number }): Promise<void> {
    const wanted = evictionTaintKey(node);
    if (wanted === undefined || presentEvictionKey(node) !== undefined) return;
    const gate = this.#gates.get(pace.zone) ?? new RateGate();
    this.#gates.set(pace.zone, gate);
    if (!gate.tryTake(pace.rate, this.#deps.clock.monotonicMs())) return;
    await this.#setTaints(node, wanted);
    this.#deps.figures?.nodeEvicted(pace.zone);
  }

  /** As {@link #writeTaints}; a conflict is left to the next round. */
  async #setTaints(node: Node, evictionKey: string | undefined): Promise<void> {
    try {
      await this.#writeTaints(node, evictionKey);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  async #writeTaints(node: Node, evictionKey: string | undefined): Promise<void> {
    const taints = desiredTaints(node, evictionKey, this.#deps.clock.now());
    if (!taints) return;
    const { uid, resourceVersion } = node.metadata;
    const body = { metadata: { uid, resourceVersion }, spec: { taints } };
    try {
      await this.#nodeApi.patch('', nameOf(node), 'merge', body);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** @param text what happened; `$` stands for the node's name */
  #tell(node: Node, reason: string, text: string): void {
    const name = nameOf(node);
    const regarding = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: uidOf(node) } };
    this.#events.event(regarding, 'Normal', reason, `Node ${name} ${text.replace('$', name)}`);
  }
}
