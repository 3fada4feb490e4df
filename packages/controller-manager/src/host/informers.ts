import type {
  APIService,
  CertificateSigningRequest,
  ClusterRole,
  ConfigMap,
  ControllerRevision,
  CronJob,
  CSIDriver,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  HorizontalPodAutoscaler,
  Job,
  KubeObject,
  Lease,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
  VolumeAttachment,
} from '@kubets/api';
import { type Api, Informer, type InformerOptions } from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import { controllerRefOf, namespaceOf } from '../objects/meta.ts';
import { trimAccount, trimDefinition, trimMetadata, trimPod, trimToNodes } from './trim.ts';

/** Names of the indexes on the shared informers. */
export const INDEX = {
  namespace: 'namespace',
  node: 'node',
  /** uid of the controlling owner */
  controller: 'controller',
  /** namespace of pods that nobody controls */
  orphans: 'orphans',
  /** `namespace/name` of the Service an EndpointSlice belongs to */
  service: 'service',
} as const;

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** The facts of the cluster that anybody may read. */
export const CLUSTER_INFO = { namespace: 'kube-public', name: 'cluster-info' } as const;
const SYSTEM_NAMESPACE = 'kube-system';
/** As name servers label the slices in which they register themselves. */
const NAME_SERVERS = 'endpointslice.kubernetes.io/managed-by=dns.kubets.io';

type Indexers<T> = Record<string, (object: T) => string[]>;

interface Shape<T extends KubeObject> {
  /** Tells informers of one resource apart that keep different parts of it. */
  view?: string;
  indexers?: Indexers<T>;
  transform?: (object: T) => T;
  namespace?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

const byNamespace = (object: KubeObject): string[] => [namespaceOf(object)];

const byController = (object: KubeObject): string[] => {
  const uid = controllerRefOf(object)?.uid;
  return uid === undefined ? [] : [uid];
};

const byOrphanage = (object: KubeObject): string[] =>
  controllerRefOf(object) ? [] : [namespaceOf(object)];

const byService = (slice: EndpointSlice): string[] => {
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? [] : [`${namespaceOf(slice)}/${service}`];
};

/**
 * The informers of the process, one per resource however many controllers read it. They are made on
 * first use and none runs before {@link start}: a follower of the election keeps no cluster state.
 */
export class SharedInformers {
  readonly #base: { api: Api; clock: Clock; random: Random; log: Logger };
  readonly #informers = new Map<string, Informer<KubeObject>>();
  #started = false;

  constructor(base: { api: Api; clock: Clock; random: Random; log: Logger }) {
    this.#base = base;
  }

  get pods(): Informer<Pod> {
    const byNode = (pod: Pod): string[] => (pod.spec?.nodeName ? [pod.spec.nodeName] : []);
    const indexers = {
      namespace: byNamespace,
      controller: byController,
      orphans: byOrphanage,
      node: byNode,
    };
    return this.#shared<Pod>('v1', 'pods', { indexers, transform: trimPod });
  }

  get nodes(): Informer<Node> {
    return this.#shared<Node>('v1', 'nodes', {});
  }

  get services(): Informer<Service> {
    return this.#shared<Service>('v1', 'services', { indexers: { namespace: byNamespace } });
  }

  get endpoints(): Informer<Endpoints> {
    return this.#shared<Endpoints>('v1', 'endpoints', {});
  }

  get endpointSlices(): Informer<EndpointSlice> {
    const indexers = { service: byService };
    return this.#shared<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices', { indexers });
  }

  /** Only where the ready endpoints of Services are. */
  get endpointNodes(): Informer<EndpointSlice> {
    const shape = { view: 'nodes', indexers: { service: byService }, transform: trimToNodes };
    return this.#shared<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices', shape);
  }

  /** Only the slices in which name servers registered themselves. */
  get nameServerSlices(): Informer<EndpointSlice> {
    const shape = {
      view: 'name-servers',
      namespace: SYSTEM_NAMESPACE,
      labelSelector: NAME_SERVERS,
    };
    return this.#shared<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices', shape);
  }

  get namespaces(): Informer<Namespace> {
    return this.#shared<Namespace>('v1', 'namespaces', {});
  }

  /** Without everything but the tokens that were made for them. */
  get serviceAccounts(): Informer<ServiceAccount> {
    return this.#shared<ServiceAccount>('v1', 'serviceaccounts', { transform: trimAccount });
  }

  get csiDrivers(): Informer<CSIDriver> {
    return this.#shared<CSIDriver>('storage.k8s.io/v1', 'csidrivers', {});
  }

  get volumeAttachments(): Informer<VolumeAttachment> {
    return this.#shared<VolumeAttachment>('storage.k8s.io/v1', 'volumeattachments', {});
  }

  get clusterRoles(): Informer<ClusterRole> {
    return this.#shared<ClusterRole>('rbac.authorization.k8s.io/v1', 'clusterroles', {});
  }

  get deployments(): Informer<Deployment> {
    const indexers = { namespace: byNamespace };
    return this.#shared<Deployment>('apps/v1', 'deployments', { indexers });
  }

  get replicaSets(): Informer<ReplicaSet> {
    const indexers = { namespace: byNamespace, controller: byController };
    return this.#shared<ReplicaSet>('apps/v1', 'replicasets', { indexers });
  }

  get replicationControllers(): Informer<ReplicationController> {
    const indexers = { namespace: byNamespace, controller: byController };
    const resource = 'replicationcontrollers';
    return this.#shared<ReplicationController>('v1', resource, { indexers });
  }

  get daemonSets(): Informer<DaemonSet> {
    const indexers = { namespace: byNamespace };
    return this.#shared<DaemonSet>('apps/v1', 'daemonsets', { indexers });
  }

