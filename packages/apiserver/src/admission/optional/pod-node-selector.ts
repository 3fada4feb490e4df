/** PodNodeSelector: the namespace, or the administrator's file, says on which nodes pods may run. */
import {
  forbiddenBecause,
  isJsonObject,
  type JsonObject,
  type Namespace,
  notFound,
  type Pod,
  unclassified,
} from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { namespaceFinder } from '../namespaces.ts';
import { concerns, objectAs } from '../support.ts';

/** Selectors written as `key=value,key=value`, by namespace; `clusterDefaultNodeSelector` is for those that say nothing. */
export type NodeSelectors = Readonly<Record<string, string>>;

const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector';
const DEFAULT = 'clusterDefaultNodeSelector';
const CONFLICT = 'pod node label selector conflicts with its namespace node label selector';
const NOT_ALLOWED = 'pod node label selector labels conflict with its namespace whitelist';

type Labels = Readonly<Record<string, string>>;

/** What the plugin's part of the configuration says. */
export function nodeSelectorsOf(_where: string, config: JsonObject): NodeSelectors {
  const given = config.podNodeSelectorPluginConfig;
  const entries = isJsonObject(given) ? Object.entries(given) : [];
  return Object.fromEntries(entries.map(([name, text]) => [name, String(text)]));
}

/** Off by default. */
export function podNodeSelector(
  store: ResourceStore,
  selectors: NodeSelectors = {},
): AdmissionPlugin {
  const find = namespaceFinder(store);

  async function wantedBy(name: string): Promise<Labels> {
    const namespace = await find(name);
    if (namespace === undefined) throw notFound(GVR.namespaces, name);
    return labelsOf(textOf(namespace) ?? selectors[DEFAULT] ?? '');
  }

  async function check(a: AdmissionAttributes, wanted: Labels): Promise<void> {
    const own = objectAs<Pod>(a).spec?.nodeSelector ?? {};
    if (areInConflict(wanted, own)) throw refused(a, CONFLICT);
    const allowed = labelsOf(selectors[a.namespace] ?? '');
    if (Object.keys(allowed).length === 0) return;
    const isWithin = Object.entries(own).every(([key, value]) => allowed[key] === value);
    if (!isWithin) throw refused(a, NOT_ALLOWED);
  }

  return {
    name: 'PodNodeSelector',
    only: ['pods'],
    async admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      const { spec } = objectAs<Pod>(a);
      const wanted = await wantedBy(a.namespace);
      if (areInConflict(wanted, spec?.nodeSelector ?? {})) throw refused(a, CONFLICT);
      const merged = { ...wanted, ...spec?.nodeSelector };
      if (spec && Object.keys(merged).length > 0) spec.nodeSelector = merged;
      await check(a, wanted);
    },
    async validate(a) {
      if (concerns(a, '', 'pods', 'CREATE')) await check(a, await wantedBy(a.namespace));
    },
  };
}

const textOf = ({ metadata }: Namespace): string | undefined => metadata.annotations?.[ANNOTATION];

function refused(a: AdmissionAttributes, why: string): Error {
  return forbiddenBecause(a.resource, { name: objectAs<Pod>(a).metadata.name ?? '', why });
}

function areInConflict(one: Labels, other: Labels): boolean {
  return Object.entries(one).some(
    ([key, value]) => other[key] !== undefined && other[key] !== value,
  );
}

/** @throws ApiError without a reason, as upstream says it */
function labelsOf(text: string): Labels {
  if (text === '') return {};
  const pairs = text.split(',').map((pair) => {
    const [key = '', value, ...more] = pair.split('=');
    if (value === undefined || more.length > 0) {
      throw unclassified(`invalid selector: [${pair.split('=').join(' ')}]`);
    }
    return [key.trim(), value.trim()];
  });
  return Object.fromEntries(pairs);
}
