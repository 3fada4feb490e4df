/** A node without a machine: everything a kubelet says to the API server, nothing of what it does to containers. */
import { type Clock, delay, type Random } from '@kubets/platform';
import { LEASE_RENEW_MS, NODE_CHECK_MS, NODE_REPORT_MS } from '../limits.ts';
import type { Call, Watch, WatchEvent } from '../runtime/rest-client.ts';
import {
  endedPatch,
  IMAGE,
  type Json,
  LEASE_NAMESPACE,
  lease,
  node,
  nodeName,
  nodeStatus,
  podEvent,
  podIp,
  renewed,
  runningPatch,
} from './objects.ts';
import type { WorkerOrders } from './ports.ts';
import { isStatus, type Requests } from './requests.ts';

type OnEvent = (event: WatchEvent) => void;

export interface HollowDeps {
  readonly requests: Requests<Call>;
  readonly watch: (path: string, onEvent: OnEvent | undefined) => Watch;
  readonly orders: WorkerOrders;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

interface HollowPod {
  readonly slot: number;
  ending: boolean;
}

const STRATEGIC = 'application/strategic-merge-patch+json';
const NODES = '/api/v1/nodes';
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`;
const JITTER = 0.1;

export class HollowNode {
  readonly #deps: HollowDeps;
  readonly #index: number;
  readonly #name: string;
  readonly #pods = new Map<string, HollowPod>();
  readonly #freeSlots: number[] = [];
  readonly #watches = new Set<Watch>();
  #slots = 0;
  #events = 0;
  #uid = '';
  #lease: Json | undefined;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #forgotten = false;
  registered = false;
  /** Whether pods may be placed here: no taint keeps them off. */
  ready = false;

  constructor(index: number, deps: HollowDeps) {
    this.#index = index;
    this.#name = nodeName(index);
    this.#deps = deps;
  }

  get podCount(): number {
    return this.#pods.size;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  /** Registers, then lives until the signal. */
  async live(): Promise<void> {
    const { signal } = this.#deps;
    await this.#register();
    const selector = encodeURIComponent(`spec.nodeName=${this.#name}`);
    this.#follow(`/api/v1/pods?fieldSelector=${selector}`, (event) => this.#onPod(event));
    const self = encodeURIComponent(`metadata.name=${this.#name}`);
    this.#follow(`${NODES}?fieldSelector=${self}`, ({ object }) => this.#onSelf(object));
    // A kubelet knows the Services for the environment of its pods; here nobody asks for them.
    this.#follow('/api/v1/services?', undefined);
    this.#repeat(LEASE_RENEW_MS, () => this.#renew());
    this.#repeat(NODE_CHECK_MS, () => this.#check());
    signal.addEventListener('abort', () => {
      for (const watch of this.#watches) watch.stop();
    });
  }

  /** Takes the node out of the API; its lease goes with it. */
  async forget(): Promise<void> {
    const { requests } = this.#deps;
    this.#forgotten = true;
    await requests.sure({ verb: 'DELETE', path: `${NODES}/${this.#name}` }).catch((error) => {
      if (!isStatus(error, 404)) throw error;
    });
  }

  async #register(): Promise<void> {
    const { requests, orders, clock } = this.#deps;
    const body = node(this.#index, orders.run);
    const made = await requests.sure({ verb: 'POST', path: NODES, body }).catch((error) => {
      if (!isStatus(error, 409)) throw error;
      return requests.sure({ verb: 'GET', path: `${NODES}/${this.#name}` });
    });
    this.#uid = (made.metadata as { uid: string }).uid;
    await this.#renew();
    await this.#report(clock.now());
    this.registered = true;
  }

  async #report(nowMs: number): Promise<void> {
    const body = nodeStatus(this.#index, nowMs);
    const path = `${NODES}/${this.#name}/status`;
    await this.#deps.requests.sure({ verb: 'PATCH', path, body, type: STRATEGIC });
    this.#reportedMs = this.#deps.clock.monotonicMs();
  }

  /** A kubelet reads its node every few seconds, and writes the status when it changed or became old. */
  async #check(): Promise<void> {
    const { requests, clock } = this.#deps;
    await requests.once({ verb: 'GET', path: `${NODES}/${this.#name}?resourceVersion=0` });
    if (clock.monotonicMs() - this.#reportedMs >= NODE_REPORT_MS) await this.#report(clock.now());
  }

  async #renew(): Promise<void> {
    const { requests, clock } = this.#deps;
    const path = `${LEASES}/${this.#name}`;
    try {
      if (this.#lease !== undefined) {
        const body = renewed(this.#lease, clock.now());
        this.#lease = await requests.once({ verb: 'PUT', path, body });
        return;
      }
      const body = lease(this.#index, this.#uid, clock.now());
      this.#lease = await requests.sure({ verb: 'POST', path: LEASES, body });
    } catch (error) {
      this.#lease = undefined;
      if (isStatus(error, 409)) this.#lease = await requests.sure({ verb: 'GET', path });
      else throw error;
    }
  }

  #repeat(everyMs: number, work: () => Promise<void>): void {
    const { clock, random, signal, onError } = this.#deps;
    // The first time is anywhere in the period, or all nodes would move in step.
    let waitMs = everyMs * random.next();
    const next = (): void => {
      if (signal.aborted) return;
      clock.setTimeout(() => {
        if (signal.aborted || this.#forgotten) return;
        void work().catch(onError).then(next);
      }, waitMs);
      waitMs = everyMs * (1 - JITTER * random.next());
    };
    next();
  }

  /** A list and its watch, again and again. */
  #follow(path: string, onEvent: OnEvent | undefined): void {
    const { signal, onError } = this.#deps;
    void this.#followOnce(path, onEvent)
      .catch(onError)
      .then(async () => {
        if (signal.aborted) return;
        await delay(1_000 * (1 + this.#deps.random.next()), { clock: this.#deps.clock, signal });
        this.#follow(path, onEvent);
      })
      .catch(() => undefined); // Aborted while it waited.
  }

  async #followOnce(path: string, onEvent: OnEvent | undefined): Promise<void> {
    const list = await this.#deps.requests.sure({ verb: 'GET', path: `${path}&resourceVersion=0` });
    const { resourceVersion } = list.metadata as { resourceVersion: string };
    const { items = [] } = list as { items?: Json[] };
    for (const object of items) onEvent?.({ type: 'ADDED', object });
    let version = resourceVersion;
    while (!this.#deps.signal.aborted) {
      const from = `${path}&watch=true&allowWatchBookmarks=true&resourceVersion=${version}`;
      const watch = this.#deps.watch(
        from,
        onEvent &&
          ((event) => {
            const { metadata } = event.object as { metadata?: { resourceVersion?: string } };
            version = metadata?.resourceVersion ?? version;
            if (event.type !== 'BOOKMARK') onEvent(event);
          }),
      );
      this.#watches.add(watch);
      const status = await watch.done;
      this.#watches.delete(watch);
      // Ended in order: goes on from the last version seen. Anything else: a new list.
      if (status !== 200 || onEvent === undefined) return;
    }
  }

  #onSelf(object: Json): void {
    const { taints = [] } = (object.spec ?? {}) as { taints?: readonly unknown[] };
    this.ready = taints.length === 0;
  }

