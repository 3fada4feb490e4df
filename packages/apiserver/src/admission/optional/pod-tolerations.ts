/** PodTolerationRestriction and ExtendedResourceToleration: tolerations that pods get, and those they may have. */
import {
  isExtendedResource,
  isJsonObject,
  type JsonObject,
  type Namespace,
  notFound,
  type Pod,
  type PodSpec,
  parseExact,
  podQosClass,
  type Toleration,
  unclassified,
} from '@kubets/api';
import { ConfigError, errorMessage } from '@kubets/platform';
import type { AdmissionPlugin, ResourceStore } from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { covers, mergedTolerations } from '../merged-tolerations.ts';
import { namespaceFinder } from '../namespaces.ts';
import { concerns, objectAs } from '../support.ts';

/** What holds for namespaces whose annotations say nothing. */
export interface TolerationRules {
  readonly defaults: readonly Toleration[];
  /** Empty: all are allowed. */
  readonly allowed: readonly Toleration[];
}

const VERSION = 'podtolerationrestriction.admission.k8s.io/v1alpha1';
const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const ALLOWED = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
const UNDER_PRESSURE: Toleration = {
  ...{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
};

/** What the plugin's part of the configuration says. @throws ConfigError that begins with `where` */
export function tolerationRulesOf(where: string, config: JsonObject): TolerationRules {
  if (config.kind !== 'Configuration' || config.apiVersion !== VERSION) {
    throw new ConfigError(`${where}: want kind Configuration of ${VERSION}`);
  }
  const listOf = (name: string): Toleration[] => {
    const given = config[name];
    return Array.isArray(given) ? (given.filter(isJsonObject) as object[] as Toleration[]) : [];
  };
  return { defaults: listOf('default'), allowed: listOf('whitelist') };
}

/** Off by default. */
export function podTolerationRestriction(
  store: ResourceStore,
  rules: TolerationRules = { defaults: [], allowed: [] },
): AdmissionPlugin {
  const find = namespaceFinder(store);

  async function annotated(name: string, key: string): Promise<Toleration[] | undefined> {
    const namespace = await find(name);
    if (namespace === undefined) throw notFound(GVR.namespaces, name);
    return tolerationsOf(namespace, key);
  }

  async function check(name: string, spec: PodSpec | undefined): Promise<void> {
    const own = spec?.tolerations ?? [];
    if (own.length === 0) return;
    const ofNamespace = await annotated(name, ALLOWED);
    const allowed = ofNamespace ?? rules.allowed;
    if (allowed.length === 0) return;
    if (own.every((one) => allowed.some((other) => covers(other, one)))) return;
    const scope = ofNamespace === undefined ? 'cluster' : 'namespace';
    throw unclassified(
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`,
    );
  }

  return {
    name: 'PodTolerationRestriction',
    only: ['pods'],
    async admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      const pod = objectAs<Pod>(a);
      const isNew = a.operation === 'CREATE';
      const extra = isNew ? [...((await annotated(a.namespace, DEFAULTS)) ?? rules.defaults)] : [];
      if (podQosClass(pod) !== 'BestEffort') extra.push({ ...UNDER_PRESSURE });
      if (extra.length > 0 && pod.spec) {
        pod.spec.tolerations = mergedTolerations([...(pod.spec.tolerations ?? []), ...extra]);
      }
      await check(a.namespace, pod.spec);
    },
    async validate(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      await check(a.namespace, objectAs<Pod>(a).spec);
    },
  };
}

/** Undefined where the annotation is not there; empty text is an empty list. */
function tolerationsOf({ metadata }: Namespace, key: string): Toleration[] | undefined {
  const text = metadata.annotations?.[key];
  if (text === undefined) return undefined;
  if (text === '') return [];
  try {
    const parsed: unknown = parseExact(text);
    if (parsed === null) return undefined;
    if (Array.isArray(parsed)) return parsed.filter(isJsonObject) as object[] as Toleration[];
  } catch (error) {
    throw unclassified(errorMessage(error));
  }
  throw unclassified('json: cannot unmarshal object into Go value of type []v1.Toleration');
}

/** Off by default. Pods that ask for devices go to nodes kept for those, as tainted with the device's name. */
export function extendedResourceToleration(): AdmissionPlugin {
  return {
    name: 'ExtendedResourceToleration',
    only: ['pods'],
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      const { spec } = objectAs<Pod>(a);
      if (!spec) return;
      const all = [...spec.containers, ...(spec.initContainers ?? [])];
      const asked = all.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}));
      for (const key of [...new Set(asked.filter(isExtendedResource))].sort()) {
        spec.tolerations = withToleration(spec.tolerations ?? [], key);
      }
    },
  };
}

function withToleration(had: Toleration[], key: string): Toleration[] {
  const made: Toleration = { key, operator: 'Exists', effect: 'NoSchedule' };
  const isSame = (one: Toleration): boolean =>
    one.key === key && one.effect === made.effect && one.operator === 'Exists' && !one.value;
  const at = had.findIndex(isSame);
  if (at === -1) return [...had, made];
  return had.with(at, made);
}
