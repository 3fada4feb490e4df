import type { Controller, ControllerDeps } from '@kubets/controller-manager/host';
import { nodeControllers } from './node/reconciler.ts';
import { nodeLifecycleController } from './node-lifecycle/reconciler.ts';
import type { CloudProvider } from './ports.ts';
import { serviceController } from './service/reconciler.ts';

/** Names as `--controllers` takes them, with the short forms the stock manager knows. */
export const CONTROLLERS = {
  'cloud-node-controller': 'cloud-node',
  'cloud-node-lifecycle-controller': 'cloud-node-lifecycle',
  'service-lb-controller': 'service',
} as const;
export type ControllerName = keyof typeof CONTROLLERS;

export interface CloudOptions {
  controllers: ReadonlySet<ControllerName>;
  serviceSyncs: number;
  nodeSyncs: number;
  nodeMonitorPeriodMs: number;
  nodeUpdatePeriodMs: number;
}

/** All controllers of one term of leadership: those that are wanted and that the provider has something to say about. */
export function cloudControllers(
  deps: ControllerDeps,
  provider: CloudProvider,
  options: CloudOptions,
): Controller[] {
  const { instances, loadBalancers: balancers } = provider;
  const { controllers } = options;
  const made: Controller[] = [];
  if (instances !== undefined && controllers.has('cloud-node-controller')) {
    const { nodeSyncs: concurrency, nodeUpdatePeriodMs: updatePeriodMs } = options;
    made.push(...nodeControllers(deps, { provider, instances, concurrency, updatePeriodMs }));
  }
  if (instances !== undefined && controllers.has('cloud-node-lifecycle-controller')) {
    const monitorPeriodMs = options.nodeMonitorPeriodMs;
    made.push(nodeLifecycleController(deps, { provider, instances, monitorPeriodMs }));
  }
  if (balancers !== undefined && controllers.has('service-lb-controller')) {
    const concurrency = options.serviceSyncs;
    made.push(serviceController(deps, { provider, balancers, concurrency }));
  } else {
    deps.log.warn('Services of type LoadBalancer are left alone: the provider has no addresses');
  }
  return made;
}
