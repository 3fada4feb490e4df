/** Names the local load balancers are agreed by: written by the cloud-controller-manager, read by every node's proxy. */

/** `spec.loadBalancerClass` of Services the local provider serves, besides those that name no class. */
export const LOCAL_LOAD_BALANCER_CLASS = 'kubets.io/local';

/** Annotation of a Service: the node that answers for its load balancer address. */
export const LOAD_BALANCER_NODE = 'kubets.io/load-balancer-node';

/** Annotation of a Service: the address it asks for, as `spec.loadBalancerIP` does, which it goes before. */
export const LOAD_BALANCER_IP = 'kubets.io/load-balancer-ip';
