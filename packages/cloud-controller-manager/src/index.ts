/** The cloud loops, for embedding them, and what a provider has to be; see README.md for the reading order. */
export { type CloudOptions, cloudControllers } from './controllers.ts';
export type {
  CloudProvider,
  InstanceMetadata,
  InstanceState,
  Instances,
  LoadBalancers,
} from './ports.ts';
export { PROVIDERS, type ProviderOptions } from './providers.ts';
