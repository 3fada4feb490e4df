import { attachDetachController } from './attach-detach/reconciler.ts';
import { type AutoscalerOptions, autoscalerController } from './autoscaler/reconciler.ts';
import { bootstrapSigner, tokenCleaner } from './bootstrap/reconciler.ts';
import {
  csrApprovingController,
  csrCleanerController,
  csrSigningController,
  type SigningOptions,
} from './certificates/reconciler.ts';
import type { Concurrency } from './concurrency.ts';
import { cronJobController } from './cronjob/reconciler.ts';
import { daemonSetController } from './daemonset/reconciler.ts';
import { deploymentController } from './deployment/reconciler.ts';
import { disruptionControllers } from './disruption/reconciler.ts';
import { endpointMirroringController } from './endpoints/mirroring.ts';
import { endpointSliceController, endpointsController } from './endpoints/reconciler.ts';
import { ephemeralVolumeController } from './ephemeral-volume/reconciler.ts';
import { garbageCollector } from './garbage-collector/reconciler.ts';
import type { Controller, ControllerDeps } from './host/controller.ts';
import { jobExpiryController } from './job/expiry.ts';
import { jobController } from './job/reconciler.ts';
import type { ControllerName } from './names.ts';
import { namespaceController } from './namespace/reconciler.ts';
import type { Cidr } from './node-ipam/allocator.ts';
import { nodeIpamController } from './node-ipam/reconciler.ts';
import { nodeLifecycleControllers } from './node-lifecycle/reconciler.ts';
import { nodeTtlController } from './node-ttl/reconciler.ts';
import { podGcController } from './podgc/reconciler.ts';
import { quotaController } from './quota/reconciler.ts';
import { REPLICA_SET, REPLICATION_CONTROLLER } from './replicaset/kinds.ts';
import { replicaController } from './replicaset/reconciler.ts';
import { roleAggregationController } from './role-aggregation/reconciler.ts';
import { legacyTokenCleaner } from './serviceaccount/legacy-tokens.ts';
import { rootCaController, serviceAccountController } from './serviceaccount/reconciler.ts';
import { statefulSetController } from './statefulset/reconciler.ts';
import { taintEvictionController } from './taint-eviction/reconciler.ts';
import type { TokenSigner } from './tokens/jwt.ts';
import { tokenController } from './tokens/reconciler.ts';
import { type RemoveTree, volumeBinder } from './volume-binder/reconciler.ts';
import { volumeExpandController } from './volume-expand/reconciler.ts';
import { claimProtection, volumeProtection } from './volume-protection/reconciler.ts';

/** What the controllers need besides the cluster itself. */
export interface ControllerOptions {
  /** Pod network and the prefix of a node's part of it; absent: nodes bring their own. */
  podNetwork?: { clusterCidr: Cidr; nodePrefix: number };
  /** PEM text to publish in every namespace; absent: nothing is published. */
  rootCa?: string;
  /** Fills Secrets that ask for a service account's token; absent: they stay empty. */
  tokenSigner?: TokenSigner;
  /** Signs certificates for those who ask the API for one; absent: nobody does here. */
  signing?: SigningOptions;
  /** Those that are to run. */
  controllers: ReadonlySet<ControllerName>;
  /** How long a token nobody asked for may go unused. */
  legacyTokensKeptMs: number;
  /** How all autoscalers work. */
  autoscaling: AutoscalerOptions;
  /** Deletes what volumes of this machine hold. */
  removeTree: RemoveTree;
  /** So many finished pods may be kept in the whole cluster; 0: any number. */
  terminatedPodThreshold: number;
  nodeMonitorPeriodMs: number;
  nodeMonitorGraceMs: number;
  /** Workers by controller, where they are to be other than usual. */
  concurrency?: Concurrency;
}

type Made = Controller | readonly Controller[];
type Make = (deps: ControllerDeps, options: ControllerOptions) => Made;

const NONE: readonly Controller[] = [];

/** How each controller is made; those that lack what they work with are none. */
const MAKERS: Readonly<Record<ControllerName, Make>> = {
  'deployment-controller': deploymentController,
  'replicaset-controller': (deps) => replicaController(deps, REPLICA_SET),
  'replicationcontroller-controller': (deps) => replicaController(deps, REPLICATION_CONTROLLER),
  'daemonset-controller': daemonSetController,
  'statefulset-controller': statefulSetController,
  'job-controller': jobController,
  'ttl-after-finished-controller': jobExpiryController,
  'cronjob-controller': cronJobController,
  'disruption-controller': disruptionControllers,
  'horizontal-pod-autoscaler-controller': (deps, { autoscaling }) =>
    autoscalerController(deps, autoscaling),
  'resourcequota-controller': quotaController,
  'endpoints-controller': endpointsController,
  'endpointslice-controller': endpointSliceController,
  'endpointslice-mirroring-controller': endpointMirroringController,
  'namespace-controller': namespaceController,
  'serviceaccount-controller': serviceAccountController,
  'root-ca-certificate-publisher-controller': (deps, { rootCa }) =>
    rootCa === undefined ? NONE : rootCaController(deps, rootCa),
  'serviceaccount-token-controller': (deps, { tokenSigner: signer, rootCa }) =>
    signer === undefined ? NONE : tokenController(deps, { signer, rootCa }),
  'legacy-serviceaccount-token-cleaner-controller': (deps, { legacyTokensKeptMs }) =>
    legacyTokenCleaner(deps, legacyTokensKeptMs),
  'clusterrole-aggregation-controller': roleAggregationController,
  'node-lifecycle-controller': (deps, { nodeMonitorPeriodMs, nodeMonitorGraceMs }) =>
    nodeLifecycleControllers(deps, {
      monitorPeriodMs: nodeMonitorPeriodMs,
      graceMs: nodeMonitorGraceMs,
    }),
  'node-ipam-controller': (deps, { podNetwork }) =>
    podNetwork === undefined ? NONE : nodeIpamController(deps, podNetwork),
  'ttl-controller': nodeTtlController,
  'taint-eviction-controller': taintEvictionController,
  'certificatesigningrequest-approving-controller': csrApprovingController,
  'certificatesigningrequest-signing-controller': (deps, { signing }) =>
    signing === undefined ? NONE : csrSigningController(deps, signing),
  'certificatesigningrequest-cleaner-controller': csrCleanerController,
  'bootstrap-signer-controller': bootstrapSigner,
  'token-cleaner-controller': tokenCleaner,
  'pod-garbage-collector-controller': (deps, { terminatedPodThreshold }) =>
    podGcController(deps, { terminatedThreshold: terminatedPodThreshold }),
  'persistentvolume-binder-controller': (deps, { removeTree }) => volumeBinder(deps, removeTree),
  'persistentvolume-attach-detach-controller': attachDetachController,
  'persistentvolume-expander-controller': volumeExpandController,
  'ephemeral-volume-controller': ephemeralVolumeController,
  'persistentvolumeclaim-protection-controller': claimProtection,
  'persistentvolume-protection-controller': volumeProtection,
  // Last: it shares the informers of all others where they keep whole objects.
  'garbage-collector-controller': garbageCollector,
};

/** The controllers of one term of leadership. */
export function allControllers(common: ControllerDeps, options: ControllerOptions): Controller[] {
  const deps = { ...common, concurrency: options.concurrency ?? {} };
  const names = Object.keys(MAKERS) as ControllerName[];
  return names
    .filter((name) => options.controllers.has(name))
    .flatMap((name) => MAKERS[name](deps, options));
}
