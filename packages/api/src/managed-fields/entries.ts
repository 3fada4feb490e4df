/** The entries of `metadata.managedFields`: who set which fields, when, how. */
import type { ManagedFieldsEntry, ObjectMeta } from '../generated/types.ts';
import { isJsonObject } from '../meta.ts';
import {
  canonicalShared,
  EMPTY_SET,
  type FieldSet,
  isEmptySet,
  isFieldSet,
  union,
} from './field-set.ts';

/** Managers that update (not apply) an object may be this many; older ones are merged into one. */
export const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';
const FIELDS_TYPE = 'FieldsV1';

export type Operation = 'Apply' | 'Update';

/** Who writes, and how. Appliers are the same manager in every version. */
export interface ManagerId {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  readonly subresource: string;
}

/** What a manager owns. */
export interface Owned extends ManagerId {
  readonly fields: FieldSet;
  readonly time?: string | undefined;
  /** The entry it came from, while it says the same. */
  readonly entry?: ManagedFieldsEntry | undefined;
}

/** Owners by their keys. */
export type Managed = Map<string, Owned>;

export function managerKey(id: ManagerId): string {
  const { manager, operation, subresource } = id;
  const apiVersion = operation === 'Apply' ? '' : id.apiVersion;
  return JSON.stringify([manager, operation, apiVersion, subresource]);
}

/**
 * The owners that entries name; undefined when one of the entries cannot be understood.
 * @param stored they come from the store, where only well-formed ones are
 */
export function decodeEntries(
  entries: ObjectMeta['managedFields'],
  stored = false,
): Managed | undefined {
  const managed: Managed = new Map();
  for (const entry of entries ?? []) {
    const owned = decodeEntry(entry, stored);
    if (owned === undefined) return undefined;
    managed.set(managerKey(owned), owned);
  }
  return managed;
}

function decodeEntry(entry: ManagedFieldsEntry, stored: boolean): Owned | undefined {
  const { manager = '', operation, apiVersion = '', subresource = '', time } = entry;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (entry.fieldsType !== FIELDS_TYPE) return undefined;
  const given: unknown = entry.fieldsV1 ?? EMPTY_SET;
  if (!isJsonObject(given) || !(stored || isFieldSet(given))) return undefined;
  const fields = given as FieldSet;
  return { manager, operation, apiVersion, subresource, fields, time, entry };
}

/** One empty entry: the author wants all owners forgotten. */
export function isReset(entries: ObjectMeta['managedFields']): boolean {
  const [only, ...others] = entries ?? [];
  if (only === undefined || others.length > 0) return false;
  return Object.values(only).every((value) => value === undefined || value === null);
}

/** The entries of owners, in upstream's order; undefined when there are none. */
export function encodeEntries(managed: Managed): ManagedFieldsEntry[] | undefined {
  if (managed.size === 0) return undefined;
  return [...managed.values()].sort(compareOwned).map((owned) => owned.entry ?? encodeEntry(owned));
}

function encodeEntry(owned: Owned): ManagedFieldsEntry {
  return {
    manager: owned.manager,
    operation: owned.operation,
    apiVersion: owned.apiVersion,
    ...(owned.time === undefined ? {} : { time: owned.time }),
    fieldsType: FIELDS_TYPE,
    fieldsV1: canonicalShared(owned.fields) as NonNullable<ManagedFieldsEntry['fieldsV1']>,
    ...(owned.subresource === '' ? {} : { subresource: owned.subresource }),
  };
}

function secondsOf(time: string | undefined): number {
  const ms = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1_000);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function compareOwned(a: Owned, b: Owned): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a.time) - secondsOf(b.time) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** Merges the oldest updaters of each version into one, until there are few enough. */
export function capManagers(managed: Managed): void {
  const updaters = [...managed].filter(([, owned]) => owned.operation === 'Update');
  let left = updaters.length;
  if (left <= MAX_UPDATE_MANAGERS) return;
  updaters.sort(([a, x], [b, y]) => secondsOf(x.time) - secondsOf(y.time) || compareText(a, b));
  const firstOf = new Map<string, string>();
  for (const [key, owned] of updaters) {
    if (left <= MAX_UPDATE_MANAGERS) return;
    const { apiVersion, time } = owned;
    const first = firstOf.get(apiVersion);
    if (first === undefined) {
      firstOf.set(apiVersion, key);
      continue;
    }
    const id = { manager: ANCIENT, operation: 'Update', apiVersion, subresource: '' } as const;
    const bucket = managerKey(id);
    const before = managed.get(bucket) ?? managed.get(first);
    managed.delete(first);
    managed.delete(key);
    const fields = union(owned.fields, before?.fields ?? EMPTY_SET);
    managed.set(bucket, { ...id, fields, time });
    left -= 1;
  }
}

/** Sets what a manager owns; one who owns nothing is none. */
export function setFields(managed: Managed, key: string, owned: Owned): void {
  if (isEmptySet(owned.fields)) managed.delete(key);
  else managed.set(key, { ...owned, entry: undefined });
}

/** Longest name of a field manager, in bytes. */
const MAX_MANAGER_BYTES = 128;

/** Clients are few, and each says the same with every request. */
const MAX_KNOWN_PRODUCTS = 256;
const knownProducts = new Map<string, string>();

/** The field manager of a request that names none: its user agent up to the version, what is printable of it. */
export function managerOfUserAgent(userAgent: string): string {
  const [product = ''] = userAgent.split('/', 1);
  const known = knownProducts.get(product);
  if (known !== undefined) return known;
  const name = printable(product);
  if (knownProducts.size >= MAX_KNOWN_PRODUCTS) knownProducts.clear();
  knownProducts.set(product, name);
  return name;
}

function printable(product: string): string {
  let name = '';
  let size = 0;
  for (const char of product) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) continue;
    size += Buffer.byteLength(char);
    if (size > MAX_MANAGER_BYTES) break;
    name += char;
  }
  return name;
}
