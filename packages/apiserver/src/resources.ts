import type { GroupVersionResource } from '@kubets/api';

const gvr = (group: string, resource: string): GroupVersionResource => ({
  group,
  version: 'v1',
  resource,
});

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const REGISTRATION_GROUP = 'admissionregistration.k8s.io';

/** The resources the edge of the apiserver itself reads and writes. */
export const GVR = {
  apiServices: gvr('apiregistration.k8s.io', 'apiservices'),
  clusterRoleBindings: gvr(RBAC_GROUP, 'clusterrolebindings'),
  clusterRoles: gvr(RBAC_GROUP, 'clusterroles'),
  configMaps: gvr('', 'configmaps'),
  leases: gvr('coordination.k8s.io', 'leases'),
  definitions: gvr('apiextensions.k8s.io', 'customresourcedefinitions'),
  endpoints: gvr('', 'endpoints'),
  endpointSlices: gvr('discovery.k8s.io', 'endpointslices'),
  flowSchemas: gvr('flowcontrol.apiserver.k8s.io', 'flowschemas'),
  ingressClasses: gvr('networking.k8s.io', 'ingressclasses'),
  limitRanges: gvr('', 'limitranges'),
  mutatingWebhooks: gvr(REGISTRATION_GROUP, 'mutatingwebhookconfigurations'),
  namespaces: gvr('', 'namespaces'),
  nodes: gvr('', 'nodes'),
  csiDrivers: gvr('storage.k8s.io', 'csidrivers'),
  persistentVolumeClaims: gvr('', 'persistentvolumeclaims'),
  mutatingPolicies: {
    ...{ group: REGISTRATION_GROUP, version: 'v1alpha1' },
    resource: 'mutatingadmissionpolicies',
  },
  mutatingPolicyBindings: {
    ...{ group: REGISTRATION_GROUP, version: 'v1alpha1' },
    resource: 'mutatingadmissionpolicybindings',
  },
  persistentVolumes: gvr('', 'persistentvolumes'),
  pods: gvr('', 'pods'),
  priorityLevels: gvr('flowcontrol.apiserver.k8s.io', 'prioritylevelconfigurations'),
  priorityClasses: gvr('scheduling.k8s.io', 'priorityclasses'),
  resourceQuotas: gvr('', 'resourcequotas'),
  resourceSlices: { group: 'resource.k8s.io', version: 'v1beta1', resource: 'resourceslices' },
  roleBindings: gvr(RBAC_GROUP, 'rolebindings'),
  roles: gvr(RBAC_GROUP, 'roles'),
  runtimeClasses: gvr('node.k8s.io', 'runtimeclasses'),
  secrets: gvr('', 'secrets'),
  serviceAccounts: gvr('', 'serviceaccounts'),
  services: gvr('', 'services'),
  storageClasses: gvr('storage.k8s.io', 'storageclasses'),
  validatingPolicies: gvr(REGISTRATION_GROUP, 'validatingadmissionpolicies'),
  validatingPolicyBindings: gvr(REGISTRATION_GROUP, 'validatingadmissionpolicybindings'),
  volumeAttachments: gvr('storage.k8s.io', 'volumeattachments'),
  validatingWebhooks: gvr(REGISTRATION_GROUP, 'validatingwebhookconfigurations'),
} as const;
