/** Server-side apply: a configuration says which fields its manager wants to have which values; no more and no less. */
import { applyConflict, badRequest, unclassified } from '../errors.ts';
import { parseExact } from '../exact-json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../meta.ts';
import { configErrors, errorsText } from './check.ts';
import {
  decodeEntries,
  type Managed,
  type ManagerId,
  managerKey,
  type Owned,
  setFields,
} from './entries.ts';
import {
  difference,
  EMPTY_SET,
  type FieldPath,
  type FieldSet,
  intersection,
  isEmptySet,
  membersOf,
  pathText,
  union,
} from './field-set.ts';
import { LAST_APPLIED, refreshLastApplied } from './last-applied.ts';
import { mergeValues, removeFields, withNamedFields } from './merge.ts';
import { SERVER_FIELDS } from './rules.ts';
import { type Shape, shapeOfType } from './shape.ts';
import { compareObjects, fieldsOf } from './typed.ts';
import { filterOf, idOf, recordUpdate, setEntries, type WriteBy } from './update.ts';
import { VersionedComparison, withoutManaged, zeroObject } from './view.ts';

export interface ApplyBy extends WriteBy {
  /** Take over fields that others own with another value. */
  readonly force: boolean;
}

/** Owns what an object had before anybody applied to it while nobody kept account. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
const KUBECTL = 'kubectl';

interface Conflict {
  readonly owner: Owned;
  readonly fields: FieldSet;
}

/**
 * The object with a configuration applied, its managedFields kept; not decoded or defaulted.
 * @param live the present object; undefined when there is none
 * @throws ApiError Conflict with a cause for each field others own, or what is wrong with the configuration
 */
export function applyConfiguration(
  by: ApplyBy,
  live: KubeObject | undefined,
  config: JsonObject,
): KubeObject {
  const shape = shapeOfType(by.def.typeName);
  checkConfig(by, shape, config);
  const managed = ownersBefore(by, live);
  const before = live === undefined ? zeroObject(by.def) : withoutManaged(plain(live));
  const id = idOf(by, 'Apply');
  const key = managerKey(id);
  const last = managed.get(key);
  const wanted = ownable(by, fieldsOf(shape, config));
  const owners = new Map(managed);
  owners.set(key, { ...id, fields: wanted, time: last?.time });
  const merged = mergeValues(shape, before, config) as JsonObject;
  const after = pruned(shape, merged, owners, last);
  const comparison = new VersionedComparison(by.def, before, after);
  settle(by, { owners, key, comparison, live });
  const isChanged = !isNothing(comparison.own);
  const self = owners.get(key);
  if (self !== undefined) {
    const fields = difference(self.fields, SERVER_FIELDS);
    setFields(owners, key, { ...self, fields, time: isChanged ? by.now : last?.time });
  }
  const result = { ...after, metadata: { ...(after.metadata as object) } } as unknown as KubeObject;
  setEntries(result, owners);
  if (id.manager === KUBECTL) refreshLastApplied(result, config);
  return result;
}

const plain = (object: KubeObject): JsonObject => object as unknown as JsonObject;

function isNothing(c: { added: FieldSet; modified: FieldSet; removed: FieldSet }): boolean {
  return isEmptySet(c.added) && isEmptySet(c.modified) && isEmptySet(c.removed);
}

const ownable = (by: WriteBy, fields: FieldSet): FieldSet => filterOf(by)(fields);

/** A group and a version with their slash, of which the first may be empty. */
const named = (version: string): string => (version.includes('/') ? version : `/${version}`);

/** @throws ApiError BadRequest; 500 without a reason for what the schema does not know, as upstream answers */
function checkConfig(by: ApplyBy, shape: Shape, config: JsonObject): void {
  const { def } = by;
  const { apiVersion, kind } = config;
  const type = `${named(String(apiVersion ?? ''))}, Kind=${String(kind ?? '')}`;
  if (apiVersion !== def.apiVersion || kind !== def.kind) {
    throw badRequest(`invalid object type: ${type}`);
  }
  const metadata = isJsonObject(config.metadata) ? config.metadata : {};
  if ((metadata.managedFields ?? undefined) !== undefined) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const errors = configErrors(shape, config);
  if (errors.length === 0) return;
  const { namespace = '', name = '' } = metadata;
  const what = `${String(namespace)}/${String(name)}; ${type}`;
  throw unclassified(`failed to create typed patch object (${what}): ${errorsText(errors)}`);
}

/** The owners; when none are on record and the object exists, one for all it has. */
function ownersBefore(by: ApplyBy, live: KubeObject | undefined): Managed {
  const managed = decodeEntries(live?.metadata.managedFields, true) ?? new Map();
  if (managed.size > 0 || live === undefined) return managed;
  const objects = { before: zeroObject(by.def), after: withoutManaged(plain(live)) };
  recordUpdate({ ...by, manager: BEFORE_FIRST_APPLY }, objects, managed);
  return managed;
}

