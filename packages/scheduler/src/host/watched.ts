import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  KubeObject,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
  StorageClass,
  VolumeAttachment,
} from '@kubets/api';
import { type Api, Informer } from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import type { WorkloadLookup } from './default-selector.ts';

/** Pods that have ended hold nothing any more. */
const RUNNING_PODS = 'status.phase!=Succeeded,status.phase!=Failed';

export interface WatchedOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

function trimmed<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

/** Everything the scheduler follows. */
export class Watched implements WorkloadLookup {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly storageClasses: Informer<StorageClass>;
  readonly csiNodes: Informer<CSINode>;
  readonly drivers: Informer<CSIDriver>;
  readonly capacities: Informer<CSIStorageCapacity>;
  /** Not waited for: a scheduler's role of before does not let it read them. */
  readonly attachments: Informer<VolumeAttachment>;
  readonly #services: Informer<Service>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #statefulSets: Informer<StatefulSet>;
  readonly #controllers: Informer<ReplicationController>;
  readonly #budgets: Informer<PodDisruptionBudget>;

  constructor(options: WatchedOptions) {
    const core = { ...options, gv: 'v1' };
    const apps = { ...options, gv: 'apps/v1' };
    const fieldSelector = RUNNING_PODS;
    this.pods = new Informer<Pod>({ ...core, resource: 'pods', fieldSelector, transform: trimmed });
    this.nodes = new Informer<Node>({ ...core, resource: 'nodes', transform: trimmed });
    this.namespaces = new Informer<Namespace>({ ...core, resource: 'namespaces' });
    this.#services = new Informer<Service>({
      ...core,
      resource: 'services',
      indexers: { namespace: ({ metadata }) => [metadata.namespace ?? ''] },
    });
    this.#replicaSets = new Informer({ ...apps, resource: 'replicasets', transform: trimmed });
    this.#statefulSets = new Informer({ ...apps, resource: 'statefulsets', transform: trimmed });
    this.#controllers = new Informer({ ...core, resource: 'replicationcontrollers' });
    const claims = 'persistentvolumeclaims';
    this.claims = new Informer({ ...core, resource: claims, transform: trimmed });
    this.volumes = new Informer({ ...core, resource: 'persistentvolumes', transform: trimmed });
    const storage = { ...options, gv: 'storage.k8s.io/v1' };
    this.storageClasses = new Informer({ ...storage, resource: 'storageclasses' });
    this.csiNodes = new Informer({ ...storage, resource: 'csinodes' });
    this.drivers = new Informer({ ...storage, resource: 'csidrivers' });
    this.capacities = new Informer({ ...storage, resource: 'csistoragecapacities' });
    this.attachments = new Informer({ ...storage, resource: 'volumeattachments' });
    const policy = { ...options, gv: 'policy/v1' };
    this.#budgets = new Informer({ ...policy, resource: 'poddisruptionbudgets' });
  }

  start(): void {
    for (const informer of this.#all()) informer.start();
    this.#budgets.start();
    this.attachments.start();
  }

  stop(): void {
    for (const informer of this.#all()) informer.stop();
    this.#budgets.stop();
    this.attachments.stop();
  }

  synced(): boolean {
    return this.#all().every((informer) => informer.synced());
  }

  async whenSynced(): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.whenSynced()));
  }

  servicesIn(namespace: string): readonly Service[] {
    return this.#services.byIndex('namespace', namespace);
  }

  replicaSet(key: string): ReplicaSet | undefined {
    return this.#replicaSets.get(key);
  }

  statefulSet(key: string): StatefulSet | undefined {
    return this.#statefulSets.get(key);
  }

  replicationController(key: string): ReplicationController | undefined {
    return this.#controllers.get(key);
  }

  /** Pods that something else holds back from being placed. */
  gatedCount(): number {
    const isGated = ({ spec }: Pod): boolean =>
      (spec?.schedulingGates ?? []).length > 0 && !spec?.nodeName;
    return this.pods.list().filter(isGated).length;
  }

  /** Undefined while they are not known: placing pods does not wait for them. */
  budgets(): readonly PodDisruptionBudget[] | undefined {
    return this.#budgets.synced() ? this.#budgets.list() : undefined;
  }

  #all(): Pick<Informer<KubeObject>, 'start' | 'stop' | 'synced' | 'whenSynced'>[] {
    return [
      this.pods,
      this.nodes,
      this.namespaces,
      this.#services,
      this.#replicaSets,
      this.#statefulSets,
      this.#controllers,
      this.claims,
      this.volumes,
      this.storageClasses,
      this.csiNodes,
      this.drivers,
      this.capacities,
    ];
  }
}
