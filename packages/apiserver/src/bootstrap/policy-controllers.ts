import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '@kubets/api';
import { clusterBinding, clusterRole, parseRules } from './policy-notation.ts';

const EVENTS = 'create patch update | core events.k8s.io | events';

/** What each controller needs, by the name of its service account in `kube-system`. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  'attachdetach-controller': `
    list watch | core | persistentvolumeclaims persistentvolumes pods
    get list watch | core | nodes
    patch update | core | nodes/status
    all | storage.k8s.io | volumeattachments
    read | storage.k8s.io | csidrivers csinodes`,
  'certificate-controller': `
    delete get list watch | certificates.k8s.io | certificatesigningrequests
    update | certificates.k8s.io | certificatesigningrequests/approval certificatesigningrequests/status
    approve sign | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client
    approve sign | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client-kubelet
    approve sign | certificates.k8s.io | signers | kubernetes.io/kubelet-serving
    approve sign | certificates.k8s.io | signers | kubernetes.io/legacy-unknown
    create | authorization.k8s.io | subjectaccessreviews`,
  'clusterrole-aggregation-controller': `
    escalate get list patch update watch | rbac.authorization.k8s.io | clusterroles`,
  'cronjob-controller': `
    get list update watch | batch | cronjobs
    create delete get list patch update watch | batch | jobs
    update | batch | cronjobs/finalizers cronjobs/status
    delete list | core | pods`,
  'daemon-set-controller': `
    get list watch | apps | daemonsets
    update | apps | daemonsets/finalizers daemonsets/status
    list watch | core | nodes
    create delete list patch watch | core | pods
    create | core | pods/binding
    create delete get list patch update watch | apps | controllerrevisions`,
  'deployment-controller': `
    get list update watch | apps | deployments
    update | apps | deployments/finalizers deployments/status
    create delete get list patch update watch | apps | replicasets
    get list update watch | core | pods`,
  'disruption-controller': `
    get list watch | apps | deployments replicasets statefulsets
    get list watch | core | replicationcontrollers
    get list watch | policy | poddisruptionbudgets
    update | policy | poddisruptionbudgets/status
    get | * | */scale
    get list watch | core | pods
    patch update | core | pods/status`,
  'endpoint-controller': `
    get list watch | core | pods services
    create delete get list update | core | endpoints
    create | core | endpoints/restricted`,
  'endpointslice-controller': `
    get list watch | core | nodes pods services
    update | core | services/finalizers
    create delete get list patch update watch | discovery.k8s.io | endpointslices
    create | discovery.k8s.io | endpointslices/restricted`,
  'endpointslicemirroring-controller': `
    get list watch | core | endpoints services
    update | core | endpoints/finalizers services/finalizers
    create delete get list patch update watch | discovery.k8s.io | endpointslices
    create | discovery.k8s.io | endpointslices/restricted`,
  'ephemeral-volume-controller': `
    get list watch | core | pods
    update | core | pods/finalizers
    create get list watch | core | persistentvolumeclaims`,
  'expand-controller': `
    get list patch update watch | core | persistentvolumes
    patch update | core | persistentvolumeclaims/status
    get list watch | core | persistentvolumeclaims
    get list watch | storage.k8s.io | storageclasses
    get | core | secrets`,
  'generic-garbage-collector': `
    delete get list patch update watch | * | *`,
  'horizontal-pod-autoscaler': `
    get list watch | autoscaling | horizontalpodautoscalers
    update | autoscaling | horizontalpodautoscalers/status
    get update | * | */scale
    list | core | pods
    list | metrics.k8s.io | pods
    get list | custom.metrics.k8s.io | *
    get list | external.metrics.k8s.io | *`,
  'job-controller': `
    get list patch update watch | batch | jobs
    update | batch | jobs/finalizers jobs/status
    create delete list patch watch | core | pods`,
  'legacy-service-account-token-cleaner': `
    create get list patch update watch | core | configmaps
    delete get list patch watch | core | secrets`,
  'namespace-controller': `
    delete get list watch | core | namespaces
    update | core | namespaces/finalize namespaces/status
    delete deletecollection get list | * | *`,
  'node-controller': `
    get list update delete patch watch | core | nodes
    patch update | core | nodes/status
    patch update | core | pods/status
    delete get list watch | core | pods
    create | core | pods/eviction
    get list watch | coordination.k8s.io | leases`,
  'persistent-volume-binder': `
    create delete get list update watch | core | persistentvolumes
    update | core | persistentvolumes/status persistentvolumeclaims/status
    get list update watch | core | persistentvolumeclaims
    create delete get list watch | core | pods
    get list watch | storage.k8s.io | storageclasses
    get | core | secrets nodes
    create delete get | core | endpoints services
    list watch | core | nodes`,
  'pod-garbage-collector': `
    delete list watch | core | pods
    get list | core | nodes
    patch | core | pods/status`,
  'pv-protection-controller': `
    get list update watch | core | persistentvolumes`,
  'pvc-protection-controller': `
    get list update watch | core | persistentvolumeclaims
    get list watch | core | pods`,
  'replicaset-controller': `
    get list update watch | apps | replicasets
    update | apps | replicasets/finalizers replicasets/status
    create delete list patch watch | core | pods`,
  'replication-controller': `
    get list update watch | core | replicationcontrollers
    update | core | replicationcontrollers/finalizers replicationcontrollers/status
    create delete list patch watch | core | pods`,
  'resourcequota-controller': `
    list watch | * | *
    update | core | resourcequotas/status`,
  'root-ca-cert-publisher': `
    create get list update watch | core | configmaps
    list watch | core | namespaces`,
  'route-controller': `
    list watch | core | nodes
    patch | core | nodes/status`,
  'service-account-controller': `
    create get list watch | core | serviceaccounts
    list watch | core | namespaces`,
  'service-controller': `
    get list watch | core | services
    patch update | core | services/status
    list watch | core | nodes`,
  'statefulset-controller': `
    list watch | core | pods
    get list watch | apps | statefulsets
    update | apps | statefulsets/finalizers statefulsets/status
    create delete get patch update | core | pods
    create delete get list patch update watch | apps | controllerrevisions
    create get list watch | core | persistentvolumeclaims
    delete update | core | persistentvolumeclaims`,
  'ttl-after-finished-controller': `
    delete get list watch | batch | jobs`,
  'ttl-controller': `
    list patch update watch | core | nodes`,
  'validatingadmissionpolicy-status-controller': `
    get list watch | admissionregistration.k8s.io | validatingadmissionpolicies
    get patch update | admissionregistration.k8s.io | validatingadmissionpolicies/status
    list watch | apiextensions.k8s.io | customresourcedefinitions`,
};

const roleName = (controller: string): string => `system:controller:${controller}`;

/** One role a controller, all of which also record events. */
export const CONTROLLER_ROLES: readonly ClusterRole[] = Object.entries(CONTROLLERS).map(
  ([name, text]) => clusterRole(roleName(name), `${text}\n${EVENTS}`),
);

/** Each role is bound to the service account of its controller. */
export const CONTROLLER_BINDINGS: readonly ClusterRoleBinding[] = Object.keys(CONTROLLERS).map(
  (name) => clusterBinding(roleName(name), [`ServiceAccount:kube-system/${name}`]),
);

/** Role of a controller-manager process that runs all its controllers under its own identity. */
export const ALL_CONTROLLERS_ROLE = 'kubets:controller-manager';

/**
 * The rights of all controllers together, each rule once. Our controllers may send a change as a patch wherever
 * the stock ones replace the object, so whoever may update may patch as well.
 */
export function allControllersRole(): ClusterRole {
  const seen = new Map<string, PolicyRule>();
  for (const text of [...Object.values(CONTROLLERS), EVENTS]) {
    for (const rule of parseRules(text)) {
      const { verbs } = rule;
      const patches = verbs.includes('update') && !verbs.includes('patch');
      const wider = patches ? { ...rule, verbs: [...verbs, 'patch'] } : rule;
      seen.set(JSON.stringify(wider), wider);
    }
  }
  return { ...clusterRole(ALL_CONTROLLERS_ROLE, ''), rules: [...seen.values()] };
}
