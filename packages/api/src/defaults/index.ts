/** Defaulting: what an object gets for the fields its author left out. */
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import { roundAmounts } from './amounts.ts';
import * as core from './core.ts';
import * as network from './network.ts';
import { defaultPod } from './pod.ts';
import * as policy from './policy.ts';
import * as storage from './storage.ts';
import * as workloads from './workloads.ts';

type Defaulter = (object: never) => void;

/** By `group/Kind`; kinds without an entry have no defaults. */
const DEFAULTERS: Readonly<Record<string, Defaulter>> = {
  '/LimitRange': core.defaultLimitRange,
  '/Namespace': core.defaultNamespace,
  '/Node': core.defaultNode,
  '/Secret': core.defaultSecret,
  '/Pod': defaultPod,
  '/PodTemplate': workloads.defaultPodTemplateObject,
  '/ReplicationController': workloads.defaultReplicationController,
  '/Service': network.defaultService,
  '/Endpoints': network.defaultEndpoints,
  '/PersistentVolume': storage.defaultPersistentVolume,
  '/PersistentVolumeClaim': storage.defaultClaim,
  'autoscaling/HorizontalPodAutoscaler': policy.defaultAutoscaler,
  'authentication.k8s.io/TokenRequest': core.defaultTokenRequest,
  'apps/DaemonSet': workloads.defaultDaemonSet,
  'apps/Deployment': workloads.defaultDeployment,
  'apps/ReplicaSet': workloads.defaultReplicaSet,
  'apps/StatefulSet': workloads.defaultStatefulSet,
  'batch/CronJob': workloads.defaultCronJob,
  'batch/Job': workloads.defaultJob,
  'discovery.k8s.io/EndpointSlice': network.defaultEndpointSlice,
  'networking.k8s.io/IngressClass': network.defaultIngressClass,
  'networking.k8s.io/NetworkPolicy': network.defaultNetworkPolicy,
  'storage.k8s.io/CSIDriver': storage.defaultCsiDriver,
  'storage.k8s.io/StorageClass': storage.defaultStorageClass,
  'scheduling.k8s.io/PriorityClass': policy.defaultPriorityClass,
  'rbac.authorization.k8s.io/RoleBinding': policy.defaultBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': policy.defaultBinding,
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': policy.defaultMutatingPolicy,
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding':
    policy.defaultAdmissionPolicyBinding,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': policy.defaultMutatingWebhooks,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': policy.defaultValidatingWebhooks,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': policy.defaultAdmissionPolicy,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding':
    policy.defaultAdmissionPolicyBinding,
  'flowcontrol.apiserver.k8s.io/FlowSchema': policy.defaultFlowSchema,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': policy.defaultPriorityLevel,
  'apiextensions.k8s.io/CustomResourceDefinition': policy.defaultCustomResource,
  'apiregistration.k8s.io/APIService': policy.defaultApiService,
};

/** Fills in defaults, in place. The object must have come through decoding. */
export function defaultObject(def: KindDef, object: KubeObject): void {
  const key = `${def.group}/${def.kind}`;
  DEFAULTERS[key]?.(object as never);
  roundAmounts(key, object);
}
