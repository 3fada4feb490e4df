/** The kinds a definition adds to the server, one a served version. */
import { createHash } from 'node:crypto';
import {
  apiVersionOf,
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  type KindDef,
  nameSchema,
  type SubresourceDef,
} from '@kubets/api';
import { type ConversionDeps, WebhookConversion } from './conversion.ts';
import { schemaName } from './open-api.ts';
import { compareVersions, rootSchema, rulesOf } from './rules.ts';

const VERBS = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
] as const;
const SUB_VERBS = ['get', 'patch', 'update'] as const;

type Version = CustomResourceDefinitionVersion;

/** The kinds of all served versions, in the order discovery shows them. */
export function kindsOf(crd: CustomResourceDefinition, deps: ConversionDeps): KindDef[] {
  const isHooked = crd.spec.conversion?.strategy === 'Webhook';
  const conversion = isHooked ? new WebhookConversion(crd, deps) : undefined;
  return crd.spec.versions
    .filter((version) => version.served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => kindOf(crd, version, conversion));
}

function kindOf(
  crd: CustomResourceDefinition,
  version: Version,
  conversion: WebhookConversion | undefined,
): KindDef {
  const { group, scope } = crd.spec;
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const stored = storageVersion(crd);
  const { kind, plural } = names;
  const sub = subresourcesOf(kind, version);
  const typeName = `crd/${crd.metadata.uid}/${schemaName(crd, version.name)}`;
  nameSchema(typeName, rootSchema(version));
  return {
    group,
    version: version.name,
    kind,
    listKind: names.listKind ?? `${kind}List`,
    apiVersion: apiVersionOf({ group, version: version.name }),
    resource: plural,
    singular: names.singular ?? kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    verbs: VERBS,
    storagePath: storagePath(crd),
    storageVersionHash: versionHash(group, stored, kind),
    storageVersion: { group, version: stored },
    subresources: { status: sub.has('status'), scale: sub.has('scale'), extra: [] },
    subresourceDefs: sub,
    typeName,
    unconditionalUpdate: false,
    createOnUpdate: false,
    hasGeneration: true,
    rules: { ...rulesOf(crd, version), ...(conversion && { conversion }) },
  };
}

export function storagePath(crd: CustomResourceDefinition): string {
  return `${crd.spec.group}/${crd.spec.names.plural}`;
}

export function storageVersion(crd: CustomResourceDefinition): string {
  return crd.spec.versions.find((version) => version.storage)?.name ?? '';
}

function versionHash(group: string, version: string, kind: string): string {
  const digest = createHash('sha256').update(`${group}/${version}/${kind}`).digest();
  return digest.subarray(0, 8).toString('base64');
}

function subresourcesOf(kind: string, version: Version): Map<string, SubresourceDef> {
  const out = new Map<string, SubresourceDef>();
  if (version.subresources?.status) out.set('status', { kind, verbs: SUB_VERBS });
  if (version.subresources?.scale) {
    out.set('scale', { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: SUB_VERBS });
  }
  return out;
}
