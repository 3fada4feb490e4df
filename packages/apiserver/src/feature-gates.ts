/** The feature gates of 1.32 that this server can switch. */
import { ConfigError } from '@kubets/platform';

/** Gates by their names as properties. */
export interface FeatureGates {
  /** Kubelets get tokens for audiences only that the pod's volumes name (alpha in 1.32: off). */
  readonly serviceAccountNodeAudienceRestriction: boolean;
}

const GATES: Readonly<Record<string, keyof FeatureGates>> = {
  ServiceAccountNodeAudienceRestriction: 'serviceAccountNodeAudienceRestriction',
};

const FLAG = '--feature-gates';

/** Reads `NAME=true,NAME=false`; what is not named has its default. @throws ConfigError */
export function featureGatesOf(entries: readonly string[]): FeatureGates {
  const gates: Record<keyof FeatureGates, boolean> = {
    serviceAccountNodeAudienceRestriction: false,
  };
  for (const entry of entries) {
    const [name = '', value] = entry.split('=', 2);
    const gate = GATES[name];
    if (gate === undefined) throw new ConfigError(`${FLAG}: unrecognized feature gate: ${name}`);
    if (value !== 'true' && value !== 'false') {
      throw new ConfigError(`${FLAG}: "${entry}" is not ${name}=true or ${name}=false`);
    }
    gates[gate] = value === 'true';
  }
  return gates;
}
