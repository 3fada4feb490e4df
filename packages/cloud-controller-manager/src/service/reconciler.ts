import { isNotFound, type LoadBalancerStatus, type Node, type Service } from '@kubets/api';
import type { EventRecorder, ResourceApi } from '@kubets/client';
import {
  type Controller,
  type ControllerDeps,
  isDeleting,
  type KeyQueue,
  keyOf,
  nameOf,
  namespaceOf,
  queueController,
  uidOf,
} from '@kubets/controller-manager/host';
import { errorMessage } from '@kubets/platform';
import { MAX_MESSAGE_LENGTH } from '../limits.ts';
import type { CloudProvider, LoadBalancers } from '../ports.ts';
import { blueprint, changesOf, courseOf, FINALIZER, finalizersWith, sameStatus } from './decide.ts';
import { eligibleNodes, isEligible, matters, namedNodes } from './nodes.ts';

export interface ServiceOptions {
  provider: CloudProvider;
  balancers: LoadBalancers;
  /** Services worked on at once. */
  concurrency: number;
}

/** Gives every Service of type LoadBalancer its load balancer, and takes it down before the Service goes. */
export function serviceController(deps: ControllerDeps, options: ServiceOptions): Controller {
  const loop = new ServiceLoop(deps, options.balancers);
  return queueController({
    name: 'service-lb-controller',
    queueName: 'service',
    deps,
    concurrency: options.concurrency,
    needs: [deps.informers.services, deps.informers.nodes, ...(options.provider.needs ?? [])],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key) => loop.reconcile(key),
  });
}

/** What this term has made, by key: a new term makes everything once more, which changes nothing. */
interface Made {
  readonly blueprint: string;
  /** Names of the nodes it knows; undefined: to be told again. */
  readonly nodes: string | undefined;
  readonly status: LoadBalancerStatus;
}

class ServiceLoop {
  readonly #deps: ControllerDeps;
  readonly #balancers: LoadBalancers;
  readonly #api: ResourceApi<Service>;
  readonly #events: EventRecorder;
  readonly #made = new Map<string, Made>();
  /** Worked out once for all services; undefined after a change. */
  #eligible: { nodes: Node[]; text: string } | undefined;

  constructor(deps: ControllerDeps, balancers: LoadBalancers) {
    this.#deps = deps;
    this.#balancers = balancers;
    this.#api = deps.api.resource<Service>('v1', 'services');
    this.#events = deps.recorder('service-controller');
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const { services, nodes } = this.#deps.informers;
    const all = (): void => {
      this.#eligible = undefined;
      for (const service of services.list()) {
        if (this.#course(service) === 'ensure') queue.add(keyOf(service));
      }
    };
    const ifEligible = (node: Node): void => {
      if (isEligible(node)) all();
    };
    return [
      services.on({
        add: (service) => queue.add(keyOf(service)),
        update: (old, service) => {
          if (this.#course(service) !== 'leave') this.#tell(old, service);
          queue.add(keyOf(service));
        },
        delete: (service) => queue.add(keyOf(service)),
      }),
      nodes.on({
        add: ifEligible,
        update: (old, node) => {
          if (matters(old, node)) all();
        },
        delete: ifEligible,
      }),
      this.#balancers.onChange?.((key) => {
        const made = this.#made.get(key);
        if (made !== undefined) this.#made.set(key, { ...made, nodes: undefined });
        queue.add(key);
      }) ?? (() => undefined),
    ];
  }

  async reconcile(key: string): Promise<void> {
    const service = this.#deps.informers.services.get(key);
    const course = service === undefined ? 'leave' : this.#course(service);
    if (course !== 'ensure') this.#made.delete(key);
    if (service === undefined || course === 'leave') return;
    try {
      if (course === 'remove') await this.#remove(service);
      else await this.#ensure(key, service);
    } catch (error) {
      if (isNotFound(error)) return;
      const verb = course === 'remove' ? 'deleting' : 'syncing';
      const reason = course === 'remove' ? 'DeleteLoadBalancerFailed' : 'SyncLoadBalancerFailed';
      this.#event(service, 'Warning', reason, `Error ${verb} load balancer: ${words(error)}`);
      throw error;
    }
  }

