/** How the objects of one version of a definition are read, filled in, checked and shown. */
import { isDeepStrictEqual } from 'node:util';
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionVersion,
  type DecodedBody,
  decodeType,
  duplicateFields,
  fieldErrors,
  isJsonObject,
  type JsonObject,
  type KindRules,
  type KubeObject,
  numberError,
  parseJson,
} from '@kubets/api';
import { RulesOfSchema } from './cel-rules.ts';
import { columnsOf } from './columns.ts';
import { isTerminating } from './conditions.ts';
import { embeddedErrors, repeatedItems } from './invariants.ts';
import { openApiOf } from './open-api.ts';
import { scaleErrors, scaleRules } from './scale.ts';
import { validateValue } from './schema-validation.ts';
import { dropNulls, fillDefaults, prune, readEmbedded, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;
type Version = CustomResourceDefinitionVersion;

/** Errors after which rules would only repeat what is wrong. */
const BLOCKING: ReadonlySet<string> = new Set([
  'NotSupported',
  'Required',
  'TooLong',
  'TooMany',
  'TypeInvalid',
]);

const SKIPPED_RULES =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

export function rulesOf(crd: CustomResourceDefinition, version: Version): KindRules {
  const schema = rootSchema(version);
  const { columns, cells } = columnsOf(version.additionalPrinterColumns);
  const checks = new Checks(schema, version);
  const scale = version.subresources?.scale;
  return {
    unstructured: true,
    decode: (json) => decode(json, schema),
    setDefaults: (object) => fillDefaults(object, schema),
    prepareForCreate: (object) => {
      if (version.subresources?.status) delete object.status;
    },
    prepareForUpdate: (object, old, subresource) =>
      prepareUpdate(version, { object, old, subresource }),
    validateCreate: (object) => checks.errors(object),
    validateUpdate: (object, old, _subresource, warn) => checks.errors(object, { old, warn }),
    fromStore: (object) => atSchema(object, schema),
    selectable: { paths: selectablePaths([version]), cached: selectablePaths(crd.spec.versions) },
    columns,
    cells,
    ...(scale ? { scale: scaleRules(scale) } : {}),
    ...(version.deprecated ? { warning: deprecation(crd, version) } : {}),
    ...(isTerminating(crd) ? { refuseCreate: TERMINATING } : {}),
    openApi: (dialect) => openApiOf(crd, version, dialect),
  };
}

const TERMINATING = 'create not allowed while custom resource definition is terminating';

/** The schema of a version; one that says nothing keeps everything. */
export function rootSchema(version: Version): Schema {
  return version.schema?.openAPIV3Schema ?? KEEP_ALL;
}

const KEEP_ALL: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function selectablePaths(versions: readonly Version[]): string[] {
  const all = versions.flatMap((one) => one.selectableFields ?? []);
  return [...new Set(all.map(({ jsonPath }) => jsonPath.replace(/^\./, '')))];
}

function deprecation(crd: CustomResourceDefinition, version: Version): string {
  if (version.deprecationWarning) return version.deprecationWarning;
  const { group, names } = crd.spec;
  const base = `${group}/${version.name} ${names.kind} is deprecated`;
  const better = crd.spec.versions
    .filter((one) => one.served && !one.deprecated)
    .map((one) => one.name)
    .sort(compareVersions)[0];
  if (better === undefined || compareVersions(better, version.name) > 0) return base;
  return `${base}; use ${group}/${better} ${names.kind}`;
}

const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Newest stable first, then betas, then alphas, then other names by the alphabet. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [VERSION.exec(a), VERSION.exec(b)];
  if (!x || !y) return x ? -1 : y ? 1 : a < b ? -1 : Number(a > b);
  const rank = (parts: RegExpExecArray): number =>
    parts[2] === undefined ? 2 : parts[2] === 'beta' ? 1 : 0;
  return rank(y) - rank(x) || Number(y[1]) - Number(x[1]) || Number(y[3] ?? 0) - Number(x[3] ?? 0);
}

