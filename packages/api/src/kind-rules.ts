/** What a kind brings along itself, beside this package's tables: custom resources, and checks a server adds. */
import type { FieldError } from './field-error.ts';
import type { Scale } from './generated/types.ts';
import type { JsonObject, KubeObject } from './meta.ts';
import type { Cell } from './tables/cells.ts';
import type { ExpressionCheck } from './validation/expressions.ts';

/** A body as a kind's own decoder reads it. */
export interface DecodedBody {
  object: KubeObject;
  unknownFields: string[];
  duplicateFields: string[];
  typeErrors: string[];
}

export interface RulesColumn {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

/** How a kind whose schema came at run time shows, reads and changes its replica count. */
export interface ScaleRules {
  of(object: KubeObject): Scale;
  /** Where the replicas should be and are not. */
  missing(object: KubeObject): string | undefined;
  /** A copy with the replicas of the scale. */
  apply(object: KubeObject, scale: Scale): KubeObject;
}

/** Each part that is there runs after, or in place of, what the tables say for the kind. */
export interface KindRules {
  /** Objects have no fixed structure: lists name the kind of each item, and there is no strategic merge. */
  readonly unstructured?: boolean;
  /** In place of the schema's decoder. */
  decode?(json: string | JsonObject): DecodedBody;
  /** In place of the table's defaults. */
  setDefaults?(object: KubeObject): void;
  /** After the common preparation. */
  prepareForCreate?(object: KubeObject): void;
  /** After the common preparation. */
  prepareForUpdate?(object: KubeObject, old: KubeObject, subresource: string): void;
  /** What is wrong with a name, in place of the rule for all kinds. */
  nameMessages?(name: string, object: KubeObject): string[];
  /** What is wrong with an expression of an object. */
  readonly expressionProblem?: ExpressionCheck;
  /** Further errors. */
  validateCreate?(object: KubeObject): FieldError[];
  /** Further errors. `warn` is told what is wrong but may stay. */
  validateUpdate?(
    object: KubeObject,
    old: KubeObject,
    subresource: string,
    warn: (text: string) => void,
  ): FieldError[];
  /** An object of this version as it was stored, brought to the present schema. May change its argument. */
  fromStore?(object: KubeObject): KubeObject;
  /** Versions only the author's webhook can turn into each other. May fail with an `ApiError`. */
  readonly conversion?: {
    convert(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]>;
  };
  /** Dotted paths a field selector may name; and those of all versions, which caches keep. */
  readonly selectable?: { readonly paths: readonly string[]; readonly cached: readonly string[] };
  readonly columns?: readonly RulesColumn[];
  cells?(object: KubeObject, nowMs: number): Cell[];
  readonly scale?: ScaleRules;
  /** Shown with every answer: the version is deprecated. */
  readonly warning?: string;
  /** The release that will not have the version any more (`1.34`), if that is known. */
  readonly removedRelease?: string;
  /** Why nothing can be created now (405), if so. */
  readonly refuseCreate?: string;
  /** Schemas of the OpenAPI documents of a version, by name. */
  openApi?(dialect: 'v2' | 'v3'): Record<string, JsonObject>;
}