  #course(service: Service) {
    return courseOf(service, this.#balancers.className);
  }

  async #ensure(key: string, service: Service): Promise<void> {
    const { nodes, text } = this.#nodes();
    const plan = blueprint(service, this.#balancers.ownAnnotations);
    const made = this.#made.get(key);
    if (made?.blueprint === plan) {
      // Somebody may have touched what we wrote; a cache that is behind costs a write that changes nothing.
      await this.#publish(await this.#mark(service, true), made.status);
      if (made.nodes !== text) await this.#update(key, service, made);
      return;
    }
    this.#event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
    // First the finalizer: whatever is made from here on will be taken down again.
    const marked = await this.#mark(service, true);
    if (nodes.length === 0) this.#warnOfNoNodes(service);
    const status = await this.#balancers.ensure(marked, nodes);
    await this.#publish(marked, status);
    this.#made.set(key, { blueprint: plan, nodes: text, status });
    this.#event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  async #update(key: string, service: Service, made: Made): Promise<void> {
    const { nodes, text } = this.#nodes();
    if (nodes.length === 0) this.#warnOfNoNodes(service);
    try {
      await this.#balancers.update(service, nodes);
    } catch (error) {
      const message = `Error updating load balancer with new hosts ${namedNodes(nodes)}: ${words(error)}`;
      this.#event(service, 'Warning', 'UpdateLoadBalancerFailed', message);
      throw error;
    }
    this.#made.set(key, { ...made, nodes: text });
    const message = 'Updated load balancer with new hosts';
    this.#event(service, 'Normal', 'UpdatedLoadBalancer', message);
  }

  /** Status, load balancer, finalizer, in this order: after a crash in between the rest is done again. */
  async #remove(service: Service): Promise<void> {
    const there = (await this.#balancers.get(service)) !== undefined;
    if (there) this.#event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
    // Nobody is to be sent to an address that may be another's in a moment.
    if (!isDeleting(service)) await this.#publish(service, {});
    if (there) {
      await this.#balancers.ensureDeleted(service);
      this.#event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
    }
    await this.#mark(service, false);
  }

  /** Puts our finalizer on, or takes it off; the version keeps another's finalizer from being lost. */
  async #mark(service: Service, present: boolean): Promise<Service> {
    if (hasFinalizer(service) === present) return service;
    const { resourceVersion } = service.metadata;
    const finalizers = finalizersWith(service, present);
    const body = { metadata: { uid: uidOf(service), resourceVersion, finalizers } };
    return this.#api.patch(namespaceOf(service), nameOf(service), 'merge', body);
  }

  async #publish(service: Service, status: LoadBalancerStatus): Promise<void> {
    if (sameStatus(service.status?.loadBalancer, status)) return;
    const ingress = status.ingress ?? null;
    const body = { metadata: { uid: uidOf(service) }, status: { loadBalancer: { ingress } } };
    const where = [namespaceOf(service), nameOf(service)] as const;
    await this.#api.patch(...where, 'merge', body, { subresource: 'status' });
  }

  #nodes(): { nodes: Node[]; text: string } {
    if (this.#eligible === undefined) {
      const nodes = eligibleNodes(this.#deps.informers.nodes.list());
      this.#eligible = { nodes, text: nodes.map(nameOf).join(' ') };
    }
    return this.#eligible;
  }

  #warnOfNoNodes(service: Service): void {
    const message = 'There are no available nodes for LoadBalancer';
    this.#event(service, 'Warning', 'UnAvailableLoadBalancer', message);
  }

  #tell(old: Service, service: Service): void {
    for (const { reason, message } of changesOf(old, service)) {
      this.#event(service, 'Normal', reason, message);
    }
  }

  #event(service: Service, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const regarding = { ...service, apiVersion: 'v1', kind: 'Service' };
    this.#events.event(regarding, type, reason, message);
  }
}

const hasFinalizer = (service: Service): boolean =>
  service.metadata.finalizers?.includes(FINALIZER) === true;

const words = (error: unknown): string => errorMessage(error).slice(0, MAX_MESSAGE_LENGTH);
