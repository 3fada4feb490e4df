import type { ClusterRole } from '@kubets/api';
import { aggregatedRole, aggregatesTo, clusterRole } from './policy-notation.ts';

/** What everybody may look at to find their way around. */
const DISCOVERY_PATHS =
  '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/';

const AGGREGATE_TO_VIEW = `
  read | core | configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods
  read | core | replicationcontrollers replicationcontrollers/scale serviceaccounts services
  read | core | services/status
  read | core | bindings events limitranges namespaces/status pods/log pods/status
  read | core | replicationcontrollers/status resourcequotas resourcequotas/status
  read | core | namespaces
  read | discovery.k8s.io | endpointslices
  read | apps | controllerrevisions daemonsets daemonsets/status deployments deployments/scale
  read | apps | deployments/status replicasets replicasets/scale replicasets/status statefulsets
  read | apps | statefulsets/scale statefulsets/status
  read | autoscaling | horizontalpodautoscalers horizontalpodautoscalers/status
  read | batch | cronjobs cronjobs/status jobs jobs/status
  read | extensions | daemonsets daemonsets/status deployments deployments/scale deployments/status
  read | extensions | ingresses ingresses/status networkpolicies replicasets replicasets/scale
  read | extensions | replicasets/status replicationcontrollers/scale
  read | policy | poddisruptionbudgets poddisruptionbudgets/status
  read | networking.k8s.io | ingresses ingresses/status networkpolicies
`;

const AGGREGATE_TO_EDIT = `
  read | core | pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy
  impersonate | core | serviceaccounts
  write | core | pods pods/attach pods/exec pods/portforward pods/proxy
  create | core | pods/eviction
  write | core | configmaps events persistentvolumeclaims replicationcontrollers
  write | core | replicationcontrollers/scale secrets serviceaccounts services services/proxy
  create | core | serviceaccounts/token
  write | apps | daemonsets deployments deployments/rollback deployments/scale replicasets
  write | apps | replicasets/scale statefulsets statefulsets/scale
  write | autoscaling | horizontalpodautoscalers
  write | batch | cronjobs jobs
  write | extensions | daemonsets deployments deployments/rollback deployments/scale ingresses
  write | extensions | networkpolicies replicasets replicasets/scale replicationcontrollers/scale
  write | policy | poddisruptionbudgets
  write | networking.k8s.io | ingresses networkpolicies
  all | coordination.k8s.io | leases
`;

const AGGREGATE_TO_ADMIN = `
  create | authorization.k8s.io | localsubjectaccessreviews
  all | rbac.authorization.k8s.io | rolebindings roles
`;

const EVENTS = `
  create patch update | core events.k8s.io | events
`;

const ELECTION = (name: string): string => `
  create | coordination.k8s.io | leases
  get update list watch | coordination.k8s.io | leases | ${name}
`;

const DELEGATED_AUTH = `
  create | authentication.k8s.io | tokenreviews
  create | authorization.k8s.io | subjectaccessreviews
`;

const SCHEDULER = `
  ${EVENTS}
  ${ELECTION('kube-scheduler')}
  ${DELEGATED_AUTH}
  read | core | nodes namespaces
  delete get list watch | core | pods
  create | core | bindings pods/binding
  patch update | core | pods/status
  read | core | replicationcontrollers services
  read | apps extensions | replicasets
  read | apps | statefulsets
  read | policy | poddisruptionbudgets
  read | core | persistentvolumeclaims persistentvolumes
  read | storage.k8s.io | csidrivers csinodes csistoragecapacities volumeattachments
`;

const VOLUME_SCHEDULER = `
  get list patch update watch | core | persistentvolumes persistentvolumeclaims
  read | storage.k8s.io | storageclasses
`;

const CONTROLLER_MANAGER = `
  ${EVENTS}
  ${ELECTION('kube-controller-manager')}
  ${DELEGATED_AUTH}
  create | core | secrets serviceaccounts
  delete | core | secrets
  get | core | configmaps namespaces secrets serviceaccounts
  update | core | secrets serviceaccounts
  create | core | serviceaccounts/token
  list watch | * | *
`;

/** Services, their nodes and where their endpoints are; nothing of what runs in the cluster. */
const CLOUD_CONTROLLER_MANAGER = `
  ${EVENTS}
  ${ELECTION('cloud-controller-manager')}
  delete get list watch | core | nodes
  patch update | core | nodes nodes/status
  get list watch | core | services
  patch update | core | services services/status
  list watch | discovery.k8s.io | endpointslices
`;

const NODE_PROXIER = `
  ${EVENTS}
  list watch | core | endpoints services
  get list watch | core | nodes
  list watch | discovery.k8s.io | endpointslices
  list watch | networking.k8s.io | servicecidrs
`;

