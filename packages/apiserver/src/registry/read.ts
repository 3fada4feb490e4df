/**
 * Reading. Lists are answered from the watch cache: at once when the caller takes any state, after the cache has caught up
 * with the store otherwise. Exact versions and the further pages of a cut list come from the store's history. When the
 * cache cannot catch up in time the store answers itself.
 */
import {
  type ApiError,
  badRequest,
  expired,
  isExpired,
  type KindDef,
  notFound,
  timeout,
} from '@kubets/api';
import { type CacheEntry, entryOf, servedEntry } from '../cache/entry.ts';
import type { Selection } from '../cache/selection.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import { FRESH_WAIT_MS, STORE_PAGE_KEYS } from '../limits.ts';
import type { StoredValue } from '../storage/store.ts';
import type { RegistryDeps, Target } from './context.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { keyOf, kindPrefix, scopePrefix } from './keys.ts';
import { checkListOptions, type ListOptions, parseRevision, selectionOf } from './list-options.ts';
import { asksWebhook, presentedEntries, selectedEntries } from './presented.ts';

export interface ListResult {
  readonly def: KindDef;
  readonly entries: readonly CacheEntry[];
  readonly resourceVersion: string;
  readonly continueToken: string | undefined;
  readonly remainingItemCount: number | undefined;
}

/** One object. `resourceVersion` "0" takes whatever the cache has. */
export async function getObject(
  deps: RegistryDeps,
  target: Target,
  resourceVersion = '',
): Promise<CacheEntry> {
  const entry = await readObject(deps, target, resourceVersion);
  const [shown = entry] = await presentedEntries(target.def, [entry]);
  return shown;
}

async function readObject(
  deps: RegistryDeps,
  target: Target,
  resourceVersion: string,
): Promise<CacheEntry> {
  const { def, namespace, name } = target;
  const key = keyOf(def, namespace, name);
  const wanted = parseRevision(resourceVersion);
  if (resourceVersion !== '') {
    const cache = deps.caches.of(def);
    if (await reaches(deps, cache, wanted)) {
      const entry = cache.get(key);
      if (entry === undefined) throw notFound(def, name);
      return entry;
    }
  }
  const { value, revision } = await deps.store.get(key);
  if (revision < wanted) throw tooLarge(wanted, revision);
  if (value === undefined) throw notFound(def, name);
  const cached = deps.caches.peek(def)?.get(key);
  if (cached?.revision === value.revision) return cached;
  return def.rules?.fromStore ? entryOf(def, value) : servedEntry(target, value);
}

/** @throws ApiError BadRequest, Invalid, Expired, Timeout; what a conversion webhook fails with */
export async function listObjects(
  deps: RegistryDeps,
  target: Target,
  options: ListOptions,
): Promise<ListResult> {
  const list = await readList(deps, target, options);
  if (!asksWebhook(target.def)) return list;
  return { ...list, entries: await presentedEntries(target.def, list.entries) };
}

async function readList(
  deps: RegistryDeps,
  target: Target,
  options: ListOptions,
): Promise<ListResult> {
  const { def, namespace } = target;
  checkListOptions(options, false);
  const selection = selectionOf(def, namespace, options);
  const version = options.resourceVersion ?? '';
  const wanted = parseRevision(version);
  if (options.continueToken) return listNextPage(deps, target, selection, options);
  if (options.resourceVersionMatch === 'Exact' || isExactByLimit(options, wanted)) {
    const current = await deps.caches.storeRevision();
    if (wanted > current) throw tooLarge(wanted, current, 0);
    return listFromStore(deps, { target, selection, limit: options.limit ?? 0, revision: wanted });
  }
  const cache = deps.caches.of(def);
  const isReached =
    version === ''
      ? await cache.waitFor(await deps.caches.storeRevision(), FRESH_WAIT_MS)
      : await reaches(deps, cache, wanted);
  if (!isReached) {
    const limit = options.limit ?? 0;
    const list = await listFromStore(deps, { target, selection, limit, revision: undefined });
    const revision = BigInt(list.resourceVersion);
    if (revision < wanted) throw tooLarge(wanted, revision);
    return list;
  }
  const limit = version === '0' ? 0 : (options.limit ?? 0);
  const { revision } = cache;
  const found = await selectedEntries(def, cache.list(selection), selection);
  return cut(def, found, { limit, revision, selection });
}

/** A limit with a version and no match rule means that very version (older clients page so). */
function isExactByLimit(options: ListOptions, wanted: bigint): boolean {
  const hasLimit = (options.limit ?? 0) > 0;
  return hasLimit && wanted > 0n && (options.resourceVersionMatch ?? '') === '';
}

function cut(
  def: KindDef,
  all: readonly CacheEntry[],
  o: { limit: number; revision: bigint; selection: Selection },
): ListResult {
  const { limit, revision, selection } = o;
  const resourceVersion = revision.toString();
  const entries = limit > 0 ? all.slice(0, limit) : all;
  const last = entries.at(-1);
  if (entries.length === all.length || last === undefined) {
    const complete = { continueToken: undefined, remainingItemCount: undefined };
    return { def, entries, resourceVersion, ...complete };
  }
  const start = nextStart(def, last.key);
  const continueToken = encodeContinue({ revision, start });
  const left = all.length - entries.length;
  const remainingItemCount = selection.selective ? undefined : left;
  return { def, entries, resourceVersion, continueToken, remainingItemCount };
}

