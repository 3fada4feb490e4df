/** Name servers of nodes that fell silent: nobody is sent to them any more. */
import { type EndpointSlice, isConflict, isNotFound } from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import type { ControllerDeps } from '../host/controller.ts';
import { MISSING_NODE_GRACE_MS } from '../limits.ts';
import { createdMs, keyOf, nameOf } from '../objects/meta.ts';

/** What is known of a node: `Unknown` is silent, `missing` has no Node object. */
export type NodeState = 'True' | 'False' | 'Unknown' | 'missing';

type Endpoint = EndpointSlice['endpoints'][number];

/** Absent conditions count as ready. */
const isReadyEndpoint = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;

/**
 * Which slices of name servers stand for nodes that are lost. A server that is alive marks its own slice ready again; so a slice
 * is marked once while its node is lost, or the two would write against each other. A node that says it is not ready still has a
 * machine, and the server there speaks for itself. The last ready ones of all are left alone: when all nodes seem lost it is most
 * likely this side that is cut off.
 * @param marked keys of slices marked already
 */
export function lostServers(
  slices: readonly EndpointSlice[],
  stateOf: (nodeName: string) => NodeState,
  facts: { readonly nowMs: number; readonly marked: ReadonlySet<string> },
): { readonly lost: readonly EndpointSlice[]; readonly toMark: readonly EndpointSlice[] } {
  const isLost = (slice: EndpointSlice): boolean => {
    const [endpoint] = slice.endpoints;
    if (endpoint?.nodeName === undefined) return false;
    const state = stateOf(endpoint.nodeName);
    // A server may be there before its node, and a node may be made anew.
    if (state === 'missing') return facts.nowMs - createdMs(slice) > MISSING_NODE_GRACE_MS;
    return state === 'Unknown';
  };
  const lost = slices.filter(isLost);
  const ready = slices.filter(({ endpoints }) => endpoints.some(isReadyEndpoint));
  const toMark = ready.filter((one) => lost.includes(one) && !facts.marked.has(keyOf(one)));
  return { lost, toMark: toMark.length < ready.length ? toMark : [] };
}

/** The same slice, with nobody in it who takes or answers anything. */
function withoutReady(slice: EndpointSlice): EndpointSlice {
  const conditions = { ready: false, serving: false };
  return { ...slice, endpoints: slice.endpoints.map((one) => ({ ...one, conditions })) };
}

/** Keeps the slices of name servers in step with their nodes. */
export class NameServers {
  readonly #deps: ControllerDeps;
  readonly #api: ResourceApi<EndpointSlice>;
  readonly #marked = new Set<string>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#api = deps.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
  }

  /** One look at all of them. */
  async follow(stateOf: (nodeName: string) => NodeState): Promise<void> {
    const { clock, informers, log } = this.#deps;
    const facts = { nowMs: clock.now(), marked: this.#marked };
    const { lost, toMark } = lostServers(informers.nameServerSlices.list(), stateOf, facts);
    const keys = new Set(lost.map(keyOf));
    for (const key of this.#marked) if (!keys.has(key)) this.#marked.delete(key);
    for (const slice of toMark) {
      try {
        await this.#api.update(withoutReady(slice));
        log.info({ slice: nameOf(slice) }, 'the node of a name server is lost');
      } catch (error) {
        // Changed or gone meanwhile: the next round looks again.
        if (isConflict(error) || isNotFound(error)) continue;
        throw error;
      }
      this.#marked.add(keyOf(slice));
    }
  }
}
