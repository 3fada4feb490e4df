/** How long kubelets may keep what they read of Secrets and ConfigMaps, by the size of the cluster. Pure. */

interface Step {
  /** With fewer nodes than this the step before holds again. */
  readonly fromNodes: number;
  readonly toNodes: number;
  readonly seconds: number;
}

/** The stock controller's steps (pkg/controller/ttl): they overlap, so that a node more or less changes nothing. */
const STEPS: readonly Step[] = [
  { fromNodes: 0, toNodes: 100, seconds: 0 },
  { fromNodes: 90, toNodes: 500, seconds: 15 },
  { fromNodes: 450, toNodes: 1000, seconds: 30 },
  { fromNodes: 900, toNodes: 2000, seconds: 60 },
  { fromNodes: 1800, toNodes: Number.POSITIVE_INFINITY, seconds: 300 },
];

/** Follows the size of the cluster. */
export class ClusterSize {
  #nodes = 0;
  #at = 0;

  /** @param change 1 for a node that came, -1 for one that went */
  add(change: 1 | -1): void {
    this.#nodes += change;
    const { fromNodes, toNodes } = this.#step;
    if (this.#nodes > toNodes) this.#at += 1;
    else if (this.#nodes < fromNodes) this.#at -= 1;
  }

  get ttlSeconds(): number {
    return this.#step.seconds;
  }

  get #step(): Step {
    return STEPS[this.#at] ?? { fromNodes: 0, toNodes: Number.POSITIVE_INFINITY, seconds: 0 };
  }
}