/** Without the fields the manager applied last time and nobody owns now. */
function pruned(
  shape: Shape,
  merged: JsonObject,
  owners: Managed,
  last: Owned | undefined,
): JsonObject {
  if (last === undefined || isEmptySet(last.fields)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(shape, set);
  const remove = (set: FieldSet): JsonObject => removeFields(shape, merged, set) as JsonObject;
  const all = named(fieldsOf(shape, merged));
  const mine = named(last.fields);
  const bare = named(fieldsOf(shape, remove(mine)));
  let owned: FieldSet = EMPTY_SET;
  for (const { fields } of owners.values()) owned = union(owned, fields);
  const kept = remove(difference(all, union(bare, named(owned))));
  const left = named(fieldsOf(shape, kept));
  return remove(intersection(difference(all, left), mine));
}

interface Settlement {
  readonly owners: Managed;
  readonly key: string;
  readonly comparison: VersionedComparison;
  readonly live: KubeObject | undefined;
}

/** Finds what others own and would lose; takes it from them, or refuses. */
function settle(by: ApplyBy, s: Settlement): void {
  const { owners, key, comparison } = s;
  const filter = filterOf(by);
  const conflicts: Conflict[] = [];
  const losses: Conflict[] = [];
  for (const [other, owner] of [...owners]) {
    if (other === key) continue;
    const differences = comparison.at(owner.apiVersion);
    if (differences === undefined) {
      owners.delete(other);
      continue;
    }
    const changed = filter(union(differences.modified, differences.added));
    const fields = intersection(owner.fields, changed);
    if (!isEmptySet(fields)) conflicts.push({ owner, fields });
    losses.push({ owner, fields: union(fields, filter(differences.removed)) });
  }
  if (!by.force) refuse(allowedToKubectl(by, s, conflicts));
  for (const { owner, fields } of losses) {
    if (isEmptySet(intersection(owner.fields, fields))) continue;
    const rest = difference(owner.fields, fields);
    setFields(owners, managerKey(owner), { ...owner, fields: rest });
  }
  const self = owners.get(key);
  if (self !== undefined) setFields(owners, key, self);
}

/** @throws ApiError Conflict, when there is any */
function refuse(conflicts: readonly Conflict[]): void {
  const each = conflicts.flatMap(({ owner, fields }) =>
    membersOf(fields).map((path) => ({ name: ownerText(owner), key: managerKey(owner), path })),
  );
  const [first] = each;
  if (first === undefined) return;
  const causes = each.map(({ name, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${name}`,
    field: pathText(path),
  }));
  if (each.length === 1) {
    const what = `conflict with ${first.name}: ${pathText(first.path)}`;
    throw applyConflict(`Apply failed with 1 conflict: ${what}`, causes);
  }
  throw applyConflict(`Apply failed with ${each.length} conflicts: ${conflictLines(each)}`, causes);
}

function conflictLines(each: readonly { name: string; key: string; path: FieldPath }[]): string {
  const byOwner = Map.groupBy(each, ({ key }) => key);
  const lines: string[] = [];
  for (const key of [...byOwner.keys()].sort()) {
    const theirs = byOwner.get(key) ?? [];
    lines.push(`conflicts with ${theirs[0]?.name ?? ''}:`);
    lines.push(...theirs.map(({ path }) => `- ${pathText(path)}`));
  }
  return lines.join('\n');
}

function ownerText(owner: ManagerId & { readonly time?: string | undefined }): string {
  let text = JSON.stringify(owner.manager);
  if (owner.subresource !== '') text += ` with subresource ${JSON.stringify(owner.subresource)}`;
  return owner.operation === 'Update' ? `${text} using ${owner.apiVersion}` : text;
}

/** What kubectl itself applied on the client side, and nobody changed since, is its own to take over. */
function allowedToKubectl(
  by: ApplyBy,
  { live }: Settlement,
  conflicts: readonly Conflict[],
): readonly Conflict[] {
  if (by.manager !== KUBECTL || conflicts.length === 0 || live === undefined) return conflicts;
  const mine = lastAppliedFields(by, live);
  return conflicts
    .map(({ owner, fields }) => ({ owner, fields: difference(fields, mine) }))
    .filter(({ fields }) => !isEmptySet(fields));
}

function lastAppliedFields(by: ApplyBy, live: KubeObject): FieldSet {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return EMPTY_SET;
  try {
    const applied: unknown = parseExact(text);
    const shape = shapeOfType(by.def.typeName);
    const isOurs = isJsonObject(applied) && applied.apiVersion === by.def.apiVersion;
    if (!isOurs || configErrors(shape, applied).length > 0) return EMPTY_SET;
    const now = compareObjects(shape, applied, withoutManaged(plain(live)));
    const changed = union(union(now.modified, now.added), now.removed);
    return difference(fieldsOf(shape, applied), changed);
  } catch {
    // The annotation is anybody's to write; what is no object allows nothing.
    return EMPTY_SET;
  }
}
