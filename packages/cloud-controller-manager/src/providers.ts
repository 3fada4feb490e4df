import type { ControllerDeps } from '@kubets/controller-manager/host';
import type { AddressRange } from '@kubets/platform';
import { LocalBalancers } from './local/balancers.ts';
import { localInstances } from './local/instances.ts';
import type { Inventory } from './local/inventory.ts';
import type { CloudProvider } from './ports.ts';

/** What providers are made from besides the cluster itself. */
export interface ProviderOptions {
  /** Addresses the local provider gives out; empty: it has no load balancers. */
  ranges: readonly AddressRange[];
  /** What `--cloud-config` says at present. @throws InventoryError */
  inventory(): Promise<Inventory>;
}

type MakeProvider = (deps: ControllerDeps, options: ProviderOptions) => CloudProvider;

/** By their names in `--cloud-provider`. */
export const PROVIDERS = {
  local(deps, { ranges, inventory }) {
    const balancers = ranges.length === 0 ? undefined : new LocalBalancers(deps, ranges);
    return {
      name: 'local',
      instances: localInstances(inventory),
      ...(balancers && { loadBalancers: balancers, needs: [deps.informers.endpointNodes] }),
    };
  },
} as const satisfies Record<string, MakeProvider>;

export type ProviderName = keyof typeof PROVIDERS;
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]];
