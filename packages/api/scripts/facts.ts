/** Shapes of the facts read and of the compact schema written. */

export interface OpenApiProperty {
  type?: string;
  format?: string;
  $ref?: string;
  items?: OpenApiProperty;
  additionalProperties?: OpenApiProperty;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-map-type'?: string;
}

export interface OpenApiDefinition extends OpenApiProperty {
  properties?: Record<string, OpenApiProperty>;
  required?: string[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

export interface DiscoveryResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  storageVersionHash?: string;
}

export interface Facts {
  openapi: { definitions: Record<string, OpenApiDefinition> };
  protobuf: Record<string, Record<string, { id: number; type: string }>>;
  tables: Record<string, { columnDefinitions: Column[] }>;
  discovery: { groupVersion: string; resources: DiscoveryResource[] }[];
  aggregated: { items: { metadata: { name: string }; versions: { version: string }[] }[] };
}

export interface Column {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

/** Columns by kind; many share their descriptions, which are part of every Table on the wire. */
export interface TableFacts {
  texts: string[];
  tables: Record<string, [string, string, string, number, number][]>;
}

/** One field of the compact schema; see `src/schema/schema.ts` for the meaning of the letters. */
export interface FieldFact {
  t: string;
  r?: 1;
  n?: number;
  l?: string;
  k?: string[];
  s?: string;
  mk?: string;
  a?: 1;
  z?: 1;
  v?: 1;
  w?: string;
}

export interface TypeFact {
  f?: Record<string, FieldFact>;
  a?: 1;
  gvk?: [string, string, string];
}

export interface KindFact {
  group: string;
  version: string;
  kind: string;
  resource: string;
  singular: string;
  namespaced: boolean;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  hash?: string;
  type: string;
  path: string;
  sub?: Record<string, { kind: string; verbs: string[]; group?: string; version?: string }>;
}
