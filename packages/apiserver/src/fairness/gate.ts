/** Priority and fairness as the gate of the doors. */
import type { Gate, GateRequest, Pass } from '../gate.ts';
import { OBJECTS_PER_SEAT } from '../limits.ts';
import type { RequestInfo } from '../ports.ts';
import { goneSignal } from '../rest/gone.ts';
import type { Fairness, Ticket } from './fairness.ts';

/** Objects a list would read; undefined when nobody knows. */
export type CountObjects = (info: RequestInfo) => number | undefined;

export class FairGate implements Gate {
  readonly #fairness: Fairness;
  readonly #count: CountObjects;

  constructor(fairness: Fairness, count: CountObjects) {
    this.#fairness = fairness;
    this.#count = count;
  }

  enter(request: GateRequest): Pass | Promise<Pass> {
    const { user, info, query, response } = request;
    const flow = this.#fairness.classify(user, info);
    if (response !== undefined) {
      response.setHeader('x-kubernetes-pf-flowschema-uid', flow.schema.uid);
      response.setHeader('x-kubernetes-pf-prioritylevel-uid', flow.level.config.uid);
    }
    const isWide = info.verb === 'list' || info.verb === 'watch';
    const width = isWide ? widthOf(this.#count(info), query) : 1;
    const seat = this.#fairness.take(flow, width);
    if (seat !== undefined) return seat;
    const signal = response && (() => goneSignal(response));
    return this.#fairness.enter(flow, { user, info, width, signal });
  }

  leave(pass: Pass): void {
    this.#fairness.leave(pass as Ticket);
  }
}

/**
 * Seats of a list, or of the first state of a watch: the more objects it looks at, the more. Whoever is content with any state
 * (version 0) gets the whole of it, whatever the limit.
 */
export function widthOf(count: number | undefined, query: URLSearchParams | undefined): number {
  if (count === undefined) return 1;
  const limit = Number(query?.get('limit') ?? 0);
  const isSelective = query?.get('labelSelector') || query?.get('fieldSelector');
  const isWhole = query?.get('resourceVersion') === '0' && !query.get('continue');
  const read = limit > 0 && !isSelective && !isWhole ? Math.min(limit, count) : count;
  return Math.max(1, Math.ceil(read / OBJECTS_PER_SEAT));
}
