/** Nodes in rows, their resources in columns of doubles: what the inner loops of scheduling read. */
import type { Node, Taint } from '@kubets/api';
import type { PodInfo } from './pod-info.ts';
import { PODS, type ResourceNames } from './resources.ts';

/** What of a node is not a number. */
export interface NodeEntry {
  readonly slot: number;
  readonly name: string;
  /** Absent while pods are known to be on the node but the node itself is not. */
  node: Node | undefined;
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  unschedulable: boolean;
  readonly pods: Map<string, PodInfo>;
  /** Uses of each taken host port: a terminating pod and its successor may overlap. */
  readonly ports: Map<string, { protocol: string; ip: string; port: number; uses: number }>;
}

const FIRST_CAPACITY = 64;

function grown(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(column);
  return larger;
}

/** Rows are called slots: they keep their number as long as their node is known, and are used again afterwards. */
export class NodeTable {
  readonly names: ResourceNames;
  #capacity = FIRST_CAPACITY;
  #allocatable: Float64Array[] = [];
  #requested: Float64Array[] = [];
  #scoredCpu = new Float64Array(FIRST_CAPACITY);
  #scoredMemory = new Float64Array(FIRST_CAPACITY);
  readonly #entries: (NodeEntry | undefined)[] = [];
  readonly #byName = new Map<string, NodeEntry>();
  readonly #free: number[] = [];
  #order: number[] | undefined;

  constructor(names: ResourceNames) {
    this.names = names;
  }

  /** The slots of nodes that exist, in a stable order. */
  get order(): readonly number[] {
    this.#order ??= this.#entries.flatMap((entry) => (entry?.node ? [entry.slot] : []));
    return this.#order;
  }

  entry(slot: number): NodeEntry {
    const entry = this.#entries[slot];
    if (entry === undefined) throw new RangeError(`no node in slot ${slot}`);
    return entry;
  }

  byName(name: string): NodeEntry | undefined {
    return this.#byName.get(name);
  }

  /** A column of what nodes have. Valid until the next node or resource name appears. */
  allocatable(column: number): Float64Array {
    this.#ensureColumn(column);
    return this.#allocatable[column] ?? new Float64Array(0);
  }

  /** A column of what pods on nodes asked for. Same validity. */
  requested(column: number): Float64Array {
    this.#ensureColumn(column);
    return this.#requested[column] ?? new Float64Array(0);
  }

  /** CPU and memory as scores count them. Same validity. */
  get scoredCpu(): Float64Array {
    return this.#scoredCpu;
  }

  get scoredMemory(): Float64Array {
    return this.#scoredMemory;
  }

  /** The row of a node, made when it is new. */
  ensure(name: string): NodeEntry {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#entries.length;
    if (slot >= this.#capacity) this.#grow();
    const entry: NodeEntry = {
      slot,
      name,
      node: undefined,
      labels: {},
      taints: [],
      unschedulable: false,
      pods: new Map(),
      ports: new Map(),
    };
    this.#entries[slot] = entry;
    this.#byName.set(name, entry);
    return entry;
  }

  /** Takes over what the node says of itself. */
  setNode(node: Node): NodeEntry {
    const entry = this.ensure(node.metadata.name ?? '');
    if (entry.node === undefined) this.#order = undefined;
    entry.node = node;
    entry.labels = node.metadata.labels ?? {};
    entry.taints = node.spec?.taints ?? [];
    entry.unschedulable = node.spec?.unschedulable ?? false;
    const amounts = this.names.parse(node.status?.allocatable ?? node.status?.capacity);
    for (let column = 0; column < this.names.size; column += 1) {
      this.allocatable(column)[entry.slot] = amounts.get(column) ?? 0;
    }
    return entry;
  }

  /** Forgets the node; its row stays as long as pods are on it. */
  dropNode(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    if (entry.node !== undefined) this.#order = undefined;
    entry.node = undefined;
    entry.labels = {};
    entry.taints = [];
    this.release(entry);
  }

  /** Gives the row back when neither node nor pods are left. */
  release(entry: NodeEntry): void {
    if (entry.node !== undefined || entry.pods.size > 0) return;
    this.#byName.delete(entry.name);
    this.#entries[entry.slot] = undefined;
    this.#free.push(entry.slot);
    for (let column = 0; column < this.names.size; column += 1) {
      this.allocatable(column)[entry.slot] = 0;
      this.requested(column)[entry.slot] = 0;
    }
    this.#scoredCpu[entry.slot] = 0;
    this.#scoredMemory[entry.slot] = 0;
  }

  /** Counts a pod's requests in (sign 1) or out (sign -1). */
  account(slot: number, pod: PodInfo, sign: 1 | -1): void {
    // Preemption does this some thousand times a pod: the columns are nearly always there.
    for (const request of pod.requests) {
      const [column, amount] = [request[0], request[1]];
      bump(this.#requested[column] ?? this.requested(column), slot, sign * amount);
    }
    bump(this.#requested[PODS] ?? this.requested(PODS), slot, sign);
    bump(this.#scoredCpu, slot, sign * pod.scoredCpu);
    bump(this.#scoredMemory, slot, sign * pod.scoredMemory);
  }

  #ensureColumn(column: number): void {
    while (this.#allocatable.length <= column) {
      this.#allocatable.push(new Float64Array(this.#capacity));
      this.#requested.push(new Float64Array(this.#capacity));
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#allocatable = this.#allocatable.map((column) => grown(column, this.#capacity));
    this.#requested = this.#requested.map((column) => grown(column, this.#capacity));
    this.#scoredCpu = grown(this.#scoredCpu, this.#capacity);
    this.#scoredMemory = grown(this.#scoredMemory, this.#capacity);
  }
}

function bump(column: Float64Array, slot: number, amount: number): void {
  column[slot] = (column[slot] ?? 0) + amount;
}
