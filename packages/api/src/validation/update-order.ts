/**
 * What the stock server looks at, and how often, when an object of a kind changes. Its validators of changes call each
 * other as they have grown: some check the whole object twice, some its metadata four times, some leave parts out. The
 * causes of a Status show each time, so the order is part of the answer.
 */

/**
 * `create`: what else is checked of new objects of the kind; `metadata`: all that is checked of a new object's metadata;
 * `change`: what an update may not do to metadata; `object`: what is checked of every object of the kind; `update`: what
 * an update may not change; `status`: what is checked of a status.
 */
export type UpdateStep = 'create' | 'metadata' | 'change' | 'object' | 'update' | 'status';
export type UpdateOrder = readonly UpdateStep[];

const O = 'metadata';
const U = 'change';
const B = 'object';
const X = 'update';

const USUAL: UpdateOrder = [U, B, X];
const BOTH: UpdateOrder = [O, B, U, B, X];
const FROZEN_FIRST: UpdateOrder = [U, X, O, B];
const TWICE: UpdateOrder = [O, B, O, B, X];
const WHOLE: UpdateOrder = [O, B, X];
const ROLE: UpdateOrder = [O, B, O, B, U, X];

/** By `group/Kind`, where it is not the usual one. */
const MAIN: Readonly<Record<string, UpdateOrder>> = {
  '/ConfigMap': FROZEN_FIRST,
  '/Endpoints': [U, O, B],
  '/Event': [B],
  '/LimitRange': [O, B],
  '/Namespace': [O, B, U],
  '/Node': [O, B, U, X],
  '/PersistentVolume': [O, B, 'create', O, B, X],
  '/PersistentVolumeClaim': [O, B, U, O, B, X],
  '/Pod': [U, O, B, X],
  '/ReplicationController': BOTH,
  '/Secret': FROZEN_FIRST,
  '/Service': FROZEN_FIRST,
  '/ServiceAccount': [U, O],
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': WHOLE,
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': WHOLE,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': WHOLE,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': WHOLE,
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': WHOLE,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': WHOLE,
  'apiregistration.k8s.io/APIService': [U, O, B],
  'apps/ControllerRevision': [U, O, B, X],
  'apps/DaemonSet': BOTH,
  'apps/ReplicaSet': BOTH,
  'batch/Job': [O, B, U, X],
  'certificates.k8s.io/CertificateSigningRequest': [O, B, X, U],
  'discovery.k8s.io/EndpointSlice': WHOLE,
  'events.k8s.io/Event': [B, X],
  'flowcontrol.apiserver.k8s.io/FlowSchema': WHOLE,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': WHOLE,
  'networking.k8s.io/Ingress': [U, O, B],
  'networking.k8s.io/IngressClass': FROZEN_FIRST,
  'node.k8s.io/RuntimeClass': [O, B, U, X],
  'policy/PodDisruptionBudget': [B],
  'rbac.authorization.k8s.io/ClusterRole': ROLE,
  'rbac.authorization.k8s.io/ClusterRoleBinding': ROLE,
  'rbac.authorization.k8s.io/Role': ROLE,
  'rbac.authorization.k8s.io/RoleBinding': ROLE,
  'scheduling.k8s.io/PriorityClass': [U, X],
  'storage.k8s.io/CSINode': TWICE,
  'storage.k8s.io/CSIStorageCapacity': [O, B, U, X],
  'storage.k8s.io/StorageClass': [O, B, U, X],
  'storage.k8s.io/VolumeAttachment': TWICE,
};

/** The same for the subresource `status`. */
const STATUS: Readonly<Record<string, UpdateOrder>> = {
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': ['status'],
  'apps/StatefulSet': ['status', U],
  'batch/CronJob': [],
  'certificates.k8s.io/CertificateSigningRequest': [O, B, 'status', U],
  'flowcontrol.apiserver.k8s.io/FlowSchema': ['status'],
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': ['status'],
  'policy/PodDisruptionBudget': ['status'],
  'storage.k8s.io/VolumeAttachment': TWICE,
};

/** The order for an update of the object itself, by its `group/Kind`. */
export function mainOrder(key: string): UpdateOrder {
  return MAIN[key] ?? USUAL;
}

/** The order for an update through the subresource `status`. */
export function statusOrder(key: string): UpdateOrder {
  return STATUS[key] ?? [U, 'status'];
}
