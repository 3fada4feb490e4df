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
}

/** Workers by the name of their controller. */
export type Concurrency = Readonly<Partial<Record<string, number>>>;

export function concurrencyOf(config: Raw): Concurrency {
  return {
    deployment: config.concurrentDeploymentSyncs,
    replicaset: config.concurrentReplicasetSyncs,
    replicationcontroller: config.concurrentRcSyncs,
    daemonset: config.concurrentDaemonsetSyncs,
    statefulset: config.concurrentStatefulsetSyncs,
    job: config.concurrentJobSyncs,
    cronjob: config.concurrentCronJobSyncs,
    horizontalpodautoscaler: config.concurrentHorizontalPodAutoscalerSyncs,
    resourcequota: config.concurrentResourceQuotaSyncs,
    endpoints: config.concurrentEndpointSyncs,
    endpointslice: config.concurrentServiceEndpointSyncs,
    'garbage-collector': config.concurrentGcSyncs,
    namespace: config.concurrentNamespaceSyncs,
    'serviceaccount-token': config.concurrentServiceaccountTokenSyncs,
  };
}
