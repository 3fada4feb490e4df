/** The quota plugin's configuration: what nobody may use unless a quota allows it. */
import { isJsonObject, type JsonObject, type ScopedResourceSelectorRequirement } from '@kubets/api';
import { ConfigError } from '@kubets/platform';

/** Amounts, or pods of some scope, that only a quota that is about them lets through. */
export interface LimitedResource {
  readonly group: string;
  readonly resource: string;
  /** Amounts whose names contain one of these. */
  readonly matchContains: readonly string[];
  readonly matchScopes: readonly ScopedResourceSelectorRequirement[];
}

/** Kinds by the versions upstream reads. */
const VERSIONS: Readonly<Record<string, string>> = {
  'apiserver.config.k8s.io/v1': 'ResourceQuotaConfiguration',
  'resourcequota.admission.k8s.io/v1': 'Configuration',
  'resourcequota.admission.k8s.io/v1beta1': 'Configuration',
  'resourcequota.admission.k8s.io/v1alpha1': 'Configuration',
};

/** What the plugin's part of the configuration says. @throws ConfigError that begins with `where` */
export function limitedResourcesOf(where: string, config: JsonObject): LimitedResource[] {
  const kind = VERSIONS[String(config.apiVersion)];
  if (kind === undefined || kind !== config.kind) {
    const [[version, first] = []] = Object.entries(VERSIONS);
    throw new ConfigError(`${where}: want kind ${first} of ${version}`);
  }
  return objectsIn(config, 'limitedResources').map((one) => ({
    group: String(one.apiGroup ?? ''),
    resource: String(one.resource ?? ''),
    matchContains: Array.isArray(one.matchContains) ? one.matchContains.map(String) : [],
    matchScopes: objectsIn(one, 'matchScopes').map((scope) => ({
      scopeName: String(scope.scopeName ?? ''),
      operator: String(scope.operator ?? ''),
      ...(Array.isArray(scope.values) && { values: scope.values.map(String) }),
    })),
  }));
}

function objectsIn(part: JsonObject, name: string): JsonObject[] {
  const given = part[name];
  return Array.isArray(given) ? given.filter(isJsonObject) : [];
}
