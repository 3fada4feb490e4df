/** The fields all condition types share. */
export interface ConditionLike {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | undefined;
}

export function findCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((c) => c.type === type);
}

/** The list without conditions of that type. */
export function withoutCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C[] {
  return (conditions ?? []).filter((c) => c.type !== type);
}

/**
 * The list with `next` in place of its type. A condition that says the same status and reason is
 * left alone; the transition time of one whose status did not change is kept.
 */
export function withCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  next: C,
): C[] {
  const list = [...(conditions ?? [])];
  const current = findCondition(list, next.type);
  if (current && current.status === next.status && current.reason === next.reason) return list;
  const kept = withoutCondition(list, next.type);
  if (current?.lastTransitionTime !== undefined && current.status === next.status) {
    kept.push({ ...next, lastTransitionTime: current.lastTransitionTime });
  } else {
    kept.push(next);
  }
  return kept;
}
