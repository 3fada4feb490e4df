import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '@kubets/api';
import {
  ALL_CONTROLLERS_ROLE,
  allControllersRole,
  CONTROLLER_BINDINGS,
  CONTROLLER_ROLES,
} from './policy-controllers.ts';
import {
  clusterBinding,
  clusterRole,
  namespacedBinding,
  namespacedRole,
} from './policy-notation.ts';
import { CLUSTER_ROLES } from './policy-roles.ts';

/** All of the default policy. */
export interface Policy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

/** What this project's DNS server does under its own user, beyond the stock role: it watches more, and registers itself. */
const DNS_ROLE = 'kubets:dns';
const DNS_REGISTRATION = `
  create get | core | services
  create delete get update | discovery.k8s.io | endpointslices
`;
const DNS_RULES = `
  read | core | endpoints namespaces nodes pods services
  read | discovery.k8s.io | endpointslices
`;

const BINDINGS: readonly ClusterRoleBinding[] = [
  clusterBinding('cluster-admin', ['Group:system:masters']),
  clusterBinding('system:discovery', ['Group:system:authenticated']),
  clusterBinding('system:basic-user', ['Group:system:authenticated']),
  clusterBinding('system:public-info-viewer', [
    'Group:system:authenticated',
    'Group:system:unauthenticated',
  ]),
  clusterBinding('system:monitoring', ['Group:system:monitoring']),
  clusterBinding('system:kube-scheduler', ['User:system:kube-scheduler']),
  clusterBinding('system:volume-scheduler', ['User:system:kube-scheduler']),
  clusterBinding('system:kube-controller-manager', ['User:system:kube-controller-manager']),
  clusterBinding(ALL_CONTROLLERS_ROLE, ['User:system:kube-controller-manager']),
  clusterBinding('system:cloud-controller-manager', ['User:system:cloud-controller-manager']),
  clusterBinding('system:node-proxier', ['User:system:kube-proxy']),
  clusterBinding('system:kube-dns', ['ServiceAccount:kube-system/kube-dns']),
  clusterBinding(DNS_ROLE, ['User:system:kube-dns']),
  // The node authoriser gives kubelets their rights; the role stays for those who bind it themselves.
  clusterBinding('system:node', []),
  clusterBinding('system:service-account-issuer-discovery', ['Group:system:serviceaccounts']),
];

const leaderRole = (component: string): Role =>
  namespacedRole(
    'kube-system',
    `system::leader-locking-${component}`,
    `watch | core | configmaps
     get update | core | configmaps | ${component}`,
  );

const leaderBinding = (component: string): RoleBinding =>
  namespacedBinding('kube-system', `system::leader-locking-${component}`, {
    subjects: [`User:system:${component}`, `ServiceAccount:kube-system/${component}`],
  });

const AUTHENTICATION_READER = 'extension-apiserver-authentication-reader';

/** The default policy, as upstream names it. */
export const DEFAULT_POLICY: Policy = {
  clusterRoles: [
    ...CLUSTER_ROLES,
    clusterRole(DNS_ROLE, DNS_RULES),
    allControllersRole(),
    ...CONTROLLER_ROLES,
  ],
  clusterRoleBindings: [...BINDINGS, ...CONTROLLER_BINDINGS],
  roles: [
    namespacedRole(
      'kube-system',
      AUTHENTICATION_READER,
      'read | core | configmaps | extension-apiserver-authentication',
    ),
    namespacedRole('kube-system', DNS_ROLE, DNS_REGISTRATION),
    leaderRole('kube-controller-manager'),
    leaderRole('kube-scheduler'),
    namespacedRole('kube-system', 'system:controller:bootstrap-signer', 'read | core | secrets'),
    namespacedRole(
      'kube-system',
      'system:controller:cloud-provider',
      'create get list watch | core | configmaps',
    ),
    namespacedRole(
      'kube-system',
      'system:controller:token-cleaner',
      `delete get list watch | core | secrets
       create patch update | core events.k8s.io | events`,
    ),
    namespacedRole(
      'kube-public',
      'system:controller:bootstrap-signer',
      `read | core | configmaps
       update | core | configmaps | cluster-info
       create patch update | core events.k8s.io | events`,
    ),
  ],
  roleBindings: [
    namespacedBinding('kube-system', AUTHENTICATION_READER, {
      name: 'system::extension-apiserver-authentication-reader',
      subjects: ['User:system:kube-controller-manager', 'User:system:kube-scheduler'],
    }),
    namespacedBinding('kube-system', DNS_ROLE, { subjects: ['User:system:kube-dns'] }),
    leaderBinding('kube-controller-manager'),
    leaderBinding('kube-scheduler'),
    ...['bootstrap-signer', 'cloud-provider', 'token-cleaner'].map((name) =>
      namespacedBinding('kube-system', `system:controller:${name}`, {
        subjects: [`ServiceAccount:kube-system/${name}`],
      }),
    ),
    namespacedBinding('kube-public', 'system:controller:bootstrap-signer', {
      subjects: ['ServiceAccount:kube-system/bootstrap-signer'],
    }),
  ],
};
