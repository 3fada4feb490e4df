/** Validation: is an object acceptable, as new or as a change of what is stored? */
import type { FieldError } from '../field-error.ts';
import type { DaemonSet, Deployment, Pod, ReplicaSet } from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import * as admissionPolicy from './admission-policy.ts';
import { validateApiService, validateApiServiceStatus } from './api-service.ts';
import * as autoscaling from './autoscaling.ts';
import * as batch from './batch.ts';
import * as certificates from './certificates.ts';
import { ChangeCheck, type ChangeRules, type ObjectRules } from './change-check.ts';
import type { Errors } from './common.ts';
import * as core from './core.ts';
import * as endpoints from './endpoints.ts';
import * as events from './events.ts';
import * as flow from './flow-control.ts';
import { validateJobStatus } from './job-status.ts';
import {
  type NameRule,
  takesBareFinalizers,
  validateBareFinalizers,
  validateMetadata,
  validatePathName,
} from './metadata.ts';
import * as mutatingPolicy from './mutating-policy.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain, pathSegmentName } from './names.ts';
import * as network from './network.ts';
import { validatePod, validatePodCreate, validatePodTemplate } from './pod.ts';
import type { PodRules } from './pod-containers.ts';
import { validateEphemeralUpdate, validatePodStatus, validatePodUpdate } from './pod-update.ts';
import * as policy from './policy.ts';
import * as quota from './quota.ts';
import * as rbac from './rbac.ts';
import * as service from './service.ts';
import * as storage from './storage.ts';
import * as claims from './storage-claims.ts';
import { mainOrder, statusOrder } from './update-order.ts';
import { workloadStatus } from './workload-status.ts';
import * as workloads from './workloads.ts';

export interface ValidationOptions {
  /** Are privileged containers let through? Default true. */
  allowPrivileged?: boolean;
}

export interface UpdateOptions extends ValidationOptions {
  subresource?: string | undefined;
  /** Told what is wrong with the object but may stay, as it was so before. */
  readonly warn?: (text: string) => void;
}

/** Validators of one kind. Parameters are the kind's own type, known only through the table's key. */
interface KindRules extends ChangeRules {
  name?: NameRule;
}

const anySegment: KindRules = { name: pathSegmentName };

const CORE: Readonly<Record<string, KindRules>> = {
  '/ConfigMap': { object: core.validateConfigMap, update: core.validateConfigMapUpdate },
  '/Secret': { object: core.validateSecret, update: core.validateSecretUpdate },
  '/Namespace': {
    name: dns1123Label,
    create: core.validateNewNamespace,
    status: core.validateNamespaceStatus,
  },
  '/Node': {
    object: core.validateNode,
    update: core.validateNodeUpdate,
    status: core.validateNodeUpdate,
  },
  '/Pod': {
    object: validatePod,
    create: validatePodCreate,
    update: validatePodUpdate,
    status: validatePodStatus,
  },
  '/PodTemplate': {
    object: (errors: Errors, o: { template?: never }, rules: PodRules) => {
      if (o.template) validatePodTemplate(errors, 'template', o.template, rules);
    },
  },
  '/Service': {
    name: dns1035Label,
    object: service.validateService,
    update: service.validateServiceUpdate,
    status: service.validateServiceStatus,
  },
  '/Endpoints': { object: endpoints.validateEndpoints },
  '/Event': { ...anySegment, object: events.validateCoreEvent },
  'events.k8s.io/Event': {
    ...anySegment,
    object: events.validateEvent,
    create: events.validateNewEvent,
    update: events.validateEventUpdate,
  },
  '/LimitRange': { object: quota.validateLimitRange },
  '/ResourceQuota': {
    object: quota.validateResourceQuota,
    update: quota.validateResourceQuotaUpdate,
    status: quota.validateResourceQuotaStatus,
  },
  '/ReplicationController': {
    object: workloads.validateReplicationController,
    status: workloadStatus('ReplicationController'),
  },
  '/PersistentVolume': {
    object: claims.validatePersistentVolume,
    create: claims.validateMountOptions,
    update: claims.validatePersistentVolumeUpdate,
  },
  '/PersistentVolumeClaim': {
    object: claims.validateClaim,
    update: claims.validateClaimUpdate,
    status: claims.validateClaimStatus,
  },
};