function decode(json: string | JsonObject, schema: Schema): DecodedBody {
  const text = typeof json === 'string' ? json : undefined;
  const parsed = text === undefined ? structuredClone(json) : parseJson(text);
  const object = (isJsonObject(parsed) ? parsed : {}) as JsonObject;
  const unknownFields: string[] = [];
  const beyond = numberError(parsed);
  const typeErrors: string[] = beyond === undefined ? [] : [beyond];
  if (object.metadata !== undefined && object.metadata !== null) {
    const read = decodeType('meta.v1.ObjectMeta', object.metadata);
    unknownFields.push(...read.unknownFields.map((field) => `metadata.${field}`));
    typeErrors.push(...read.typeErrors.map(inMetadata));
    if (read.object.creationTimestamp === null) delete read.object.creationTimestamp;
    object.metadata = read.object;
  } else delete object.metadata;
  const embedded = readEmbedded(object, schema);
  typeErrors.push(...embedded.typeErrors);
  unknownFields.push(...embedded.unknownFields, ...prune(object, schema, true));
  dropNulls(object, schema);
  const repeated = text === undefined ? [] : duplicateFields(text);
  const kept = object as unknown as KubeObject;
  return { object: kept, unknownFields, duplicateFields: repeated, typeErrors };
}

/** The decoder began at the metadata; its messages speak of the whole. */
function inMetadata(message: string): string {
  return message
    .replace('Go struct field ObjectMeta.', 'Go struct field ObjectMeta.metadata.')
    .replace('into Go value of type', 'into Go struct field .metadata of type');
}

/** A stored object at the schema of today. */
function atSchema(object: KubeObject, schema: Schema): KubeObject {
  prune(object, schema, true);
  dropNulls(object, schema);
  fillDefaults(object, schema);
  return object;
}

interface Change {
  readonly object: KubeObject;
  readonly old: KubeObject;
  readonly subresource: string;
}

function prepareUpdate(version: Version, { object, old, subresource }: Change): void {
  if (subresource === 'status') {
    // Only the status may change; of the metadata only who manages it.
    const { resourceVersion, managedFields } = object.metadata;
    object.metadata = { ...structuredClone(old.metadata), resourceVersion };
    if (managedFields !== undefined) object.metadata.managedFields = managedFields;
    return;
  }
  if (version.subresources?.status) return;
  const before = old.metadata.generation ?? 0;
  // Without a status of its own everything but metadata is what is wanted.
  if (object.metadata.generation !== before) return;
  if (!isDeepStrictEqual(object.status, old.status)) object.metadata.generation = before + 1;
}

/** The checks of a schema, rules compiled at first use. */
class Checks {
  readonly #schema: Schema;
  readonly #version: Version;
  readonly #rules: RulesOfSchema;

  constructor(schema: Schema, version: Version) {
    this.#schema = schema;
    this.#version = version;
    this.#rules = new RulesOfSchema(schema);
  }

  /** @param change what the object was, and who is told of what may stay wrong */
  errors(
    object: KubeObject,
    change?: { readonly old: KubeObject; readonly warn: (text: string) => void },
  ): FieldError[] {
    const before = change && { value: body(change.old) };
    const value = body(object);
    const errors = [
      ...validateValue(value, this.#schema, '', before),
      ...scaleErrors(object, this.#version.subresources?.scale),
      ...this.#embedded(value, before?.value),
      ...this.#repeated(value, before?.value),
    ];
    if (!this.#rules.any) return errors;
    if (!errors.some((error) => BLOCKING.has(error.type))) {
      const found = this.#rules.findings(object, change?.old);
      for (const one of found.tolerated) change?.warn(String(one));
      return [...errors, ...found.errors];
    }
    const nothing = new fieldErrors.GoText('"null"');
    return [...errors, fieldErrors.invalid('<nil>', nothing, SKIPPED_RULES)];
  }

  #embedded(value: unknown, before: unknown): FieldError[] {
    const errors = embeddedErrors(value, this.#schema);
    if (errors.length === 0 || before === undefined) return errors;
    return embeddedErrors(before, this.#schema).length > 0 ? [] : errors;
  }

  /** What was repeated before may stay so. */
  #repeated(value: unknown, before: unknown): FieldError[] {
    const errors = repeatedItems(value, this.#schema);
    if (errors.length === 0 || before === undefined) return errors;
    return repeatedItems(before, this.#schema).length > 0 ? [] : errors;
  }
}

/** What a schema speaks of: of the metadata only the names, which it may restrict. */
function body(object: KubeObject): JsonObject {
  const { name, generateName } = object.metadata;
  const metadata = { ...(name ? { name } : {}), ...(generateName ? { generateName } : {}) };
  return { ...object, metadata };
}
