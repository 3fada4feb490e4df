/** What pods ask for and nodes have, as numbers in columns. */
import { type Container, type Pod, quantityBytes, quantityMilli } from '@kubets/api';
import { ASSUMED_CPU_MILLI, ASSUMED_MEMORY_BYTES } from '../limits.ts';

/** Columns every table has. CPU counts in thousandths, memory and storage in bytes. */
export const CPU = 0;
export const MEMORY = 1;
export const EPHEMERAL = 2;
export const PODS = 3;

/** Amounts by column; columns that are not there are 0. */
export type ResourceList = Map<number, number>;

/** Gives every resource name its column. Names are few and never given back. */
export class ResourceNames {
  readonly #columns = new Map<string, number>([
    ['cpu', CPU],
    ['memory', MEMORY],
    ['ephemeral-storage', EPHEMERAL],
    ['pods', PODS],
  ]);
  readonly #names = ['cpu', 'memory', 'ephemeral-storage', 'pods'];

  get size(): number {
    return this.#names.length;
  }

  column(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    const column = this.#names.length;
    this.#columns.set(name, column);
    this.#names.push(name);
    return column;
  }

  name(column: number): string {
    return this.#names[column] ?? '';
  }

  /** Amounts out of quantities: `{ cpu: '250m' }` → column 0: 250. */
  parse(quantities: Readonly<Record<string, string>> | undefined): ResourceList {
    const list: ResourceList = new Map();
    for (const [name, text] of Object.entries(quantities ?? {})) {
      list.set(this.column(name), name === 'cpu' ? quantityMilli(text) : quantityBytes(text));
    }
    return list;
  }
}

function addTo(sum: ResourceList, more: ResourceList): void {
  for (const [column, amount] of more) sum.set(column, (sum.get(column) ?? 0) + amount);
}

function raiseTo(top: ResourceList, other: ResourceList): void {
  for (const [column, amount] of other) {
    if (amount > (top.get(column) ?? 0)) top.set(column, amount);
  }
}

/** The amount a container without a request counts for. */
export type Assumed = ReadonlyMap<number, number>;

const NOTHING_ASSUMED: Assumed = new Map();
const SCORE_ASSUMED: Assumed = new Map([
  [CPU, ASSUMED_CPU_MILLI],
  [MEMORY, ASSUMED_MEMORY_BYTES],
]);

function requestsOf(container: Container, names: ResourceNames, assumed: Assumed): ResourceList {
  const list = names.parse(container.resources?.requests);
  for (const [column, amount] of assumed) if (!list.has(column)) list.set(column, amount);
  return list;
}

function total(pod: Pod, names: ResourceNames, assumed: Assumed): ResourceList {
  const running: ResourceList = new Map();
  for (const container of pod.spec?.containers ?? []) {
    addTo(running, requestsOf(container, names, assumed));
  }
  // Init containers run one after the other beside the sidecars started before them; sidecars go on.
  const sidecars: ResourceList = new Map();
  const starting: ResourceList = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    const own = requestsOf(container, names, assumed);
    if (container.restartPolicy === 'Always') {
      addTo(running, own);
      addTo(sidecars, own);
      raiseTo(starting, sidecars);
    } else {
      addTo(own, sidecars);
      raiseTo(starting, own);
    }
  }
  raiseTo(running, starting);
  addTo(running, names.parse(pod.spec?.overhead));
  return running;
}

/** What the pod asks for: the larger of its running and its starting phase, plus overhead. Without the pod itself. */
export function podRequests(pod: Pod, names: ResourceNames): ResourceList {
  return total(pod, names, NOTHING_ASSUMED);
}

/** CPU and memory as scores count them: containers without a request are given a small one. */
export function scoredRequests(pod: Pod, names: ResourceNames): { cpu: number; memory: number } {
  const list = total(pod, names, SCORE_ASSUMED);
  return { cpu: list.get(CPU) ?? 0, memory: list.get(MEMORY) ?? 0 };
}
