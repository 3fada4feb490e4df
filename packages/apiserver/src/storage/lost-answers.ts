/**
 * Compare-and-swap when answers get lost. A change whose answer did not come is sent again, with the same condition and the
 * same bytes: at most one of the two can take effect. If the second is refused, what stands in the key's place tells whether
 * the first had worked.
 */
import { AmbiguousError } from '@kubets/etcd/client';
import type { Clock } from '@kubets/platform';
import { AMBIGUOUS_ATTEMPTS, SWAP_LEAST_MS, SWAP_MS } from '../limits.ts';
import type { StoredValue, SwapResult } from './store.ts';

export interface Change {
  /** Mod revision the key must have; 0n: absent. */
  readonly expected: bigint;
  /** undefined deletes. */
  readonly value: Buffer | undefined;
  /** Opens values that are sealed in the store. */
  readonly open?: (value: Buffer) => Buffer;
}

/** What stands in the key's place. */
export type Current = StoredValue & { readonly createRevision: bigint };

/** The answer to one try. `at`: the store's revision then. */
export type Answer =
  | { readonly ok: true; readonly revision: bigint; readonly at: bigint }
  | { readonly ok: false; readonly current: Current | undefined; readonly at: bigint };

/** @param timeoutMs what is left for this try */
export type Send = (timeoutMs: number) => Promise<Answer>;

/**
 * Sends a change until its fate is known. Rejects with `AmbiguousError` when it stays unknown for ten seconds: without a majority
 * of the store it would stay so however often it is sent.
 */
export async function untilKnown(change: Change, send: Send, clock: Clock): Promise<SwapResult> {
  const endMs = clock.monotonicMs() + SWAP_MS;
  let unsure: AmbiguousError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = endMs - clock.monotonicMs();
    try {
      const answer = await send(leftMs);
      return unsure === undefined ? answer : recognise(change, answer);
    } catch (error) {
      if (error instanceof AmbiguousError) unsure = error;
      // A later try that surely had no effect says nothing of the first.
      if (unsure === undefined) throw error;
      const isLate = endMs - clock.monotonicMs() < SWAP_LEAST_MS;
      if (error !== unsure || attempt >= AMBIGUOUS_ATTEMPTS || isLate) throw unsure;
    }
  }
}

function recognise(change: Change, answer: Answer): SwapResult {
  if (answer.ok) return answer;
  const { current, at } = answer;
  if (change.value === undefined) {
    // Gone, or made anew after the deletion: either way the state we meant to delete is no more.
    const isGone = current === undefined || current.createRevision > change.expected;
    return isGone ? { ok: true, revision: at } : answer;
  }
  if (current?.value.equals(change.value)) return { ok: true, revision: current.revision };
  // Created by us, and changed by somebody since: the key's first version was ours.
  const { open = (value: Buffer): Buffer => value } = change;
  const isCreated = change.expected === 0n && current !== undefined;
  const isOurs = isCreated && sameUid(open(change.value), open(current.value));
  return isOurs ? { ok: true, revision: current.createRevision } : answer;
}

const UID = /"uid":"([^"]+)"/;

/** Whether two objects' bytes name the same uid; every create has one of its own. */
function sameUid(ours: Buffer, theirs: Buffer): boolean {
  const uid = UID.exec(ours.toString('utf8'))?.[1];
  return uid !== undefined && UID.exec(theirs.toString('utf8'))?.[1] === uid;
}