  #onPod({ type, object }: WatchEvent): void {
    const { uid, deletionTimestamp } = object.metadata as Record<string, string>;
    if (uid === undefined) return;
    if (type === 'DELETED') {
      const gone = this.#pods.get(uid);
      this.#pods.delete(uid);
      if (gone !== undefined) this.#freeSlots.push(gone.slot);
      return;
    }
    const { phase } = (object.status ?? {}) as { phase?: string };
    const known = this.#pods.get(uid);
    if (known === undefined) {
      const slot = this.#freeSlots.pop() ?? this.#slots++;
      const made = { slot, ending: false };
      this.#pods.set(uid, made);
      if (deletionTimestamp !== undefined) this.#end(object, made);
      else if (phase === 'Pending') this.#doing(() => this.#run(object, slot));
    } else if (deletionTimestamp !== undefined) this.#end(object, known);
  }

  #end(pod: Json, known: HollowPod): void {
    if (known.ending) return;
    known.ending = true;
    this.#doing(() => this.#finish(pod));
  }

  #doing(work: () => Promise<void>): void {
    void work().catch((error: unknown) => {
      // Gone in the meantime: nobody is left to tell.
      if (!this.#deps.signal.aborted && !isStatus(error, 404)) this.#deps.onError(error);
    });
  }

  async #run(pod: Json, slot: number): Promise<void> {
    const { clock, signal, orders } = this.#deps;
    await delay(orders.startMs, { clock, signal });
    const place = { node: this.#index, ip: podIp(this.#index, slot), nowMs: clock.now() };
    await this.#patchStatus(pod, runningPatch(pod, place));
    const image = `Container image "${IMAGE}" already present on machine`;
    await this.#event(pod, 'Pulled', image);
    await this.#event(pod, 'Created', 'Created container: main');
    await this.#event(pod, 'Started', 'Started container main');
  }

  async #finish(pod: Json): Promise<void> {
    const { requests, clock } = this.#deps;
    const { uid } = pod.metadata as { uid: string };
    await this.#event(pod, 'Killing', 'Stopping container main');
    await this.#patchStatus(pod, endedPatch(pod, clock.now()));
    const body = { gracePeriodSeconds: 0, preconditions: { uid } };
    await requests.sure({ verb: 'DELETE', path: pathOf(pod), body });
  }

  async #patchStatus(pod: Json, body: Json): Promise<void> {
    const path = `${pathOf(pod)}/status`;
    await this.#deps.requests.sure({ verb: 'PATCH', path, body, type: STRATEGIC });
  }

  async #event(pod: Json, reason: string, message: string): Promise<void> {
    const { orders, requests, clock, onError } = this.#deps;
    if (!orders.events) return;
    this.#events += 1;
    const { namespace } = pod.metadata as { namespace: string };
    const unique = (clock.now() * 4_096 + (this.#events % 4_096)).toString(16);
    const event = { reason, message, node: this.#index, unique, nowMs: clock.now() };
    const path = `/api/v1/namespaces/${namespace}/events`;
    const body = podEvent(pod, event);
    // Events are told once; a kubelet drops what cannot be told.
    await requests.once({ verb: 'POST', path, body }).catch((error: unknown) => {
      // The namespace is on its way out, which takes no new objects.
      if (!isStatus(error, 403) && !isStatus(error, 404)) onError(error);
    });
  }
}

function pathOf(pod: Json): string {
  const { namespace, name } = pod.metadata as Record<string, string>;
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
