import type { Policy } from './policy.ts';
import { clusterBinding, namespacedBinding, namespacedRole } from './policy-notation.ts';

const CERTIFICATES = 'system:certificates.k8s.io:certificatesigningrequests';
const CLUSTER_INFO = 'kubets:cluster-info';

/**
 * What joining with a bootstrap token takes: whoever has one may ask for a kubelet's certificate, which is approved without
 * a person; nodes may renew theirs; and everybody may read how to reach and trust the cluster (`kube-public/cluster-info`,
 * which holds nothing secret).
 */
export const JOIN_POLICY: Policy = {
  clusterRoles: [],
  clusterRoleBindings: [
    clusterBinding(
      'system:node-bootstrapper',
      ['Group:system:bootstrappers'],
      'kubets:kubelet-bootstrap',
    ),
    clusterBinding(
      `${CERTIFICATES}:nodeclient`,
      ['Group:system:bootstrappers'],
      'kubets:node-autoapprove-bootstrap',
    ),
    clusterBinding(
      `${CERTIFICATES}:selfnodeclient`,
      ['Group:system:nodes'],
      'kubets:node-autoapprove-certificate-rotation',
    ),
  ],
  roles: [namespacedRole('kube-public', CLUSTER_INFO, 'get | core | configmaps | cluster-info')],
  roleBindings: [
    namespacedBinding('kube-public', CLUSTER_INFO, {
      subjects: ['User:system:anonymous', 'Group:system:authenticated'],
    }),
  ],
};