const nextStart = (def: KindDef, key: string): string => `${key.slice(kindPrefix(def).length)}\0`;

async function listNextPage(
  deps: RegistryDeps,
  target: Target,
  selection: Selection,
  options: ListOptions,
): Promise<ListResult> {
  const version = options.resourceVersion ?? '';
  if (version !== '' && version !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const { revision, start } = decodeContinue(options.continueToken ?? '');
  const from = kindPrefix(target.def) + start;
  const limit = options.limit ?? 0;
  try {
    return await listFromStore(deps, { target, selection, limit, revision, from });
  } catch (error) {
    if (!isExpired(error)) throw error;
    throw expiredContinue(start);
  }
}

function expiredContinue(start: string): Error {
  const token = encodeContinue({ revision: undefined, start });
  const error = expired(
    'The provided continue parameter is too old to display a consistent list result. ' +
      'You can start a new list without the continue parameter, or use the continue token in this response to ' +
      'retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - ' +
      'objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  error.status.metadata = { ...error.status.metadata, continue: token };
  return error;
}

interface StoreList {
  readonly target: Target;
  readonly selection: Selection;
  readonly limit: number;
  readonly revision: bigint | undefined;
  readonly from?: string;
}

/** Reads pages of the store, at one revision, until the limit is full or the keys end. */
export async function listFromStore(deps: RegistryDeps, o: StoreList): Promise<ListResult> {
  const { target, selection, limit } = o;
  const { def, namespace } = target;
  const prefix = scopePrefix(def, def.namespaced ? namespace : '');
  const entries: CacheEntry[] = [];
  let from = o.from ?? prefix;
  let revision = o.revision;
  for (;;) {
    const want = limit > 0 && !selection.selective ? limit - entries.length : STORE_PAGE_KEYS;
    const at = revision === undefined ? {} : { revision };
    const page = await deps.store.page(prefix, { limit: want, from, ...at });
    revision ??= page.revision;
    const selected = await selectedOf(def, page.values, selection);
    let taken = 0;
    for (const value of page.values) {
      if (limit > 0 && entries.length >= limit) break;
      taken += 1;
      from = `${value.key}\0`;
      const entry = selected(value);
      if (entry !== undefined) entries.push(entry);
    }
    const left = page.count - taken;
    const full = limit > 0 && entries.length >= limit;
    if (!full && page.more) continue;
    return pageResult(def, entries, { selection, revision, from, left: full ? left : 0 });
  }
}

/** What tells the selected entry of a stored value. Entries are made when asked for, unless a webhook wants them together. */
async function selectedOf(
  def: KindDef,
  values: readonly StoredValue[],
  selection: Selection,
): Promise<(value: StoredValue) => CacheEntry | undefined> {
  const matching = (value: StoredValue): CacheEntry | undefined => {
    const entry = entryOf(def, value);
    return selection.matches(entry) ? entry : undefined;
  };
  if (selection.shown === undefined) return matching;
  const inScope = values.flatMap((value) => matching(value) ?? []);
  const found = await selectedEntries(def, inScope, selection);
  const byKey = new Map(found.map((entry) => [entry.key, entry]));
  return ({ key }) => byKey.get(key);
}

function pageResult(
  def: KindDef,
  entries: readonly CacheEntry[],
  o: { selection: Selection; revision: bigint; from: string; left: number },
): ListResult {
  const { selection, revision, from, left } = o;
  const resourceVersion = revision.toString();
  if (left === 0) {
    const complete = { continueToken: undefined, remainingItemCount: undefined };
    return { def, entries, resourceVersion, ...complete };
  }
  const start = from.slice(kindPrefix(def).length);
  const continueToken = encodeContinue({ revision, start });
  const remainingItemCount = selection.selective ? undefined : left;
  return { def, entries, resourceVersion, continueToken, remainingItemCount };
}

/**
 * Whether the cache has reached a version. False where nobody can tell, and the store has to be read.
 * @throws ApiError the stock server's answer to a version from the future
 */
async function reaches(deps: RegistryDeps, cache: WatchCache, wanted: bigint): Promise<boolean> {
  if (await cache.waitFor(wanted, FRESH_WAIT_MS)) return true;
  if (wanted === 0n) throw timeout('the cache is still filling', 1);
  if (deps.store.confirmsProgress?.() === false) return false;
  throw tooLarge(wanted, cache.revision);
}

/** @param retrySeconds 0: waiting would not help, as only writes bring the version nearer */
function tooLarge(wanted: bigint, current: bigint, retrySeconds = 1): ApiError {
  const text = `Too large resource version: ${wanted}, current: ${current}`;
  const error = timeout(text, retrySeconds);
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  error.status.details = { ...(retrySeconds > 0 && { retryAfterSeconds: retrySeconds }), causes };
  return error;
}
