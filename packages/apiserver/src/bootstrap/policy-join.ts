import type { Policy } from './policy.ts';
import {
  clusterBinding,
  clusterRole,
  namespacedBinding,
  namespacedRole,
} from './policy-notation.ts';

const CERTIFICATES = 'system:certificates.k8s.io:certificatesigningrequests';
const CLUSTER_INFO = 'kubets:cluster-info';
const JOIN_FACTS = 'kubets:join-facts';
const NODE_NAMES = 'kubets:node-names';
const NODE_PARTS = 'kubets:node-parts';
const POD_NETWORK = 'kubets:pod-network';

/**
 * What joining with a bootstrap token takes: whoever has one may ask for a kubelet's certificate, which is approved without
 * a person; nodes may renew theirs; and everybody may read how to reach and trust the cluster (`kube-public/cluster-info`,
 * which holds nothing secret). A joining host sees whether its name is taken. Nodes may also have certificates to serve under and
 * for their own proxy and name server. A joining master reads the cluster's settings, and the authorities' keys, which are
 * encrypted with a key it must bring.
 */
export const JOIN_POLICY: Policy = {
  clusterRoles: [
    clusterRole(
      `${CERTIFICATES}:selfnodeserver`,
      'create | certificates.k8s.io | certificatesigningrequests/selfnodeserver',
    ),
    clusterRole(
      NODE_PARTS,
      'create | certificates.k8s.io | certificatesigningrequests/proxyclient certificatesigningrequests/dnsclient',
    ),
    clusterRole(NODE_NAMES, 'get | core | nodes'),
    // Kubelets that make the pod network themselves have to know the other nodes; those of a stock cluster may not read them.
    clusterRole(POD_NETWORK, 'read | core | nodes'),
  ],
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
    clusterBinding(
      `${CERTIFICATES}:selfnodeserver`,
      ['Group:system:nodes'],
      'kubets:node-autoapprove-serving',
    ),
    clusterBinding(NODE_NAMES, ['Group:system:bootstrappers']),
    clusterBinding(NODE_PARTS, ['Group:system:nodes']),
    clusterBinding(POD_NETWORK, ['Group:system:nodes']),
  ],
  roles: [
    namespacedRole('kube-public', CLUSTER_INFO, 'get | core | configmaps | cluster-info'),
    namespacedRole(
      'kube-system',
      JOIN_FACTS,
      `get | core | configmaps | kubets-config
       get | core | secrets | kubets-certs`,
    ),
  ],
  roleBindings: [
    namespacedBinding('kube-public', CLUSTER_INFO, {
      subjects: ['User:system:anonymous', 'Group:system:authenticated'],
    }),
    namespacedBinding('kube-system', JOIN_FACTS, { subjects: ['Group:system:bootstrappers'] }),
  ],
};
