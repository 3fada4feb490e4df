import { isNotFound, type KubeObject, type OwnerReference } from '@kubets/api';
import type { EventRecorder, ResourceApi } from '@kubets/client';
import type { ControllerDeps } from '../host/controller.ts';
import { ABSENT_OWNER_CACHE } from '../limits.ts';
import { isDeleting, uidOf } from '../objects/meta.ts';
import { blockersOf, judge, type OwnerFact, type OwnerState, type Verdict } from './decide.ts';
import {
  FOREGROUND_FINALIZER,
  type GraphNode,
  isElsewhere,
  isNamedBy,
  type KindRef,
  ORPHAN_FINALIZER,
  type OwnerGraph,
  type Work,
} from './graph.ts';

/** Where the owner that a reference names is found; undefined for kinds that are not known. */
export type KindLookup = (ref: OwnerReference) => KindRef | undefined;

/** Carries out what {@link judge} decides, on facts read from the API at that moment. */
export class Collector {
  readonly #deps: ControllerDeps;
  readonly #graph: OwnerGraph;
  readonly #enqueue: (work: Work) => void;
  readonly #events: EventRecorder;
  readonly #kindOf: KindLookup;
  /** Owners the API does not have, by the namespace they were looked for in. */
  readonly #absent = new RecentSet(ABSENT_OWNER_CACHE);
  /** Owners that were seen to go. Their kind may be gone with them, and the API then knows nothing of either. */
  readonly #gone = new RecentSet(ABSENT_OWNER_CACHE);

  constructor(
    deps: ControllerDeps,
    facts: { graph: OwnerGraph; kindOf: KindLookup },
    enqueue: (work: Work) => void,
  ) {
    this.#deps = deps;
    this.#graph = facts.graph;
    this.#kindOf = facts.kindOf;
    this.#enqueue = enqueue;
    this.#events = deps.recorder('garbage-collector-controller');
  }

  /** An object was deleted. */
  sawGo(uid: string): void {
    const node = this.#graph.node(uid);
    if (node && this.#graph.hasDependents(uid)) this.#gone.add(goneKey(node.kind.namespaced, uid));
    this.#enqueue(this.#graph.forget(uid));
  }

  /** Looks at one object: finishes its foreground deletion, or decides whether it may stay. */
  async check(uid: string): Promise<void> {
    const node = this.#graph.node(uid);
    if (!node || (node.deleting && !node.foreground)) return;
    if (!node.foreground && this.#clearlyOwned(node)) return;
    const live = await this.#live(node);
    if (!live) {
      this.#enqueue(this.#graph.forget(uid));
      return;
    }
    if (isDeleting(live)) {
      if (live.metadata.finalizers?.includes(FOREGROUND_FINALIZER)) await this.#advance(node, live);
      return;
    }
    const owners = await this.#ownerFacts(node, live.metadata.ownerReferences ?? []);
    const verdict = judge(live, owners, this.#graph.dependentsOf(uid));
    await this.#carryOut(verdict, node, live);
  }

  /** Frees all dependents of an object that is deleted without them, then the object itself. */
  async orphanDependents(uid: string): Promise<void> {
    const node = this.#graph.node(uid);
    if (!node?.orphan) return;
    for (const dependent of this.#graph.dependentsOf(uid)) {
      const live = await this.#live(dependent);
      const refs = live?.metadata.ownerReferences ?? [];
      if (!live || !refs.some((ref) => ref.uid === uid)) continue;
      await this.#writeOwners(
        dependent,
        live,
        refs.filter((ref) => ref.uid !== uid),
      );
    }
    const live = await this.#live(node);
    if (live) await this.#dropFinalizer(node, live, ORPHAN_FINALIZER);
  }

  /** All owners are in the graph, in the right place and staying: the common case, without a request. */
  #clearlyOwned(node: GraphNode): boolean {
    return node.owners.every((ref) => this.#fromGraph(node, ref) === 'solid');
  }

  #fromGraph(node: GraphNode, ref: OwnerReference): OwnerState | undefined {
    const owner = this.#graph.node(ref.uid);
    if (!owner || !isNamedBy(owner, ref, node)) return undefined;
    return owner.foreground ? 'waiting' : 'solid';
  }

  async #ownerFacts(node: GraphNode, refs: readonly OwnerReference[]): Promise<OwnerFact[]> {
    const facts: OwnerFact[] = [];
    for (const ref of refs) {
      const state = this.#fromGraph(node, ref) ?? (await this.#stateFromApi(node, ref));
      facts.push({ ref, state });
    }
    return facts;
  }