  /** Versions of the templates of DaemonSets and StatefulSets. */
  get controllerRevisions(): Informer<ControllerRevision> {
    const indexers = { controller: byController };
    return this.#shared<ControllerRevision>('apps/v1', 'controllerrevisions', { indexers });
  }

  get statefulSets(): Informer<StatefulSet> {
    const indexers = { namespace: byNamespace };
    return this.#shared<StatefulSet>('apps/v1', 'statefulsets', { indexers });
  }

  get cronJobs(): Informer<CronJob> {
    return this.#shared<CronJob>('batch/v1', 'cronjobs', {});
  }

  get disruptionBudgets(): Informer<PodDisruptionBudget> {
    const indexers = { namespace: byNamespace };
    const resource = 'poddisruptionbudgets';
    return this.#shared<PodDisruptionBudget>('policy/v1', resource, { indexers });
  }

  get claims(): Informer<PersistentVolumeClaim> {
    const indexers = { namespace: byNamespace };
    return this.#shared<PersistentVolumeClaim>('v1', 'persistentvolumeclaims', { indexers });
  }

  get volumes(): Informer<PersistentVolume> {
    return this.#shared<PersistentVolume>('v1', 'persistentvolumes', {});
  }

  get storageClasses(): Informer<StorageClass> {
    return this.#shared<StorageClass>('storage.k8s.io/v1', 'storageclasses', {});
  }

  get autoscalers(): Informer<HorizontalPodAutoscaler> {
    const resource = 'horizontalpodautoscalers';
    return this.#shared<HorizontalPodAutoscaler>('autoscaling/v2', resource, {});
  }

  get resourceQuotas(): Informer<ResourceQuota> {
    const indexers = { namespace: byNamespace };
    return this.#shared<ResourceQuota>('v1', 'resourcequotas', { indexers });
  }

  get jobs(): Informer<Job> {
    const indexers = { namespace: byNamespace, controller: byController };
    return this.#shared<Job>('batch/v1', 'jobs', { indexers });
  }

  /** Only the ConfigMaps that carry the cluster's certificate authority. */
  get rootCaConfigMaps(): Informer<ConfigMap> {
    const fieldSelector = `metadata.name=${ROOT_CA_CONFIG_MAP}`;
    return this.#shared<ConfigMap>('v1', 'configmaps', { fieldSelector });
  }

  /** Only the Secrets that hold, or ask for, a service account's token. */
  get tokenSecrets(): Informer<Secret> {
    const fieldSelector = 'type=kubernetes.io/service-account-token';
    return this.#shared<Secret>('v1', 'secrets', { fieldSelector });
  }

  get certificateRequests(): Informer<CertificateSigningRequest> {
    const gv = 'certificates.k8s.io/v1';
    return this.#shared<CertificateSigningRequest>(gv, 'certificatesigningrequests', {});
  }

  /** What custom kinds there are, without their schemas. */
  get definitions(): Informer<CustomResourceDefinition> {
    const gv = 'apiextensions.k8s.io/v1';
    const shape = { transform: trimDefinition };
    return this.#shared<CustomResourceDefinition>(gv, 'customresourcedefinitions', shape);
  }

  /** Who has which version. */
  get apiServices(): Informer<APIService> {
    return this.#shared<APIService>('apiregistration.k8s.io/v1', 'apiservices', {});
  }

  /** Only the Secrets that hold a bootstrap token. */
  get bootstrapTokens(): Informer<Secret> {
    const fieldSelector = 'type=bootstrap.kubernetes.io/token';
    return this.#shared<Secret>('v1', 'secrets', { namespace: SYSTEM_NAMESPACE, fieldSelector });
  }

  /** Only the ConfigMap with the cluster's public facts. */
  get clusterInfo(): Informer<ConfigMap> {
    const { namespace, name } = CLUSTER_INFO;
    const fieldSelector = `metadata.name=${name}`;
    return this.#shared<ConfigMap>('v1', 'configmaps', { namespace, fieldSelector });
  }

  /** Only the heartbeats of nodes. */
  get nodeLeases(): Informer<Lease> {
    const namespace = NODE_LEASE_NAMESPACE;
    return this.#shared<Lease>('coordination.k8s.io/v1', 'leases', { namespace });
  }

  /**
   * Any resource, for readers that want nothing but metadata. Shares the full informer where the
   * process has one anyway.
   */
  metadataOf(gv: string, resource: string): Informer<KubeObject> {
    const full = this.#informers.get(`${gv}/${resource}???`);
    return full ?? this.#shared(gv, resource, { transform: trimMetadata });
  }

  /** Ends what {@link metadataOf} began for a resource that is served no more. */
  endMetadataOf(gv: string, resource: string): void {
    const id = `${gv}/${resource}???lean`;
    this.#informers.get(id)?.stop();
    this.#informers.delete(id);
  }

  /** Lets all informers run, those made later included. */
  start(): void {
    this.#started = true;
    for (const informer of this.#informers.values()) informer.start();
  }

  /** Ends all watches. The informers cannot be used again. */
  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
    this.#informers.clear();
  }

  #shared<T extends KubeObject>(gv: string, resource: string, shape: Shape<T>): Informer<T> {
    const { namespace = '', fieldSelector = '', transform, view } = shape;
    const lean = view ?? (transform === trimMetadata ? 'lean' : '');
    const id = `${gv}/${resource}?${namespace}?${fieldSelector}?${lean}`;
    const known = this.#informers.get(id);
    if (known) return known as unknown as Informer<T>;
    const options: InformerOptions<T> = { ...this.#base, gv, resource, ...shape };
    const informer = new Informer<T>(options);
    this.#informers.set(id, informer as unknown as Informer<KubeObject>);
    if (this.#started) informer.start();
    return informer;
  }
}
