/** What a write by create, update or patch does to the owners of an object's fields. */
import type { JsonObject, KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import {
  capManagers,
  decodeEntries,
  encodeEntries,
  isReset,
  type Managed,
  type ManagerId,
  managerKey,
  setFields,
} from './entries.ts';
import {
  covers,
  difference,
  EMPTY_SET,
  type FieldSet,
  intersection,
  isEmptySet,
  union,
} from './field-set.ts';
import { type FieldFilter, fieldFilterOf, SERVER_FIELDS } from './rules.ts';
import type { Comparison } from './typed.ts';
import { VersionedComparison, withoutManaged, zeroObject } from './view.ts';

/** Who writes what, and when. */
export interface WriteBy {
  readonly def: KindDef;
  /** '' for the object itself. */
  readonly subresource: string;
  readonly manager: string;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

const UNKNOWN_MANAGER = 'unknown';

export function filterOf({ def, subresource }: WriteBy): FieldFilter {
  const { group, kind } = def;
  return fieldFilterOf({ group, kind, hasStatus: def.subresources.status }, subresource);
}

export function idOf(by: WriteBy, operation: ManagerId['operation']): ManagerId {
  const { def, subresource } = by;
  const manager = by.manager === '' ? UNKNOWN_MANAGER : by.manager;
  return { manager, operation, apiVersion: def.apiVersion, subresource };
}

/**
 * Records in `object.metadata.managedFields` what a write changes.
 * @param live the object before the write; undefined when it is created
 * @param object the object as its author wants it, defaulted; changed in place
 */
export function trackUpdate(by: WriteBy, live: KubeObject | undefined, object: KubeObject): void {
  const managed = startingPoint(by, live, object);
  if (managed === undefined || (managed.size === 0 && live !== undefined)) {
    delete object.metadata.managedFields;
    return;
  }
  const before = live === undefined ? zeroObject(by.def) : fieldsOnly(by.def, live);
  recordUpdate(by, { before, after: fieldsOnly(by.def, object) }, managed);
  setEntries(object, managed);
}

/** Shown on every DaemonSet, whether its author wrote it or not. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

function fieldsOnly(def: KindDef, object: KubeObject): JsonObject {
  const plain = withoutManaged(object as unknown as JsonObject);
  if (def.kind !== 'DaemonSet' || def.group !== 'apps') return plain;
  const annotations = { [TEMPLATE_GENERATION]: '0', ...object.metadata.annotations };
  return { ...plain, metadata: { ...(plain.metadata as object), annotations } };
}

export function setEntries(object: KubeObject, managed: Managed): void {
  const entries = encodeEntries(managed);
  if (entries === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

/** The owners a write begins with: those its body names, or else the present ones. Undefined: to be forgotten. */
function startingPoint(
  by: WriteBy,
  live: KubeObject | undefined,
  object: KubeObject,
): Managed | undefined {
  const present = (): Managed => decodeEntries(live?.metadata.managedFields, true) ?? new Map();
  if (by.subresource !== '') return present();
  const sent = object.metadata.managedFields;
  if (isReset(sent)) return live === undefined ? new Map() : undefined;
  const managed = decodeEntries(sent);
  return managed === undefined || managed.size === 0 ? present() : managed;
}

/** Gives the writer what it added and changed, and takes that, and what is gone, from everybody else. */
export function recordUpdate(
  by: WriteBy,
  objects: { before: JsonObject; after: JsonObject },
  managed: Managed,
): void {
  const comparison = new VersionedComparison(by.def, objects.before, objects.after);
  const filter = filterOf(by);
  const { added, modified } = comparison.own;
  const fields = difference(filter(union(modified, added)), SERVER_FIELDS);
  const id = idOf(by, 'Update');
  const key = managerKey(id);
  take(managed, { comparison, filter, writer: { key, fields } });
  if (!isEmptySet(fields)) {
    const before = managed.get(key)?.fields ?? EMPTY_SET;
    const all = covers(before, fields) ? before : union(fields, before);
    managed.set(key, { ...id, fields: all, time: by.now });
  }
  capManagers(managed);
}

interface Taking {
  readonly comparison: VersionedComparison;
  readonly filter: FieldFilter;
  /** Whoever writes, and what becomes theirs in any case: it need not be taken first. */
  readonly writer: { readonly key: string; readonly fields: FieldSet };
}

/** Takes what changed, and what is gone, from its owners. */
function take(managed: Managed, { comparison, filter, writer }: Taking): void {
  const lost = new Map<Comparison, FieldSet>();
  for (const [key, owned] of managed) {
    const differences = comparison.at(owned.apiVersion);
    if (differences === undefined) {
      managed.delete(key);
      continue;
    }
    let gone = lost.get(differences);
    if (gone === undefined) {
      const { added, modified, removed } = differences;
      gone = filter(union(union(added, modified), removed));
      lost.set(differences, gone);
    }
    if (key === writer.key) gone = difference(gone, writer.fields);
    if (isEmptySet(gone) || isEmptySet(intersection(owned.fields, gone))) continue;
    setFields(managed, key, { ...owned, fields: difference(owned.fields, gone) });
  }
}
