/** The order of lists that a strategic merge patch changes. */
import { unclassified } from '../errors.ts';
import { goValue } from '../go-text.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { badType, noMergeKey } from './strategic-errors.ts';

/** Of items that are objects, the value of their merge key; others are their own. @throws ApiError without one */
export function idOf(item: unknown, key: string | undefined): unknown {
  if (key === undefined) return item;
  if (!isJsonObject(item)) throw badType({}, item);
  if (item[key] === undefined) throw noMergeKey(item, key);
  return item[key];
}

/** Where the first item with each value of the merge key stands: lists come with tens of thousands of items. */
export function placesIn(list: readonly unknown[], key: string | undefined): Map<unknown, number> {
  const places = new Map<unknown, number>();
  list.forEach((item, at) => {
    if (key !== undefined && !isJsonObject(item)) return;
    const id = key === undefined ? item : (item as JsonObject)[key];
    if (!places.has(id)) places.set(id, at);
  });
  return places;
}

/** An item of a merged list with its places in the patch and in the list as it was; -1: it has none. */
interface Placed {
  readonly item: unknown;
  readonly inPatch: number;
  readonly inBefore: number;
}

/**
 * Puts a merged list in order: items the patch names in the patch's order, the others in the order they had, and
 * between the two an item goes first only when it stood first before.
 * @param patchOrder with a key each, where there is one
 */
export function ordered(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  before: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const [inPatch, inBefore] = [placesIn(patchOrder, key), placesIn(before, key)];
  const all = merged.map((item): Placed => {
    const id = idOf(item, key);
    return { item, inPatch: inPatch.get(id) ?? -1, inBefore: inBefore.get(id) ?? -1 };
  });
  for (const item of patchOrder) idOf(item, key);
  const named = all.filter((one) => one.inPatch >= 0).sort((a, b) => a.inPatch - b.inPatch);
  const others = all.filter((one) => one.inPatch < 0).sort((a, b) => a.inBefore - b.inBefore);
  const out: unknown[] = [];
  let [nextNamed, nextOther] = [0, 0];
  for (;;) {
    const [a, b] = [others[nextOther], named[nextNamed]];
    const isOther = b === undefined || (a !== undefined && isBefore(a, b));
    const next = isOther ? a : b;
    if (next === undefined) return out;
    out.push(next.item);
    if (isOther) nextOther += 1;
    else nextNamed += 1;
  }
}

const isBefore = (a: Placed, b: Placed): boolean =>
  a.inBefore >= 0 && b.inBefore >= 0 && a.inBefore < b.inBefore;

/** The items of a patch, but those it deletes, are in the order it sets, each in its place. @throws ApiError */
export function checkOrder(
  patch: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): void {
  if (order.length === 0 || patch.length === 0) return;
  const isKept = (item: unknown): boolean => {
    if (key === undefined) return true;
    if (!isJsonObject(item)) throw badType({}, item);
    return item.$patch === undefined;
  };
  const kept = patch.filter(isKept);
  let at = 0;
  for (const item of order) {
    if (at < kept.length && idOf(kept[at], key) === idOf(item, key)) at += 1;
  }
  if (at === kept.length) return;
  const why = `doesn't match $setElementOrder list:\n${goValue(order)}\n`;
  throw unclassified(`The order in patch list:\n${goValue(patch)}\n ${why}`);
}
