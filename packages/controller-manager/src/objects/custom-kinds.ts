import type { CustomResourceDefinition } from '@kubets/api';

/** Where the objects of a custom kind are found. */
export interface CustomKind {
  readonly gv: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** @returns the kind in a version that is served, the stored one if it can be; undefined while nothing is served */
export function customKindOf(definition: CustomResourceDefinition): CustomKind | undefined {
  const { spec, status } = definition;
  const isEstablished = (status?.conditions ?? []).some(
    (one) => one.type === 'Established' && one.status === 'True',
  );
  const served = spec.versions.filter((version) => version.served);
  const version = served.find((one) => one.storage) ?? served[0];
  if (!isEstablished || version === undefined) return undefined;
  const { plural, kind } = spec.names;
  const namespaced = spec.scope === 'Namespaced';
  return { gv: `${spec.group}/${version.name}`, resource: plural, kind, namespaced };
}

/** Those of the kinds that are served whose objects a namespace holds. */
export function namespacedKindsOf(definitions: readonly CustomResourceDefinition[]): CustomKind[] {
  return definitions.flatMap((definition) => {
    const kind = customKindOf(definition);
    return kind?.namespaced ? [kind] : [];
  });
}
