/**
 * What a provider is: the side of the cluster that knows machines and the network around them. Write one by implementing
 * {@link CloudProvider} and adding it to `providers.ts`. Every method may be called again at any time, also by another
 * process that has taken over the lead: the same question has the same answer, the same order the same outcome.
 * A method that throws is called again, later each time; the message of what it throws is shown in an event.
 */
import type { LoadBalancerStatus, Node, NodeAddress, Service } from '@kubets/api';

/** What a provider knows of the machine behind a node. */
export interface InstanceMetadata {
  /** `PROVIDER://ID`; goes into `spec.providerID`, which never changes afterwards. */
  readonly providerId: string;
  /** For label `node.kubernetes.io/instance-type`; undefined: no label. */
  readonly instanceType?: string | undefined;
  /** For label `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
  /** For label `topology.kubernetes.io/region`. */
  readonly region?: string | undefined;
  /** Addresses the provider vouches for; undefined: those the kubelet reports stay. */
  readonly addresses?: readonly NodeAddress[] | undefined;
}

/** How the machine behind a node is. A provider that cannot tell throws: a node is never deleted on a guess. */
export type InstanceState = 'running' | 'stopped' | 'gone';

/** The machines. */
export interface Instances {
  /** `gone` deletes the node, `stopped` taints it. Asked only of nodes that are not ready. */
  state(node: Node): Promise<InstanceState>;
  /** Asked once for a node that waits to be initialised, then from time to time for its addresses. */
  metadata(node: Node): Promise<InstanceMetadata>;
}

/** The load balancers. */
export interface LoadBalancers {
  /** `spec.loadBalancerClass` served besides none; others are left to others. */
  readonly className?: string;
  /** Annotations of Services the provider writes itself: a change of one is no reason to make the load balancer anew. */
  readonly ownAnnotations?: readonly string[];
  /** What there is for the service; undefined: nothing, so that nothing has to be taken down. */
  get(service: Service): Promise<LoadBalancerStatus | undefined>;
  /**
   * Makes the load balancer, or makes it what the service says now. Resolves when it works; the status becomes the
   * service's.
   * @param nodes where traffic may be sent: ready, and not excluded
   */
  ensure(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus>;
  /** The nodes are others now; the service is as at the last {@link ensure}. */
  update(service: Service, nodes: readonly Node[]): Promise<void>;
  /** Takes it down. Resolves when nothing of it is left; nothing to take down is no fault. */
  ensureDeleted(service: Service): Promise<void>;
  /**
   * Tells which services want another look for reasons of the provider's own, such as an address that became free.
   * @param look takes `namespace/name`
   * @returns how to unsubscribe
   */
  onChange?(look: (key: string) => void): () => void;
}

/** What a provider offers; what is absent is not driven. One is made for each term of leadership. */
export interface CloudProvider {
  /** As in `--cloud-provider`. */
  readonly name: string;
  readonly instances?: Instances;
  readonly loadBalancers?: LoadBalancers;
  /** Informers to wait for before any method is called. */
  readonly needs?: readonly { whenSynced(): Promise<void> }[];
}