const KUBELET = `
  ${DELEGATED_AUTH}
  create | authorization.k8s.io | localsubjectaccessreviews
  ${EVENTS}
  create get list watch | core | nodes
  patch update | core | nodes nodes/status
  create delete get list watch | core | pods
  patch update | core | pods/status
  create | core | pods/eviction
  read | core | configmaps secrets services
  get | core | endpoints persistentvolumeclaims persistentvolumes
  get patch update | core | persistentvolumeclaims/status
  create | core | serviceaccounts/token
  create get list watch | certificates.k8s.io | certificatesigningrequests
  create delete get patch update | coordination.k8s.io | leases
  get | storage.k8s.io | volumeattachments
  read | storage.k8s.io | csidrivers
  create delete get patch update | storage.k8s.io | csinodes
  read | node.k8s.io | runtimeclasses
`;

const certificates = (name: string, text: string): ClusterRole =>
  clusterRole(`system:certificates.k8s.io:${name}`, text);

const approver = (name: string, signer: string): ClusterRole =>
  certificates(name, `approve | certificates.k8s.io | signers | ${signer}`);

/** The cluster roles for people and for the cluster's own components. */
export const CLUSTER_ROLES: readonly ClusterRole[] = [
  clusterRole('cluster-admin', '* | * | *\n* | *'),
  clusterRole('system:discovery', `get | ${DISCOVERY_PATHS}`),
  clusterRole('system:public-info-viewer', 'get | /healthz /livez /readyz /version /version/'),
  clusterRole(
    'system:basic-user',
    `create | authorization.k8s.io | selfsubjectaccessreviews selfsubjectrulesreviews
     create | authentication.k8s.io | selfsubjectreviews`,
  ),
  clusterRole(
    'system:monitoring',
    'get | /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*',
  ),
  aggregatedRole('admin'),
  aggregatedRole('edit', 'admin'),
  aggregatedRole('view', 'edit'),
  clusterRole('system:aggregate-to-admin', AGGREGATE_TO_ADMIN, aggregatesTo('admin')),
  clusterRole('system:aggregate-to-edit', AGGREGATE_TO_EDIT, aggregatesTo('edit')),
  clusterRole('system:aggregate-to-view', AGGREGATE_TO_VIEW, aggregatesTo('view')),
  clusterRole('system:kube-scheduler', SCHEDULER),
  clusterRole('system:volume-scheduler', VOLUME_SCHEDULER),
  clusterRole('system:kube-controller-manager', CONTROLLER_MANAGER),
  clusterRole('system:cloud-controller-manager', CLOUD_CONTROLLER_MANAGER),
  clusterRole('system:node', KUBELET),
  clusterRole('system:node-proxier', NODE_PROXIER),
  clusterRole(
    'system:kube-dns',
    `list watch | core | endpoints services
     list watch | discovery.k8s.io | endpointslices`,
  ),
  clusterRole('system:auth-delegator', DELEGATED_AUTH),
  clusterRole(
    'system:heapster',
    'read | core | events namespaces nodes pods\nread | extensions | deployments',
  ),
  clusterRole('system:kube-aggregator', 'read | core | endpoints services'),
  clusterRole(
    'system:kubelet-api-admin',
    `read | core | nodes
     proxy | core | nodes
     * | core | nodes/log nodes/metrics nodes/proxy nodes/stats`,
  ),
  clusterRole(
    'system:node-bootstrapper',
    'create get list watch | certificates.k8s.io | certificatesigningrequests',
  ),
  clusterRole(
    'system:node-problem-detector',
    `get | core | nodes
     patch | core | nodes/status
     ${EVENTS}`,
  ),
  clusterRole(
    'system:persistent-volume-provisioner',
    `create delete get list watch | core | persistentvolumes
     get list update watch | core | persistentvolumeclaims
     read | storage.k8s.io | storageclasses
     watch | core | events
     ${EVENTS}`,
  ),
  clusterRole(
    'system:service-account-issuer-discovery',
    'get | /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
  ),
  approver('legacy-unknown-approver', 'kubernetes.io/legacy-unknown'),
  approver('kubelet-serving-approver', 'kubernetes.io/kubelet-serving'),
  approver('kube-apiserver-client-approver', 'kubernetes.io/kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet-approver', 'kubernetes.io/kube-apiserver-client-kubelet'),
  certificates(
    'certificatesigningrequests:nodeclient',
    'create | certificates.k8s.io | certificatesigningrequests/nodeclient',
  ),
  certificates(
    'certificatesigningrequests:selfnodeclient',
    'create | certificates.k8s.io | certificatesigningrequests/selfnodeclient',
  ),
];
