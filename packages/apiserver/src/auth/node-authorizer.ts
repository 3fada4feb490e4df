import type { PolicyRule } from '@kubets/api';
import type { AuthorizationAttributes, Decision } from '../ports.ts';
import { nodeOf } from './identity.ts';
import type { NodeGraph, ReferencedKind } from './node-graph.ts';
import { ruleAllows } from './rules.ts';

/** What the authoriser asks about nodes and volumes besides the graph of pods. */
export interface NodeFacts {
  nodeExists(name: string): boolean;
  /** The claim a volume is bound to. */
  claimOfVolume(name: string): { namespace: string; name: string } | undefined;
}

/**
 * Whether a kubelet identity stands for a node. A kubelet owns the node of its own name. A process that
 * runs many simulated nodes has one identity, PREFIX, for the nodes PREFIX-0, PREFIX-1, …: it owns them
 * as long as no node is called PREFIX itself, so that a real kubelet `a` never owns node `a-1`.
 */
export function ownsNode(identity: string, node: string, facts: Pick<NodeFacts, 'nodeExists'>) {
  if (identity === node) return true;
  if (!node.startsWith(`${identity}-`)) return false;
  return /^\d+$/.test(node.slice(identity.length + 1)) && !facts.nodeExists(identity);
}

/** Rights every kubelet has; admission (NodeRestriction) narrows the writes to the node's own objects. */
export const NODE_RULES: readonly PolicyRule[] = [
  rule('authentication.k8s.io', 'tokenreviews', 'create'),
  rule('authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews', 'create'),
  rule('', 'services endpoints', 'get list watch'),
  rule('', 'nodes', 'create get list watch update patch'),
  rule('', 'nodes/status', 'update patch'),
  rule('', 'events', 'create update patch'),
  rule('events.k8s.io', 'events', 'create update patch'),
  rule('', 'pods', 'get list watch create delete'),
  rule('', 'pods/status', 'update patch'),
  rule('', 'pods/eviction', 'create'),
  rule('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
  rule('storage.k8s.io', 'csidrivers volumeattachments', 'get list watch'),
  rule('node.k8s.io', 'runtimeclasses', 'get list watch'),
  { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
];

function rule(group: string, resources: string, verbs: string): PolicyRule {
  return { apiGroups: [group], resources: resources.split(' '), verbs: verbs.split(' ') };
}

const noRelation = (node: string): Decision =>
  no(`no relationship found between node '${node}' and this object`);
const ALLOWED: Decision = { allowed: true, reason: '' };
const no = (reason: string): Decision => ({ allowed: false, reason });

/** Lets kubelets do their work and nothing else: secrets and the like only of pods bound to their node. */
export class NodeAuthorizer {
  readonly #graph: NodeGraph;
  readonly #facts: NodeFacts;

  constructor(graph: NodeGraph, facts: NodeFacts) {
    this.#graph = graph;
    this.#facts = facts;
  }

  authorize(asked: AuthorizationAttributes): Decision {
    const node = nodeOf(asked.user);
    if (node === undefined) return no('');
    if (!asked.isResourceRequest) return this.#byRules(asked);
    switch (`${asked.apiGroup}/${asked.resource}`) {
      case '/secrets':
      case '/configmaps':
        return this.#read(node, asked, asked.resource as ReferencedKind);
      case '/persistentvolumeclaims':
        return this.#claim(node, asked);
      case '/persistentvolumes':
        return this.#volume(node, asked);
      case '/serviceaccounts':
        return this.#account(node, asked);
      case 'coordination.k8s.io/leases':
        return this.#lease(node, asked);
      case 'storage.k8s.io/csinodes':
        return this.#ownName(node, asked, ['get', 'create', 'update', 'patch', 'delete']);
      default:
        return this.#byRules(asked);
    }
  }

  #byRules(asked: AuthorizationAttributes): Decision {
    return NODE_RULES.some((one) => ruleAllows(one, asked)) ? ALLOWED : no('');
  }

  #related(node: string, kind: ReferencedKind, namespace: string, name: string): Decision {
    for (const holder of this.#graph.holders(kind, namespace, name)) {
      if (ownsNode(node, holder, this.#facts)) return ALLOWED;
    }
    return noRelation(node);
  }

  #read(node: string, asked: AuthorizationAttributes, kind: ReferencedKind): Decision {
    if (!['get', 'list', 'watch'].includes(asked.verb))
      return no('can only read resources of this type');
    if (asked.subresource) return no('cannot read subresource');
    if (!asked.namespace) return no('can only read namespaced object of this type');
    if (!asked.name) return no('No Object name found');
    return this.#related(node, kind, asked.namespace, asked.name);
  }

  #claim(node: string, asked: AuthorizationAttributes): Decision {
    const reads = asked.verb === 'get' && asked.subresource === '';
    const writesStatus = ['update', 'patch'].includes(asked.verb) && asked.subresource === 'status';
    if (!reads && !writesStatus) return no('can only get individual resources of this type');
    return this.#related(node, 'persistentvolumeclaims', asked.namespace, asked.name);
  }

  #volume(node: string, asked: AuthorizationAttributes): Decision {
    if (asked.verb !== 'get') return no('can only get individual resources of this type');
    const claim = this.#facts.claimOfVolume(asked.name);
    if (!claim) return noRelation(node);
    return this.#related(node, 'persistentvolumeclaims', claim.namespace, claim.name);
  }

  #account(node: string, asked: AuthorizationAttributes): Decision {
    const allowed = asked.verb === 'create' && asked.subresource === 'token' && asked.name !== '';
    if (!allowed) return no('only creation of a token of an individual service account is allowed');
    return this.#related(node, 'serviceaccounts', asked.namespace, asked.name);
  }

  #lease(node: string, asked: AuthorizationAttributes): Decision {
    if (asked.namespace !== 'kube-node-lease') {
      return no('can only access leases in the "kube-node-lease" system namespace');
    }
    return this.#ownName(node, asked, ['get', 'create', 'update', 'patch', 'delete']);
  }

  /** A create carries no name in its path: admission checks it. */
  #ownName(node: string, asked: AuthorizationAttributes, verbs: string[]): Decision {
    if (!verbs.includes(asked.verb) || asked.subresource) {
      return no('can only get, create, update, patch, or delete an object of this type');
    }
    if (asked.verb === 'create' && asked.name === '') return ALLOWED;
    if (ownsNode(node, asked.name, this.#facts)) return ALLOWED;
    return no('can only access an object of this type with the same name as the requesting node');
  }
}
