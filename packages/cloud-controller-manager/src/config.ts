import { processFlags } from '@kubets/controller-manager/host';
import { ConfigError, flag, parseRanges } from '@kubets/platform';
import { type CloudOptions, CONTROLLERS, type ControllerName } from './controllers.ts';
import { MAX_NODE_SYNCS, MAX_SERVICE_SYNCS } from './limits.ts';
import { PROVIDER_NAMES, type ProviderOptions } from './providers.ts';

/** The process's own flags, named as the stock cloud-controller-manager's where it has them. */
export const flags = {
  ...processFlags,
  'leader-elect-resource-name': flag.string({
    default: 'cloud-controller-manager',
    help: 'name of the Lease of the election, in kube-system',
  }),
  'cloud-provider': flag.enum({
    values: PROVIDER_NAMES,
    default: 'local',
    help: 'who knows the machines and the network',
  }),
  'cloud-config': flag.string({
    default: '',
    help: 'YAML file with what the provider is to know of the machines; read again when it changes',
  }),
  controllers: flag.list({
    help: `controllers to run: * for all, NAME for one, -NAME for all but one (${Object.keys(CONTROLLERS).join(', ')})`,
  }),
  'concurrent-service-syncs': flag.int({
    default: 1,
    min: 1,
    max: MAX_SERVICE_SYNCS,
    help: 'Services worked on at once',
  }),
  'concurrent-node-syncs': flag.int({
    default: 1,
    min: 1,
    max: MAX_NODE_SYNCS,
    help: 'nodes initialised at once',
  }),
  'node-monitor-period': flag.durationMs({
    default: '5s',
    help: 'time between looks at nodes that are not ready',
  }),
  'node-status-update-frequency': flag.durationMs({
    default: '5m',
    help: 'time between looks at the addresses of nodes',
  }),
  'load-balancer-ranges': flag.list({
    help: 'addresses for Services of type LoadBalancer, such as 192.0.2.0/24 or 192.0.2.10-192.0.2.20; none: no load balancers',
  }),
} as const;

interface Raw {
  controllers: readonly string[];
  concurrentServiceSyncs: number;
  concurrentNodeSyncs: number;
  nodeMonitorPeriod: number;
  nodeStatusUpdateFrequency: number;
  loadBalancerRanges: readonly string[];
}

/** Which controllers `--controllers` names. @throws ConfigError for one that is unknown */
export function chosenControllers(words: readonly string[]): Set<ControllerName> {
  const names = Object.keys(CONTROLLERS) as ControllerName[];
  const find = (word: string): ControllerName => {
    const found = names.find((name) => name === word || CONTROLLERS[name] === word);
    if (found !== undefined) return found;
    throw new ConfigError(`--controllers: "${word}" is none of ${names.join(', ')}`);
  };
  const without = new Set(words.flatMap((w) => (w.startsWith('-') ? find(w.slice(1)) : [])));
  const named = words.filter((word) => !word.startsWith('-') && word !== '*').map(find);
  const all = words.includes('*') || named.length === 0;
  return new Set((all ? names : named).filter((name) => !without.has(name)));
}

/** Checks the flags. @throws ConfigError */
export function cloudOptions(config: Raw): CloudOptions & Pick<ProviderOptions, 'ranges'> {
  return {
    controllers: chosenControllers(config.controllers),
    serviceSyncs: config.concurrentServiceSyncs,
    nodeSyncs: config.concurrentNodeSyncs,
    nodeMonitorPeriodMs: config.nodeMonitorPeriod,
    nodeUpdatePeriodMs: config.nodeStatusUpdateFrequency,
    ranges: parseRanges(config.loadBalancerRanges, '--load-balancer-ranges'),
  };
}