  async #stateFromApi(node: GraphNode, ref: OwnerReference): Promise<OwnerState> {
    const seen = this.#graph.node(ref.uid);
    if (seen && isElsewhere(seen, node)) this.#warnPlace(node, ref);
    const place = `${node.namespace}/${ref.uid}`;
    if (this.#absent.has(place)) return 'absent';
    const kind = this.#kindOf(ref);
    if (!kind) return this.#wentBefore(node, ref) ? 'absent' : 'unknown';
    if (kind.namespaced && !node.kind.namespaced) {
      if (!seen) this.#warnPlace(node, ref);
      return 'unknown';
    }
    try {
      const owners = this.#deps.api.resource<KubeObject>(kind.gv, kind.resource);
      const live = await owners.get(kind.namespaced ? node.namespace : '', ref.name);
      if (uidOf(live) === ref.uid) {
        const waits = live.metadata.finalizers?.includes(FOREGROUND_FINALIZER) === true;
        return isDeleting(live) && waits ? 'waiting' : 'solid';
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#absent.add(place);
    return 'absent';
  }

  /** Whether an owner that could own this object was seen to go. */
  #wentBefore({ kind }: GraphNode, { uid }: OwnerReference): boolean {
    if (this.#gone.has(goneKey(false, uid))) return true;
    return kind.namespaced && this.#gone.has(goneKey(true, uid));
  }

  async #advance(node: GraphNode, live: KubeObject): Promise<void> {
    const dependents = this.#graph.dependentsOf(node.uid);
    const blockers = blockersOf(node.uid, dependents);
    if (blockers.length === 0) {
      await this.#dropFinalizer(node, live, FOREGROUND_FINALIZER);
      return;
    }
    const check = dependents.filter((d) => !d.deleting).map((d) => d.uid);
    this.#enqueue({ check, orphan: [] });
  }

  async #carryOut(verdict: Verdict, node: GraphNode, live: KubeObject): Promise<void> {
    if (verdict.type === 'keep') return;
    if (verdict.type === 'drop-owners') {
      await this.#writeOwners(node, live, verdict.keep);
      return;
    }
    let seen: KubeObject | undefined = live;
    if (verdict.unblock) seen = await this.#writeOwners(node, live, verdict.unblock);
    if (!seen) return;
    const { uid, resourceVersion } = seen.metadata;
    try {
      await this.#api(node).delete(node.namespace, node.name, {
        propagationPolicy: verdict.policy,
        // The version too: an object adopted since it was judged must not be taken from its new owner.
        preconditions: {
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #writeOwners(
    node: GraphNode,
    live: KubeObject,
    ownerReferences: readonly OwnerReference[],
  ): Promise<KubeObject | undefined> {
    return this.#patchMeta(node, live, { ownerReferences });
  }

  async #dropFinalizer(node: GraphNode, live: KubeObject, finalizer: string): Promise<void> {
    const present = live.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) return;
    await this.#patchMeta(node, live, { finalizers: present.filter((name) => name !== finalizer) });
  }

  async #patchMeta(
    node: GraphNode,
    live: KubeObject,
    change: object,
  ): Promise<KubeObject | undefined> {
    const { uid, resourceVersion } = live.metadata;
    const body = { metadata: { uid, resourceVersion, ...change } };
    try {
      return await this.#api(node).patch(node.namespace, node.name, 'merge', body);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The object as the API has it, unless it is gone or its name belongs to another by now. */
  async #live(node: GraphNode): Promise<KubeObject | undefined> {
    try {
      const live = await this.#api(node).get(node.namespace, node.name);
      return uidOf(live) === node.uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #api(node: GraphNode): ResourceApi<KubeObject> {
    return this.#deps.api.resource<KubeObject>(node.kind.gv, node.kind.resource);
  }

  #warnPlace(node: GraphNode, ref: OwnerReference): void {
    const { name, uid, kind, namespace } = node;
    const metadata = { name, uid, ...(namespace === '' ? {} : { namespace }) };
    const regarding = { apiVersion: kind.gv, kind: kind.kind, metadata };
    const owner = `${ref.apiVersion}/${ref.kind}, namespace: ${namespace}, name: ${ref.name}, uid: ${ref.uid}`;
    const message = `ownerRef [${owner}] does not exist in namespace "${namespace}"`;
    this.#events.event(regarding, 'Warning', 'OwnerRefInvalidNamespace', message);
  }
}

const goneKey = (namespaced: boolean, uid: string): string => `${namespaced}/${uid}`;

/** The last `limit` distinct texts. */
class RecentSet {
  readonly #limit: number;
  readonly #items = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(item: string): boolean {
    return this.#items.has(item);
  }

  add(item: string): void {
    this.#items.add(item);
    const [oldest] = this.#items;
    if (this.#items.size > this.#limit && oldest !== undefined) this.#items.delete(oldest);
  }
}
