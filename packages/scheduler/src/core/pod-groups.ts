/**
 * Pods that look alike, counted by node. Pods of one workload share namespace and labels, so a selector is matched once
 * for a whole group instead of once for every pod; counting then costs as much as there are nodes with such pods.
 */
import { matchesLabels, type ParsedLabelSelector } from '@kubets/api';

export interface PodGroup<T> {
  /** What the pods of the group have in common. */
  readonly facts: T;
  /** Pods by slot; never 0. */
  readonly counts: Map<number, number>;
}

/** Groups under any key, each with its count of pods by node. */
export class GroupCounter<T> {
  readonly #groups = new Map<string, PodGroup<T>>();

  groups(): IterableIterator<PodGroup<T>> {
    return this.#groups.values();
  }

  get size(): number {
    return this.#groups.size;
  }

  add(key: string, slot: number, facts: () => T): void {
    const group = this.#groups.get(key) ?? { facts: facts(), counts: new Map<number, number>() };
    this.#groups.set(key, group);
    group.counts.set(slot, (group.counts.get(slot) ?? 0) + 1);
  }

  remove(key: string, slot: number): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    const left = (group.counts.get(slot) ?? 0) - 1;
    if (left > 0) group.counts.set(slot, left);
    else group.counts.delete(slot);
    if (group.counts.size === 0) this.#groups.delete(key);
  }
}

type Labels = Readonly<Record<string, string>>;

/** Labels are asked for their key whenever a pod comes or goes; preemption tries that many times with the same pods. */
const keys = new WeakMap<Labels, string>();

/** A text that is the same for the same labels. Labels are not changed once they are known. */
export function labelsKey(labels: Labels): string {
  const known = keys.get(labels);
  if (known !== undefined) return known;
  const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  keys.set(labels, key);
  return key;
}

/** Groups by labels, within one namespace each. */
export class LabelGroups {
  readonly #namespaces = new Map<string, GroupCounter<Labels>>();

  add(namespace: string, labels: Labels, slot: number): void {
    const counter = this.#namespaces.get(namespace) ?? new GroupCounter<Labels>();
    this.#namespaces.set(namespace, counter);
    counter.add(labelsKey(labels), slot, () => labels);
  }

  remove(namespace: string, labels: Labels, slot: number): void {
    const counter = this.#namespaces.get(namespace);
    counter?.remove(labelsKey(labels), slot);
    if (counter?.size === 0) this.#namespaces.delete(namespace);
  }

  namespaces(): IterableIterator<string> {
    return this.#namespaces.keys();
  }

  groupsIn(namespace: string): Iterable<PodGroup<Labels>> {
    return this.#namespaces.get(namespace)?.groups() ?? [];
  }

  /** The groups of a namespace that a selector selects. */
  matching(namespace: string, selector: ParsedLabelSelector): PodGroup<Labels>[] {
    return [...this.groupsIn(namespace)].filter(({ facts }) => matchesLabels(selector, facts));
  }
}
