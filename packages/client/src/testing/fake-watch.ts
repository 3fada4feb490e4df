import type { KubeObject } from '@kubets/api';
import type { WatchEvent, WatchHandle } from '../ports.ts';
import type { FakeWorld } from './fake-api.ts';
import type { Change } from './fake-store.ts';

export interface FakeWatchOptions<T> {
  readonly world: FakeWorld;
  readonly table: string;
  /** '' or '0': the present state first. */
  readonly resourceVersion: string;
  readonly selects: (object: KubeObject) => boolean;
  readonly onEvents: (events: readonly WatchEvent<T>[]) => void;
}

/** How a watch with a selector sees a change: objects come into view and leave it. */
function eventOf<T>(change: Change, selects: (object: KubeObject) => boolean): WatchEvent<T>[] {
  const object = change.object as T;
  const sawOld = change.old !== undefined && selects(change.old);
  if (change.type === 'DELETED') return sawOld ? [{ type: 'DELETED', object }] : [];
  const seesNew = selects(change.object);
  if (seesNew) return [{ type: sawOld ? 'MODIFIED' : 'ADDED', object }];
  return sawOld ? [{ type: 'DELETED', object }] : [];
}

/** A watch on the fake's store. Events arrive in later turns, in batches, as they do over a connection. */
export function fakeWatch<T>(options: FakeWatchOptions<T>): WatchHandle {
  const { world, table, resourceVersion, selects, onEvents } = options;
  const ended = Promise.withResolvers<Error | undefined>();
  let pending: WatchEvent<T>[] = [];
  let open = true;

  const push = (events: WatchEvent<T>[]): void => {
    if (!open || events.length === 0) return;
    pending.push(...events);
    if (pending.length > events.length) return;
    setImmediate(() => {
      const batch = pending;
      pending = [];
      if (open && batch.length > 0) onEvents(batch);
    });
  };
  const end = (error: Error | undefined): void => {
    if (!open) return;
    open = false;
    unlisten();
    world.watches.delete(end);
    ended.resolve(error);
  };
  const unlisten = world.store.listen(table, (change) => push(eventOf<T>(change, selects)));
  world.watches.add(end);
  try {
    push(startOf<T>(world, table, resourceVersion, selects));
  } catch (error) {
    end(error as Error);
  }
  return { done: ended.promise, stop: () => end(undefined) };
}

function startOf<T>(
  world: FakeWorld,
  table: string,
  resourceVersion: string,
  selects: (object: KubeObject) => boolean,
): WatchEvent<T>[] {
  if (resourceVersion === '' || resourceVersion === '0') {
    const present = world.store.list(table).filter(selects);
    return present.map((object) => ({ type: 'ADDED', object: object as T }));
  }
  const changes = world.store.since(table, Number(resourceVersion));
  return changes.flatMap((change) => eventOf<T>(change, selects));
}
