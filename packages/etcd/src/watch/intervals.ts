/**
 * Which intervals hold a key. Single keys are found by name; ranges by a balanced tree laid out in a sorted array, where each
 * subtree knows its farthest end, so that a key visits only subtrees that can hold it. The tree is rebuilt after changes, on
 * the next question: watchers come and go far more rarely than events.
 */

import { type Interval, isSingleKey, type KeyName } from '../mvcc/index.ts';

interface Node<T> {
  readonly interval: Interval;
  readonly members: Set<T>;
  /** The farthest `to` of the subtree around this node; undefined: no end. */
  farthest: KeyName | undefined;
}

/** Sorts after every key: only for comparing ends. */
function endAfter(end: KeyName | undefined, name: KeyName): boolean {
  return end === undefined || end > name;
}

export class IntervalMap<T> {
  private readonly keys = new Map<KeyName, Set<T>>();
  private readonly ranges = new Map<string, Node<T>>();
  private sorted: Node<T>[] | undefined;

  add(interval: Interval, member: T): void {
    this.membersFor(interval).add(member);
  }

  remove(interval: Interval, member: T): void {
    if (isSingleKey(interval)) {
      const members = this.keys.get(interval.from);
      members?.delete(member);
      if (members?.size === 0) this.keys.delete(interval.from);
      return;
    }
    const id = idOf(interval);
    const node = this.ranges.get(id);
    node?.members.delete(member);
    if (node?.members.size === 0) {
      this.ranges.delete(id);
      this.sorted = undefined;
    }
  }

  /** Calls `visit` for every member whose interval is the key alone. */
  forEachOfKey(name: KeyName, visit: (member: T) => void): void {
    const exact = this.keys.get(name);
    if (exact !== undefined) for (const member of exact) visit(member);
  }

  /** Calls `visit` for every member whose interval is a range that holds the key. */
  forEachOfRanges(name: KeyName, visit: (member: T) => void): void {
    if (this.ranges.size === 0) return;
    this.sorted ??= this.build();
    this.visit(0, this.sorted.length, name, visit);
  }

  private visit(low: number, high: number, name: KeyName, visit: (member: T) => void): void {
    if (low >= high) return;
    const middle = (low + high) >>> 1;
    const node = this.sorted?.[middle];
    if (node === undefined || !endAfter(node.farthest, name)) return;
    this.visit(low, middle, name, visit);
    if (node.interval.from > name) return;
    if (endAfter(node.interval.to, name)) for (const member of node.members) visit(member);
    this.visit(middle + 1, high, name, visit);
  }

  private membersFor(interval: Interval): Set<T> {
    if (isSingleKey(interval)) {
      const members = this.keys.get(interval.from) ?? new Set<T>();
      this.keys.set(interval.from, members);
      return members;
    }
    const id = idOf(interval);
    const known = this.ranges.get(id);
    if (known !== undefined) return known.members;
    const node = { interval, members: new Set<T>(), farthest: interval.to };
    this.ranges.set(id, node);
    this.sorted = undefined;
    return node.members;
  }

  private build(): Node<T>[] {
    const nodes = [...this.ranges.values()].sort((a, b) =>
      a.interval.from < b.interval.from ? -1 : a.interval.from > b.interval.from ? 1 : 0,
    );
    setFarthest(nodes, 0, nodes.length);
    return nodes;
  }
}

/** @returns the farthest end of nodes[low, high), '' when there are none */
function setFarthest<T>(nodes: Node<T>[], low: number, high: number): KeyName | undefined {
  if (low >= high) return '';
  const middle = (low + high) >>> 1;
  const node = nodes[middle] as Node<T>;
  const left = setFarthest(nodes, low, middle);
  const right = setFarthest(nodes, middle + 1, high);
  node.farthest = farther(node.interval.to, farther(left, right));
  return node.farthest;
}

function farther(a: KeyName | undefined, b: KeyName | undefined): KeyName | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}

/** The length in front keeps "a"+"bc" and "ab"+"c" apart. */
function idOf({ from, to }: Interval): string {
  return to === undefined ? `${from.length}|${from}` : `${from.length}:${from}${to}`;
}
