/** The feature gates of 1.32: those this server can switch, and those that are as they are by default. */
import { ConfigError, switchOf } from '@kubets/platform';
import { ALWAYS_ON, OFF, ON } from './feature-gate-names.ts';

/** Gates by their names as properties. */
export interface FeatureGates {
  /** `/flagz` (alpha in 1.32: off). */
  readonly componentFlagz: boolean;
  /** `/statusz` (alpha in 1.32: off). */
  readonly componentStatusz: boolean;
  /** Kubelets get tokens for audiences only that the pod's volumes name (alpha in 1.32: off). */
  readonly serviceAccountNodeAudienceRestriction: boolean;
  /** Policies that change objects (alpha in 1.32: off). Their kinds take `--runtime-config` besides. */
  readonly mutatingAdmissionPolicy: boolean;
}

const GATES: ReadonlySet<string> = new Set([
  'ComponentFlagz',
  'ComponentStatusz',
  'MutatingAdmissionPolicy',
  'ServiceAccountNodeAudienceRestriction',
]);

const FLAG = '--feature-gates';

/** @throws ConfigError for a gate there is not, a value that is none, and a gate that cannot be switched any more */
function* readGates(entries: readonly string[]): Iterable<{ name: string; value: boolean }> {
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = (at < 0 ? entry : entry.slice(0, at)).trim();
    if (at < 0) throw new ConfigError(`${FLAG}: missing bool value for ${name}`);
    const text = entry.slice(at + 1).trim();
    const value = switchOf(text);
    if (value === undefined) {
      const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
      throw new ConfigError(`${FLAG}: invalid value of ${name}=${text}, err: ${why}`);
    }
    if (!ON.has(name) && !OFF.has(name) && !ALWAYS_ON.has(name)) {
      throw new ConfigError(`${FLAG}: unrecognized feature gate: ${name}`);
    }
    if (ALWAYS_ON.has(name) && !value) {
      throw new ConfigError(
        `${FLAG}: cannot set feature gate ${name} to false, feature is locked to true`,
      );
    }
    yield { name, value };
  }
}

/** What switches all gates of a stage that are not named themselves. Every gate of this server is an alpha one. */
const ALL_ALPHA = 'AllAlpha';

/** Reads `NAME=true,NAME=false`; what is not named has its default. @throws ConfigError */
export function featureGatesOf(entries: readonly string[]): FeatureGates {
  const set = new Map<string, boolean>();
  for (const { name, value } of readGates(entries)) set.set(name, value);
  const isOn = (name: string): boolean => set.get(name) ?? set.get(ALL_ALPHA) ?? false;
  return {
    componentFlagz: isOn('ComponentFlagz'),
    componentStatusz: isOn('ComponentStatusz'),
    serviceAccountNodeAudienceRestriction: isOn('ServiceAccountNodeAudienceRestriction'),
    mutatingAdmissionPolicy: isOn('MutatingAdmissionPolicy'),
  };
}

/** The gates that were set to what they are not by default, and are not switched: `NAME=value`. @throws ConfigError */
export function gatesWithoutEffect(entries: readonly string[]): string[] {
  return [...readGates(entries)]
    .filter(({ name, value }) => !GATES.has(name) && value === OFF.has(name))
    .map(({ name, value }) => `${name}=${value}`);
}
