/** The small cluster: consensus, its log, and registers whose every version the checker knows. */
import type { StateMachine } from '../../ports.ts';
import { BaseCluster, type BaseOptions, type Member, type Part } from './cluster.ts';
import { type DurableCell, newCell, Registers } from './state-machine.ts';

export interface ClusterOptions extends BaseOptions {
  /** Lets a test play a broken implementation. */
  readonly wrapStateMachine?: (machine: Registers) => StateMachine;
}

export interface RegistersPart extends Part {
  readonly registers: Registers;
}

export class SimCluster extends BaseCluster<RegistersPart> {
  readonly #wrap: ClusterOptions['wrapStateMachine'];
  readonly #cells = new Map<bigint, DurableCell>();

  constructor(options: ClusterOptions) {
    super(options);
    this.#wrap = options.wrapStateMachine;
  }

  /** What a member's state machine has made durable. */
  cellOf({ id }: Member<RegistersPart>): DurableCell {
    const cell = this.#cells.get(id) ?? newCell();
    this.#cells.set(id, cell);
    return cell;
  }

  protected async open(member: Member<RegistersPart>): Promise<RegistersPart> {
    const registers = new Registers({
      cell: this.cellOf(member),
      onApplied: (fact) => {
        this.check(() => this.checker.onApplied(member.id, member.life?.core.term ?? 0, fact));
      },
      onInstalled: () => {
        this.checker.counts.snapshots += 1;
      },
    });
    const machine = this.#wrap?.(registers) ?? registers;
    return { registers, machine, flush: () => registers.flush() };
  }
}
