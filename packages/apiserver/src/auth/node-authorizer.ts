import { goQuote, type PolicyRule, parseFieldSelector, requiredValue } from '@kubets/api';
import type { AuthorizationAttributes, Decision } from '../ports.ts';
import { nodeOf } from './identity.ts';
import type { NodeGraph, ReferencedKind } from './node-graph.ts';
import { ruleAllows } from './rules.ts';

/** What the authoriser asks about nodes and volumes besides the graph of pods. */
export interface NodeFacts {
  nodeExists(name: string): boolean;
  /** The claim a volume is bound to. */
  claimOfVolume(name: string): { namespace: string; name: string } | undefined;
  /** Volumes that cannot be used without a secret. */
  volumesWithSecret(namespace: string, name: string): Iterable<string>;
  /** The node that a volume is attached to by this. */
  nodeOfAttachment(name: string): string | undefined;
  /** The node whose devices a slice tells of. */
  nodeOfSlice(name: string): string | undefined;
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
  rule('', 'services', 'get list watch'),
  rule('', 'endpoints', 'get'),
  rule('', 'events', 'create update patch'),
  rule('events.k8s.io', 'events', 'create update patch'),
  rule('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
  rule('storage.k8s.io', 'csidrivers', 'get list watch'),
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

const READS = ['get', 'list', 'watch'];
const CHANGES = ['update', 'patch'];
const NAMED_VERBS = ['get', 'create', 'update', 'patch', 'delete'];

type Asked = AuthorizationAttributes;

/** Lets kubelets do their work and nothing else: secrets and the like only of pods bound to their node. */
export class NodeAuthorizer {
  readonly #graph: NodeGraph;
  readonly #facts: NodeFacts;

  constructor(graph: NodeGraph, facts: NodeFacts) {
    this.#graph = graph;
    this.#facts = facts;
  }

  authorize(asked: Asked): Decision {
    const node = nodeOf(asked.user);
    if (node === undefined) return no('');
    if (node === '') return no(`unknown node for user ${goQuote(asked.user.name)}`);
    if (!asked.isResourceRequest) return this.#byRules(asked);
    const special = this.#special[`${asked.apiGroup}/${asked.resource}`];
    return special === undefined ? this.#byRules(asked) : special(node, asked);
  }

  /** Resources whose objects are not all for every node. */
  readonly #special: Readonly<Record<string, (node: string, asked: Asked) => Decision>> = {
    '/secrets': (node, asked) => this.#read(node, asked, (o) => this.#usesSecret(node, o)),
    '/configmaps': (node, asked) =>
      this.#read(node, asked, (o) => this.#uses(node, 'configmaps', o)),
    '/persistentvolumeclaims': (node, asked) => this.#claim(node, asked),
    '/persistentvolumes': (node, asked) =>
      this.#get(node, asked, () => this.#usesVolume(node, asked.name)),
    'storage.k8s.io/volumeattachments': (node, asked) =>
      this.#get(node, asked, () => this.#owns(node, this.#facts.nodeOfAttachment(asked.name))),
    'resource.k8s.io/resourceclaims': (node, asked) =>
      this.#get(node, asked, () => this.#uses(node, 'resourceclaims', asked)),
    'resource.k8s.io/resourceslices': (node, asked) => this.#slice(node, asked),
    '/serviceaccounts': (node, asked) => this.#account(node, asked),
    'coordination.k8s.io/leases': (node, asked) => this.#lease(node, asked),
    'storage.k8s.io/csinodes': (node, asked) => this.#csiNode(node, asked),
    '/nodes': (node, asked) => this.#node(node, asked),
    '/pods': (node, asked) => this.#pod(node, asked),
  };

  #byRules(asked: Asked): Decision {
    return NODE_RULES.some((one) => ruleAllows(one, asked)) ? ALLOWED : no('');
  }

  #owns(node: string, other: string | undefined): boolean {
    return other !== undefined && ownsNode(node, other, this.#facts);
  }

  #uses(node: string, kind: ReferencedKind, o: { namespace: string; name: string }): boolean {
    for (const holder of this.#graph.holders(kind, o.namespace, o.name)) {
      if (ownsNode(node, holder, this.#facts)) return true;
    }
    return false;
  }

  #usesVolume(node: string, name: string): boolean {
    const claim = this.#facts.claimOfVolume(name);
    return claim !== undefined && this.#uses(node, 'persistentvolumeclaims', claim);
  }

  /** Named by a pod of the node, or by the volume of one. */
  #usesSecret(node: string, o: { namespace: string; name: string }): boolean {
    if (this.#uses(node, 'secrets', o)) return true;
    for (const volume of this.#facts.volumesWithSecret(o.namespace, o.name)) {
      if (this.#usesVolume(node, volume)) return true;
    }
    return false;
  }

  /** Single objects of a namespace, also listed and watched by their name. */
  #read(node: string, asked: Asked, isRelated: (asked: Asked) => boolean): Decision {
    if (!READS.includes(asked.verb)) return no('can only read resources of this type');
    if (asked.subresource) return no('cannot read subresource');
    if (!asked.namespace) return no('can only read namespaced object of this type');
    return this.#related(node, asked, () => isRelated(asked));
  }

