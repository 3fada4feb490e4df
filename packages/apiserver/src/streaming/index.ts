import type { PodWay } from '../outbound/pod-way.ts';
import type { ResourceStore, StreamHandler } from '../ports.ts';
import { KubeletClient, type KubeletTls } from './kubelet-client.ts';
import { podLogs } from './logs.ts';
import { type AddressRule, isRoutable, proxies } from './proxies.ts';
import { podSessions } from './sessions.ts';

/** Handlers of the subresources that speak raw HTTP, and how to close their connections. */
export interface Streaming {
  readonly handlers: StreamHandler[];
  close(): void;
}

/** Logs, exec, attach, port-forward and the proxies. */
export function createStreaming(o: {
  store: ResourceStore;
  tls: KubeletTls;
  /** Kinds of node address, the preferred first; others are not dialed. */
  addressTypes: readonly string[];
  /** Which pod addresses the proxies may reach; default: all that are routable. */
  isAllowed?: AddressRule;
  /** How pods are reached; absent: as everything else. */
  way?: PodWay | undefined;
}): Streaming {
  const client = new KubeletClient(o.tls, o.way);
  const deps = { store: o.store, addressTypes: o.addressTypes, client };
  return {
    handlers: [podLogs(deps), ...podSessions(deps), ...proxies(deps, o.isAllowed ?? isRoutable)],
    close: () => client.close(),
  };
}
