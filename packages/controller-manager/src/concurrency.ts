/** How many objects each controller looks at at once, by the flags the stock process has for it. */
import { flag } from '@kubets/platform';
import { DEFAULT_CONCURRENCY, GC_CONCURRENCY, REPLICA_CONCURRENCY } from './limits.ts';

const syncs = (what: string, by: number = DEFAULT_CONCURRENCY) =>
  flag.int({ default: by, min: 1, max: 1_000, help: `${what} that are looked at at once` });

export const concurrencyFlags = {
  'concurrent-deployment-syncs': syncs('Deployments', REPLICA_CONCURRENCY),
  'concurrent-replicaset-syncs': syncs('ReplicaSets', REPLICA_CONCURRENCY),
  'concurrent-rc-syncs': syncs('ReplicationControllers'),
  'concurrent-daemonset-syncs': syncs('DaemonSets'),
  'concurrent-statefulset-syncs': syncs('StatefulSets'),
  'concurrent-job-syncs': syncs('Jobs'),
  'concurrent-cron-job-syncs': syncs('CronJobs'),
  'concurrent-horizontal-pod-autoscaler-syncs': syncs('HorizontalPodAutoscalers'),
  'concurrent-resource-quota-syncs': syncs('ResourceQuotas'),
  'concurrent-endpoint-syncs': syncs('Services whose Endpoints are kept'),
  'concurrent-service-endpoint-syncs': syncs('Services whose EndpointSlices are kept'),
  'concurrent-gc-syncs': syncs('objects that may have lost their owners', GC_CONCURRENCY),
  'concurrent-namespace-syncs': syncs('Namespaces'),
  'concurrent-serviceaccount-token-syncs': syncs('Secrets for tokens'),
  'concurrent-ephemeralvolume-syncs': syncs('pods with volumes of their own'),
  'concurrent-ttl-after-finished-syncs': syncs('finished Jobs'),
  'mirroring-concurrent-service-endpoint-syncs': syncs('Endpoints whose slices are kept'),
} as const;

interface Raw {
  concurrentDeploymentSyncs: number;
  concurrentReplicasetSyncs: number;
  concurrentRcSyncs: number;
  concurrentDaemonsetSyncs: number;
  concurrentStatefulsetSyncs: number;
  concurrentJobSyncs: number;
  concurrentCronJobSyncs: number;
  concurrentHorizontalPodAutoscalerSyncs: number;
  concurrentResourceQuotaSyncs: number;
  concurrentEndpointSyncs: number;
  concurrentServiceEndpointSyncs: number;
  concurrentGcSyncs: number;
  concurrentNamespaceSyncs: number;
  concurrentServiceaccountTokenSyncs: number;
  concurrentEphemeralvolumeSyncs: number;
  concurrentTtlAfterFinishedSyncs: number;
  mirroringConcurrentServiceEndpointSyncs: number;
}

/** Workers by the name of their controller. */
export type Concurrency = Readonly<Partial<Record<string, number>>>;

export function concurrencyOf(config: Raw): Concurrency {
  return {
    'deployment-controller': config.concurrentDeploymentSyncs,
    'replicaset-controller': config.concurrentReplicasetSyncs,
    'replicationcontroller-controller': config.concurrentRcSyncs,
    'daemonset-controller': config.concurrentDaemonsetSyncs,
    'statefulset-controller': config.concurrentStatefulsetSyncs,
    'job-controller': config.concurrentJobSyncs,
    'cronjob-controller': config.concurrentCronJobSyncs,
    'horizontal-pod-autoscaler-controller': config.concurrentHorizontalPodAutoscalerSyncs,
    'resourcequota-controller': config.concurrentResourceQuotaSyncs,
    'endpoints-controller': config.concurrentEndpointSyncs,
    'endpointslice-controller': config.concurrentServiceEndpointSyncs,
    'endpointslice-mirroring-controller': config.mirroringConcurrentServiceEndpointSyncs,
    'ephemeral-volume-controller': config.concurrentEphemeralvolumeSyncs,
    'garbage-collector-controller': config.concurrentGcSyncs,
    'namespace-controller': config.concurrentNamespaceSyncs,
    'serviceaccount-token-controller': config.concurrentServiceaccountTokenSyncs,
    'ttl-after-finished-controller': config.concurrentTtlAfterFinishedSyncs,
  };
}