  #get(node: string, asked: Asked, isRelated: () => boolean): Decision {
    if (asked.verb !== 'get') return no('can only get individual resources of this type');
    if (asked.subresource) return no('cannot get subresource');
    return this.#related(node, asked, isRelated);
  }

  #related(node: string, asked: Asked, isRelated: () => boolean): Decision {
    if (!asked.name) return no('No Object name found');
    return isRelated() ? ALLOWED : noRelation(node);
  }

  #claim(node: string, asked: Asked): Decision {
    const isRelated = (): boolean => this.#uses(node, 'persistentvolumeclaims', asked);
    if (asked.subresource !== 'status') return this.#get(node, asked, isRelated);
    if (!CHANGES.includes(asked.verb)) return no('can only get/update/patch this type');
    return this.#related(node, asked, isRelated);
  }

  #account(node: string, asked: Asked): Decision {
    if (asked.verb !== 'create' || asked.name === '') {
      return no('can only create tokens for individual service accounts');
    }
    if (asked.subresource !== 'token') {
      return no('can only create token subresource of serviceaccount');
    }
    return this.#uses(node, 'serviceaccounts', asked) ? ALLOWED : noRelation(node);
  }

  #lease(node: string, asked: Asked): Decision {
    if (!NAMED_VERBS.includes(asked.verb)) {
      return no('can only get, create, update, patch, or delete a node lease');
    }
    if (asked.namespace !== 'kube-node-lease') {
      return no('can only access leases in the "kube-node-lease" system namespace');
    }
    return this.#ownName(node, asked, 'node lease');
  }

  #csiNode(node: string, asked: Asked): Decision {
    if (!NAMED_VERBS.includes(asked.verb)) {
      return no('can only get, create, update, patch, or delete a CSINode');
    }
    if (asked.subresource) return no('cannot authorize CSINode subresources');
    return this.#ownName(node, asked, 'CSINode');
  }

  /** A create carries no name in its path: admission checks it. */
  #ownName(node: string, asked: Asked, what: string): Decision {
    if (asked.verb === 'create' || this.#owns(node, asked.name)) return ALLOWED;
    return no(`can only access ${what} with the same name as the requesting node`);
  }

  /** What is created is looked at by admission. */
  #slice(node: string, asked: Asked): Decision {
    if (asked.subresource) return no('cannot authorize ResourceSlice subresources');
    switch (asked.verb) {
      case 'create':
        return ALLOWED;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.#related(node, asked, () =>
          this.#owns(node, this.#facts.nodeOfSlice(asked.name)),
        );
      case 'watch':
      case 'list':
      case 'deletecollection': {
        if (this.#owns(node, selected(asked, 'nodeName'))) return ALLOWED;
        const which = 'list/watch/deletecollection resourceslices with nodeName field selector';
        return no(`can only ${which}`);
      }
      default: {
        const verbs = 'get, watch, list, create, update, patch, delete, deletecollection';
        return no(`only the following verbs are allowed for a ResourceSlice: ${verbs}`);
      }
    }
  }

  /** Admission keeps a node from changing others. */
  #node(node: string, { verb, subresource, name }: Asked): Decision {
    if (subresource === 'status') return CHANGES.includes(verb) ? ALLOWED : no('');
    if (subresource !== '') return no('');
    if (verb === 'create' || CHANGES.includes(verb)) return ALLOWED;
    if (!READS.includes(verb)) return no('');
    if (this.#owns(node, name)) return ALLOWED;
    const which = name === '' ? 'all nodes' : `'${name}'`;
    return no(`node '${node}' cannot read ${which}, only its own Node object`);
  }

  #pod(node: string, asked: Asked): Decision {
    const { verb, subresource, namespace, name } = asked;
    if (subresource === 'status') return CHANGES.includes(verb) ? ALLOWED : no('');
    if (subresource === 'eviction') return verb === 'create' ? ALLOWED : no('');
    if (subresource !== '') return no('');
    const isOwn = (): boolean => this.#owns(node, this.#graph.nodeOfPod(namespace, name));
    switch (verb) {
      case 'create':
      case 'delete':
        // Admission: mirror pods only, and pods of the node.
        return ALLOWED;
      case 'get':
        return this.#related(node, asked, isOwn);
      case 'list':
      case 'watch':
        if (this.#selectsOwnPods(node, asked)) return ALLOWED;
        if (name !== '') return this.#related(node, asked, isOwn);
        return no('can only list/watch pods with spec.nodeName field selector');
      default:
        return no('');
    }
  }

  /** A fleet of simulated nodes asks for the bound pods of all nodes at once. */
  #selectsOwnPods(node: string, asked: Asked): boolean {
    if (this.#owns(node, selected(asked, 'spec.nodeName'))) return true;
    const isFleet = !this.#facts.nodeExists(node) && this.#facts.nodeExists(`${node}-0`);
    return isFleet && asked.fieldSelector === 'spec.nodeName!=';
  }
}

/** The value a field must have by the request's selector. */
function selected({ fieldSelector = '' }: Asked, field: string): string | undefined {
  if (fieldSelector === '') return undefined;
  try {
    return requiredValue(parseFieldSelector(fieldSelector), field);
  } catch {
    // A selector that cannot be read narrows nothing down.
    return undefined;
  }
}