const APPS: Readonly<Record<string, KindRules>> = {
  'apps/Deployment': {
    object: workloads.validateDeployment,
    update: (errors: Errors, d: Deployment, old: Deployment) =>
      workloads.validateSelectorUpdate(errors, d.spec?.selector, old.spec?.selector),
    status: workloadStatus('Deployment'),
  },
  'apps/ReplicaSet': {
    object: workloads.validateReplicaSet,
    update: (errors: Errors, rs: ReplicaSet, old: ReplicaSet) =>
      workloads.validateSelectorUpdate(errors, rs.spec?.selector, old.spec?.selector),
    status: workloadStatus('ReplicaSet'),
  },
  'apps/DaemonSet': {
    object: workloads.validateDaemonSet,
    update: (errors: Errors, ds: DaemonSet, old: DaemonSet) =>
      workloads.validateSelectorUpdate(errors, ds.spec?.selector, old.spec?.selector),
    status: workloadStatus('DaemonSet'),
  },
  'apps/StatefulSet': {
    name: dns1123Label,
    object: workloads.validateStatefulSet,
    update: workloads.validateStatefulSetUpdate,
    status: workloadStatus('StatefulSet'),
  },
  'apps/ControllerRevision': {
    object: policy.validateControllerRevision,
    update: policy.validateControllerRevisionUpdate,
  },
  'batch/Job': {
    object: batch.validateJob,
    create: batch.validateJobCreate,
    update: batch.validateJobUpdate,
    status: validateJobStatus,
  },
  'batch/CronJob': { object: batch.validateCronJob, create: batch.validateCronJobCreate },
  'autoscaling/HorizontalPodAutoscaler': {
    object: autoscaling.validateAutoscaler,
    status: autoscaling.validateAutoscalerStatus,
  },
  'policy/PodDisruptionBudget': {
    ...anySegment,
    object: autoscaling.validateDisruptionBudget,
    status: autoscaling.validateBudgetStatus,
  },
  'discovery.k8s.io/EndpointSlice': {
    object: endpoints.validateEndpointSlice,
    update: endpoints.validateEndpointSliceUpdate,
  },
  'networking.k8s.io/Ingress': {
    object: network.validateIngress,
    create: network.validateNewIngress,
    status: network.validateIngressStatus,
  },
  'networking.k8s.io/IngressClass': {
    object: network.validateIngressClass,
    update: network.validateIngressClassUpdate,
  },
  'networking.k8s.io/NetworkPolicy': { object: network.validateNetworkPolicy },
};

const CLUSTER: Readonly<Record<string, KindRules>> = {
  'rbac.authorization.k8s.io/Role': { ...anySegment, object: rbac.validateRole },
  'rbac.authorization.k8s.io/ClusterRole': { ...anySegment, object: rbac.validateRole },
  'rbac.authorization.k8s.io/RoleBinding': {
    ...anySegment,
    object: rbac.validateBinding,
    update: rbac.validateBindingUpdate,
  },
  'rbac.authorization.k8s.io/ClusterRoleBinding': {
    ...anySegment,
    object: rbac.validateBinding,
    update: rbac.validateBindingUpdate,
  },
  'storage.k8s.io/StorageClass': {
    object: storage.validateStorageClass,
    update: storage.validateStorageClassUpdate,
  },
  'storage.k8s.io/CSINode': {
    object: storage.validateCsiNode,
    update: storage.validateCsiNodeUpdate,
  },
  'storage.k8s.io/CSIDriver': {
    object: storage.validateCsiDriver,
    update: storage.validateCsiDriverUpdate,
  },
  'storage.k8s.io/CSIStorageCapacity': {
    object: storage.validateStorageCapacity,
    update: storage.validateStorageCapacityUpdate,
  },
  'storage.k8s.io/VolumeAttachment': {
    object: storage.validateVolumeAttachment,
    create: storage.validateNewVolumeAttachment,
    update: storage.validateVolumeAttachmentUpdate,
  },
  'scheduling.k8s.io/PriorityClass': {
    object: policy.validatePriorityClass,
    update: policy.validatePriorityClassUpdate,
  },
  'coordination.k8s.io/Lease': { object: policy.validateLease },
  'node.k8s.io/RuntimeClass': {
    object: policy.validateRuntimeClass,
    update: policy.validateRuntimeClassUpdate,
  },
  'certificates.k8s.io/CertificateSigningRequest': {
    ...anySegment,
    object: certificates.validateSigningRequest,
    status: certificates.validateSigningRequestStatus,
  },
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': {
    object: policy.validateWebhooks,
  },
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': { object: policy.validateWebhooks },
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': {
    object: mutatingPolicy.validateMutatingPolicy,
  },
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': {
    object: mutatingPolicy.validateMutatingPolicyBinding,
  },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': {
    object: admissionPolicy.validateAdmissionPolicy,
    status: admissionPolicy.validateAdmissionPolicyStatus,
  },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': {
    object: admissionPolicy.validateAdmissionPolicyBinding,
  },
  'flowcontrol.apiserver.k8s.io/FlowSchema': {
    object: flow.validateFlowSchema,
    status: flow.validateFlowStatus,
  },
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': {
    object: flow.validatePriorityLevel,
    status: flow.validateFlowStatus,
  },
  // The rest is the server's: schemas and names are looked at together.
  'apiextensions.k8s.io/CustomResourceDefinition': anySegment,
  'apiregistration.k8s.io/APIService': {
    ...anySegment,
    object: validateApiService,
    status: validateApiServiceStatus,
  },
};

