import { autoscalerController } from './autoscaler/reconciler.ts';
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
import { disruptionController } from './disruption/reconciler.ts';
import { endpointMirroringController } from './endpoints/mirroring.ts';
import { endpointSliceController, endpointsController } from './endpoints/reconciler.ts';
import { ephemeralVolumeController } from './ephemeral-volume/reconciler.ts';
import { garbageCollector } from './garbage-collector/reconciler.ts';
import type { Controller, ControllerDeps } from './host/controller.ts';
import { jobController } from './job/reconciler.ts';
import { namespaceController } from './namespace/reconciler.ts';
import type { Cidr } from './node-ipam/allocator.ts';
import { nodeIpamController } from './node-ipam/reconciler.ts';
import { nodeLifecycleControllers } from './node-lifecycle/reconciler.ts';
import { podGcController } from './podgc/reconciler.ts';
import { quotaController } from './quota/reconciler.ts';
import { REPLICA_SET, REPLICATION_CONTROLLER } from './replicaset/kinds.ts';
import { replicaController } from './replicaset/reconciler.ts';
import { rootCaController, serviceAccountController } from './serviceaccount/reconciler.ts';
import { statefulSetController } from './statefulset/reconciler.ts';
import { taintEvictionController } from './taint-eviction/reconciler.ts';
import type { TokenSigner } from './tokens/jwt.ts';
import { tokenController } from './tokens/reconciler.ts';
import { volumeBinder } from './volume-binder/reconciler.ts';
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
  nodeMonitorPeriodMs: number;
  nodeMonitorGraceMs: number;
  /** Workers by controller, where they are to be other than usual. */
  concurrency?: Concurrency;
}

/** All controllers of one term of leadership. */
export function allControllers(common: ControllerDeps, options: ControllerOptions): Controller[] {
  const deps = { ...common, concurrency: options.concurrency ?? {} };
  const { podNetwork, rootCa, tokenSigner: signer, signing } = options;
  return [
    deploymentController(deps),
    replicaController(deps, REPLICA_SET),
    replicaController(deps, REPLICATION_CONTROLLER),
    daemonSetController(deps),
    statefulSetController(deps),
    jobController(deps),
    cronJobController(deps),
    disruptionController(deps),
    autoscalerController(deps),
    quotaController(deps),
    endpointsController(deps),
    endpointSliceController(deps),
    endpointMirroringController(deps),
    namespaceController(deps),
    serviceAccountController(deps),
    ...(rootCa === undefined ? [] : [rootCaController(deps, rootCa)]),
    ...(signer === undefined ? [] : [tokenController(deps, { signer, rootCa })]),
    ...nodeLifecycleControllers(deps, {
      monitorPeriodMs: options.nodeMonitorPeriodMs,
      graceMs: options.nodeMonitorGraceMs,
    }),
    ...(podNetwork === undefined ? [] : [nodeIpamController(deps, podNetwork)]),
    taintEvictionController(deps),
    csrApprovingController(deps),
    ...(signing === undefined ? [] : [csrSigningController(deps, signing)]),
    csrCleanerController(deps),
    bootstrapSigner(deps),
    tokenCleaner(deps),
    podGcController(deps),
    volumeBinder(deps),
    ephemeralVolumeController(deps),
    claimProtection(deps),
    volumeProtection(deps),
    // Last: it shares the informers of all others where they keep whole objects.
    garbageCollector(deps),
  ];
}
