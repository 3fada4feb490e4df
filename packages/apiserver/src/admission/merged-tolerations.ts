import { semanticEqual, type Toleration } from '@kubets/api';

/** Those that no other one makes superfluous; of equal ones the first. */
export function mergedTolerations(all: readonly Toleration[]): Toleration[] {
  const kept: Toleration[] = [];
  for (const [i, one] of all.entries()) {
    const later = all.slice(i + 1).filter((other) => !semanticEqual(one, other));
    if (![...kept, ...later].some((other) => covers(other, one))) kept.push(one);
  }
  return kept;
}

/** Does the first tolerate whatever the second does, for at least as long? */
export function covers(wide: Toleration, narrow: Toleration): boolean {
  if (semanticEqual(wide, narrow)) return true;
  const anyValue = wide.operator === 'Exists';
  if (narrow.key !== wide.key && (wide.key || !anyValue)) return false;
  if (wide.effect && narrow.effect !== wide.effect) return false;
  const most = wide.effect === 'NoExecute' ? wide.tolerationSeconds : undefined;
  const isLonger = narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > (most ?? 0);
  if (most !== undefined && isLonger) return false;
  if (anyValue) return true;
  const isOne = narrow.operator === 'Equal';
  return isOne && (wide.value ?? '') === (narrow.value ?? '');
}
