/** A piece of history, and which of its changes watchers that are behind get. */

import {
  type Change,
  type Interval,
  inInterval,
  isSingleKey,
  type KeyName,
} from '../mvcc/index.ts';
import { concerns, type Watcher } from './watcher.ts';

const NOTHING: readonly Change[] = [];

/** Changes in order, and by key once somebody asks: many watchers of single keys may be behind together. */
export class Piece {
  private readonly changes: readonly Change[];
  private byKey: Map<KeyName, Change[]> | undefined;

  constructor(changes: readonly Change[]) {
    this.changes = changes;
  }

  within(interval: Interval): readonly Change[] {
    if (isSingleKey(interval)) {
      this.byKey ??= Map.groupBy(this.changes, ({ version }) => version.name);
      return this.byKey.get(interval.from) ?? NOTHING;
    }
    return this.changes.filter(({ version }) => inInterval(version.name, interval));
  }
}

/** @param watchers which all lack the changes from the same revision on @returns for each list of changes who gets it */
export function listsOf(
  watchers: readonly Watcher[],
  piece: Piece,
): Map<readonly Change[], Watcher[]> {
  const lists = new Map<string, readonly Change[]>();
  const out = new Map<readonly Change[], Watcher[]>();
  for (const watcher of watchers) {
    const id = wishOf(watcher);
    let list = lists.get(id);
    if (list === undefined) {
      list = piece.within(watcher.interval).filter((change) => concerns(watcher, change));
      lists.set(id, list);
    }
    const others = out.get(list);
    if (others === undefined) out.set(list, [watcher]);
    else others.push(watcher);
  }
  return out;
}

/** Watchers with the same one get the same changes. The length in front keeps "a"+"bc" and "ab"+"c" apart. */
function wishOf({ interval: { from, to }, noPut, noDelete }: Watcher): string {
  const filters = `${noPut ? 'p' : ''}${noDelete ? 'd' : ''}`;
  return `${filters}${from.length}${to === undefined ? '|' : ':'}${from}${to ?? ''}`;
}
