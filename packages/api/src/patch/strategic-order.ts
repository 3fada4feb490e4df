/** The order of lists that a strategic merge patch changes. */
import { unclassified } from '../errors.ts';
import { goValue } from '../go-text.ts';
import { isJsonObject } from '../meta.ts';
import { badType, noMergeKey } from './strategic-errors.ts';

/** Of items that are objects, the value of their merge key; others are their own. @throws ApiError without one */
export function idOf(item: unknown, key: string | undefined): unknown {
  if (key === undefined) return item;
  if (!isJsonObject(item)) throw badType({}, item);
  if (item[key] === undefined) throw noMergeKey(item, key);
  return item[key];
}

function indexIn(list: readonly unknown[], item: unknown, key: string | undefined): number {
  const id = idOf(item, key);
  return list.findIndex((v) => (key === undefined ? v : isJsonObject(v) && v[key]) === id);
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
  const named = merged.filter((m) => indexIn(patchOrder, m, key) >= 0);
  for (const item of patchOrder) idOf(item, key);
  named.sort((a, b) => indexIn(patchOrder, a, key) - indexIn(patchOrder, b, key));
  const others = merged.filter((m) => indexIn(patchOrder, m, key) < 0);
  others.sort((a, b) => indexIn(before, a, key) - indexIn(before, b, key));
  const out: unknown[] = [];
  while (others.length > 0 && named.length > 0) {
    const a = indexIn(before, others[0], key);
    const b = indexIn(before, named[0], key);
    out.push(a >= 0 && b >= 0 && a < b ? others.shift() : named.shift());
  }
  return [...out, ...others, ...named];
}

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
