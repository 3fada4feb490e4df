/** What the network agent needs of the machine. */
import type { NetworkPlan } from './plan.ts';

/** Runs a program to its end. @throws NetworkFault with what it said when it fails or takes too long */
export interface Commands {
  run(program: string, args: readonly string[], input?: string): Promise<string>;
}

/** This node's side of the network. */
export interface OwnEnd {
  readonly address: string;
  readonly podCidr: string;
}

/** The kernel's tables, brought in step with a plan. Every call may be repeated; each changes only what differs. */
export interface NetworkKernel {
  /** Rules for traffic that leaves the cluster. */
  masquerade(podCidr: string): Promise<void>;
  /**
   * The tunnel device with its addresses; made anew when it differs. Only for VXLAN.
   * @returns the largest packet that fits into it, in bytes
   */
  tunnel(own: OwnEnd): Promise<number>;
  /** Routes and tunnel entries; those of ours that are not wanted go. */
  apply(plan: NetworkPlan): Promise<void>;
}
