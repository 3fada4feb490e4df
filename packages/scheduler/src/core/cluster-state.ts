import type { Namespace, Node } from '@kubets/api';
import { ImageIndex } from './image-index.ts';
import { type NodeEntry, NodeTable } from './node-table.ts';
import { GroupCounter, LabelGroups, labelsKey, type PodGroup } from './pod-groups.ts';
import type { HostPort, PodInfo } from './pod-info.ts';
import type { PodAffinities } from './pod-terms.ts';
import { ResourceNames } from './resources.ts';
import { VolumeCatalog } from './volumes.ts';

/** A group of pods with the same terms about other pods. */
export interface AffinityFacts {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly affinities: PodAffinities;
}

/** The key of a host port in a node's table. */
export function portKey({ protocol, ip, port }: HostPort): string {
  return `${protocol}|${ip}|${port}`;
}

const hasTerms = ({ required, requiredAnti, preferred, preferredAnti }: PodAffinities): boolean =>
  required.length + requiredAnti.length + preferred.length + preferredAnti.length > 0;

/**
 * The cluster as scheduling sees it, kept up to date change by change. Nothing here waits for anything: a decision reads
 * it in one go, so it is its own snapshot.
 */
export class ClusterState {
  readonly names = new ResourceNames();
  readonly table = new NodeTable(this.names);
  /** Pods that stay. */
  readonly groups = new LabelGroups();
  /** Pods on their way out: neighbours still, for those who mind, and counted by no spread. */
  readonly leaving = new LabelGroups();
  readonly volumes = new VolumeCatalog();
  readonly images = new ImageIndex();
  /** How many pods use a claim, by its key. */
  readonly claimUsers = new Map<string, number>();
  /** Volumes by name that were chosen for a claim, by its uid, and are not known to be kept for it yet. */
  readonly assumedVolumes = new Map<string, string>();
  /** Pods with terms about other pods. */
  readonly affinityGroups = new GroupCounter<AffinityFacts>();
  readonly #pods = new Map<string, { pod: PodInfo; node: string }>();
  readonly #namespaces = new Map<string, Readonly<Record<string, string>>>();

  get nodeCount(): number {
    return this.table.order.length;
  }

  get podCount(): number {
    return this.#pods.size;
  }

  namespaceLabels = (namespace: string): Readonly<Record<string, string>> | undefined =>
    this.#namespaces.get(namespace);

  setNamespace(namespace: Namespace): void {
    this.#namespaces.set(namespace.metadata.name ?? '', namespace.metadata.labels ?? {});
  }

  dropNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  setNode(node: Node): NodeEntry {
    const entry = this.table.setNode(node);
    this.images.set(entry.slot, node.status?.images);
    return entry;
  }

  dropNode(name: string): void {
    const entry = this.table.byName(name);
    if (entry !== undefined) this.images.drop(entry.slot);
    this.table.dropNode(name);
  }

  /** Every group of pods with their namespace, those that leave included. */
  *neighbours(): Generator<{
    namespace: string;
    group: PodGroup<Readonly<Record<string, string>>>;
  }> {
    for (const groups of [this.groups, this.leaving]) {
      for (const namespace of groups.namespaces()) {
        for (const group of groups.groupsIn(namespace)) yield { namespace, group };
      }
    }
  }

  /** The node a pod is counted on. */
  nodeOf(uid: string): string | undefined {
    return this.#pods.get(uid)?.node;
  }

  podOn(uid: string): PodInfo | undefined {
    return this.#pods.get(uid)?.pod;
  }

  /** Counts a pod on a node, instead of where and how it was counted before. */
  place(pod: PodInfo, node: string): void {
    this.remove(pod.uid);
    const entry = this.table.ensure(node);
    this.#pods.set(pod.uid, { pod, node });
    entry.pods.set(pod.uid, pod);
    this.occupy(entry, pod);
    if (pod.hasClaims) this.#countClaims(pod, 1);
    this.#groupsOf(pod).add(pod.namespace, pod.labels, entry.slot);
    if (!hasTerms(pod.affinities)) return;
    const { namespace, labels, affinities } = pod;
    this.affinityGroups.add(affinityKey(pod), entry.slot, () => ({
      namespace,
      labels,
      affinities,
    }));
  }

  /**
   * Counts only what a pod takes of its node: resources and ports. It remains, or does not become, one of its pods and a
   * neighbour to others. For trials, each undone with {@link vacate} at once.
   */
  occupy(entry: NodeEntry, pod: PodInfo): void {
    this.table.account(entry.slot, pod, 1);
    for (const port of pod.hostPorts) {
      const taken = entry.ports.get(portKey(port)) ?? { ...port, uses: 0 };
      taken.uses += 1;
      entry.ports.set(portKey(port), taken);
    }
  }

  /** The reverse of {@link occupy}. */
  vacate(entry: NodeEntry, pod: PodInfo): void {
    this.table.account(entry.slot, pod, -1);
    for (const port of pod.hostPorts) {
      const taken = entry.ports.get(portKey(port));
      if (taken !== undefined) taken.uses -= 1;
      if (taken?.uses === 0) entry.ports.delete(portKey(port));
    }
  }

  /** Counts a pod nowhere any more. @returns where it was */
  remove(uid: string): string | undefined {
    const placed = this.#pods.get(uid);
    if (placed === undefined) return undefined;
    const { pod, node } = placed;
    const entry = this.table.ensure(node);
    this.#pods.delete(uid);
    entry.pods.delete(uid);
    this.vacate(entry, pod);
    if (pod.hasClaims) this.#countClaims(pod, -1);
    this.#groupsOf(pod).remove(pod.namespace, pod.labels, entry.slot);
    if (hasTerms(pod.affinities)) this.affinityGroups.remove(affinityKey(pod), entry.slot);
    this.table.release(entry);
    return node;
  }

  #groupsOf(pod: PodInfo): ClusterState['groups'] {
    return pod.terminating ? this.leaving : this.groups;
  }

  #countClaims(pod: PodInfo, sign: 1 | -1): void {
    for (const key of pod.claimKeys) {
      const users = (this.claimUsers.get(key) ?? 0) + sign;
      if (users > 0) this.claimUsers.set(key, users);
      else this.claimUsers.delete(key);
    }
  }
}

function affinityKey(pod: PodInfo): string {
  const { podAffinity, podAntiAffinity } = pod.pod.spec?.affinity ?? {};
  return [
    pod.namespace,
    labelsKey(pod.labels),
    JSON.stringify([podAffinity, podAntiAffinity]),
  ].join('|');
}