const RULES: Readonly<Record<string, KindRules>> = { ...CORE, ...APPS, ...CLUSTER };

function rulesOf(def: KindDef): KindRules {
  return RULES[`${def.group}/${def.kind}`] ?? {};
}

function objectRules(def: KindDef, options: ValidationOptions): ObjectRules {
  const expression = def.rules?.expressionProblem;
  return { allowPrivileged: options.allowPrivileged ?? true, expression };
}

/** Everything wrong with a new object, in the stock server's order; empty when it is fine. */
export function validateCreate(
  def: KindDef,
  object: KubeObject,
  options: ValidationOptions = {},
): FieldError[] {
  const rules = rulesOf(def);
  const own = def.rules?.nameMessages;
  const name = own ? (text: string) => own(text, object) : (rules.name ?? dns1123Subdomain);
  const errors = validateMetadata(object.metadata, { namespaced: def.namespaced, name });
  if (!takesBareFinalizers(def.group, def.rules?.unstructured === true)) {
    errors.push(...validateBareFinalizers(object.metadata));
  }
  rules.object?.(errors, object as never, objectRules(def, options));
  rules.create?.(errors, object as never);
  if (errors.length === 0) errors.push(...validatePathName(object.metadata.name));
  return errors;
}

/**
 * Everything wrong with a change. A subresource (alone, or among the options) is set for updates through one:
 * `status`, `ephemeralcontainers` and `approval` check what they change, others metadata alone.
 */
export function validateUpdate(
  def: KindDef,
  object: KubeObject,
  old: KubeObject,
  options: string | UpdateOptions = {},
): FieldError[] {
  const o: UpdateOptions = typeof options === 'string' ? { subresource: options } : options;
  const key = `${def.group}/${def.kind}`;
  const takesBare = takesBareFinalizers(def.group, def.rules?.unstructured === true);
  const check = new ChangeCheck(rulesOf(def), {
    object,
    old,
    rules: objectRules(def, o),
    takesBare,
  });
  const { errors } = check;
  if (o.subresource === undefined) check.run(mainOrder(key));
  else if (o.subresource === 'status') check.run(statusOrder(key));
  else if (o.subresource === 'ephemeralcontainers') {
    const before = errors.length;
    check.run(['change', 'metadata', 'object']);
    validateEphemeralUpdate(errors, object as Pod, old as Pod, before);
  } else if (o.subresource === 'approval') {
    check.run(['metadata', 'object']);
    certificates.validateApproval(errors, object as never, old as never);
    check.run(['change']);
  } else {
    check.run(['change']);
    if (o.subresource === 'finalize' && def.kind === 'Namespace') {
      core.validateNamespaceFinalizers(errors, object as never, true);
    }
  }
  return errors;
}
