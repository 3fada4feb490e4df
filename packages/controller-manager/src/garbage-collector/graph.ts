import { type KubeObject, type OwnerReference, parseApiVersion } from '@kubets/api';
import { sameJson } from '../objects/json.ts';
import { isDeleting, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';

export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';

/** Where objects of one kind live. */
export interface KindRef {
  gv: string;
  resource: string;
  kind: string;
  namespaced: boolean;
}

/** One object, as far as ownership is concerned. */
export interface GraphNode {
  uid: string;
  kind: KindRef;
  namespace: string;
  name: string;
  owners: readonly OwnerReference[];
  deleting: boolean;
  /** Going away, but only after the dependents that block it. */
  foreground: boolean;
  /** Going away, but its dependents are to be kept. */
  orphan: boolean;
}

/** What a change asks for: objects whose right to exist must be looked at. */
export interface Work {
  check: string[];
  orphan: string[];
}

/**
 * Who owns whom, by uid. Fed by watches; knows nothing of the API. Owners that were never seen need
 * no node: dependents are indexed by owner uid, whether or not the owner is there.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get size(): number {
    return this.#nodes.size;
  }

  node(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    const found: GraphNode[] = [];
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const node = this.#nodes.get(dependent);
      if (node) found.push(node);
    }
    return found;
  }

  hasDependents(uid: string): boolean {
    return (this.#dependents.get(uid)?.size ?? 0) > 0;
  }

  /** An object is there, or changed. */
  observe(kind: KindRef, object: KubeObject): Work {
    const next = nodeOf(kind, object);
    const old = this.#nodes.get(next.uid);
    this.#nodes.set(next.uid, next);
    const work: Work = { check: [], orphan: [] };
    if (!old || !sameJson(old.owners, next.owners)) this.#reindex(old, next, work);
    if (next.foreground && !old?.foreground) work.check.push(next.uid);
    if (next.orphan && !old?.orphan) work.orphan.push(next.uid);
    return work;
  }

  /** An object is gone. Its dependents may have lost their last owner, its owner its last hindrance. */
  forget(uid: string): Work {
    const node = this.#nodes.get(uid);
    const work: Work = { check: [], orphan: [] };
    if (!node) return work;
    this.#nodes.delete(uid);
    for (const owner of node.owners) {
      this.#unlink(owner.uid, uid);
      if (this.#nodes.get(owner.uid)?.foreground) work.check.push(owner.uid);
    }
    work.check.push(...(this.#dependents.get(uid) ?? []));
    return work;
  }

  /** Uids of all known objects of a kind. */
  ofKind(kind: KindRef): string[] {
    return [...this.#nodes.values()].filter((node) => node.kind === kind).map((node) => node.uid);
  }

  /** Uids of objects that name an owner of the kind which is not known. */
  withMissingOwner(kind: KindRef): string[] {
    const { group } = parseApiVersion(kind.gv);
    const isMissing = (ref: OwnerReference): boolean =>
      ref.kind === kind.kind &&
      parseApiVersion(ref.apiVersion).group === group &&
      !this.#nodes.has(ref.uid);
    const found = [...this.#nodes.values()].filter((node) => node.owners.some(isMissing));
    return found.map((node) => node.uid);
  }

  #reindex(old: GraphNode | undefined, next: GraphNode, work: Work): void {
    const kept = new Set(next.owners.map((owner) => owner.uid));
    for (const owner of old?.owners ?? []) {
      if (!kept.has(owner.uid)) this.#unlink(owner.uid, next.uid);
      // It may have stopped blocking an owner that waits.
      if (this.#nodes.get(owner.uid)?.foreground) work.check.push(owner.uid);
    }
    for (const owner of next.owners) {
      const set = this.#dependents.get(owner.uid) ?? new Set<string>();
      set.add(next.uid);
      this.#dependents.set(owner.uid, set);
    }
    const unsure = next.owners.some((owner) => {
      const known = this.#nodes.get(owner.uid);
      return known === undefined || known.foreground || !isNamedBy(known, owner, next);
    });
    if (unsure) work.check.push(next.uid);
  }

  #unlink(owner: string, dependent: string): void {
    const set = this.#dependents.get(owner);
    set?.delete(dependent);
    if (set?.size === 0) this.#dependents.delete(owner);
  }
}

/**
 * Whether the object with a reference's uid is also where the reference says: of its kind and name, and
 * in the dependent's namespace if it is in any.
 */
export function isNamedBy(owner: GraphNode, ref: OwnerReference, dependent: GraphNode): boolean {
  if (owner.name !== ref.name || owner.kind.kind !== ref.kind) return false;
  return !isElsewhere(owner, dependent);
}

/** Whether an object is in another namespace than what names it as its owner. */
export const isElsewhere = (owner: GraphNode, dependent: GraphNode): boolean =>
  owner.kind.namespaced && owner.namespace !== dependent.namespace;

function nodeOf(kind: KindRef, object: KubeObject): GraphNode {
  const finalizers = object.metadata.finalizers ?? [];
  const deleting = isDeleting(object);
  return {
    uid: uidOf(object),
    kind,
    namespace: namespaceOf(object),
    name: nameOf(object),
    owners: object.metadata.ownerReferences ?? [],
    deleting,
    foreground: deleting && finalizers.includes(FOREGROUND_FINALIZER),
    orphan: deleting && finalizers.includes(ORPHAN_FINALIZER),
  };
}
