/** Watching: where a watch starts, by the rules of resourceVersion and sendInitialEvents. */
import { expired, timeout } from '@kubets/api';
import type { Selection } from '../cache/selection.ts';
import type { WatchSink, WatchStart } from '../cache/watcher.ts';
import { FRESH_WAIT_MS } from '../limits.ts';
import type { RegistryDeps, Target } from './context.ts';
import { checkListOptions, type ListOptions, parseRevision, selectionOf } from './list-options.ts';
import { asksWebhook, ConvertingSink } from './presented.ts';
import { listFromStore } from './read.ts';

/**
 * Starts a watch.
 *
 * | resourceVersion | sendInitialEvents | starts with |
 * |---|---|---|
 * | none | not set, true | the state now, after the cache has caught up with the store |
 * | "0" | not set, true | the state in the cache |
 * | N | not set | events after N |
 * | N | true | a state not older than N |
 * | none, "0" | false | events from now on |
 *
 * @returns the function that ends it
 * @throws ApiError Expired when events after the version are no longer known
 */
export async function watchObjects(
  deps: RegistryDeps,
  target: Target,
  options: ListOptions,
  sink: WatchSink,
): Promise<() => void> {
  const { def, namespace } = target;
  checkListOptions(options, true);
  const selection = selectionOf(def, namespace, options);
  const version = options.resourceVersion ?? '';
  const wanted = parseRevision(version);
  const cache = deps.caches.of(def);
  const least = version === '' ? await deps.caches.storeRevision() : wanted;
  const initial = options.sendInitialEvents ?? wanted === 0n;
  let state: WatchStart['state'];
  if (initial || wanted === 0n) {
    if (!(await cache.waitFor(least, FRESH_WAIT_MS))) {
      if (deps.store.confirmsProgress?.() !== false || !cache.synced()) {
        throw timeout(`Too large resource version: ${least}, current: ${cache.revision}`, 1);
      }
      if (initial) state = await stateOfStore(deps, target, selection);
    }
  } else if (!(await cache.waitFor(0n, FRESH_WAIT_MS))) {
    throw timeout('the cache is still filling', 1);
  }
  const now = cache.revision > least ? cache.revision : least;
  const after = initial ? state?.revision : wanted === 0n ? now : wanted;
  const bookmarks = options.allowWatchBookmarks === true;
  const markInitialEvents = options.sendInitialEvents === true;
  const shown = asksWebhook(def) ? new ConvertingSink(def, selection, sink) : sink;
  const first = state === undefined ? {} : { state };
  const stop = cache.watch({ selection, after, bookmarks, markInitialEvents, ...first }, shown);
  if (stop === undefined) throw expired(`too old resource version: ${wanted} (${cache.revision})`);
  return stop;
}

/** What is selected now, as the store has it. */
async function stateOfStore(
  deps: RegistryDeps,
  target: Target,
  selection: Selection,
): Promise<WatchStart['state']> {
  const list = await listFromStore(deps, { target, selection, limit: 0, revision: undefined });
  return { entries: list.entries, revision: BigInt(list.resourceVersion) };
}
