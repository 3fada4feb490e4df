/**
 * Judges a history of operations. Revisions give all writes one order, so linearizability (Wing and Gong) needs no search:
 *
 * - each acknowledged operation must be what the model says of it at the revision it was answered with;
 * - each revision is the work of exactly one operation that was really made: acknowledged, of unknown fate, or the end of a
 *   lease; so nothing is applied twice, in part, or out of nowhere;
 * - the order must respect real time: what begins after something was answered is at no earlier revision, and a change at a
 *   later one.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Change, HistoryViolation, type Operation, type Request, within } from './history.ts';
import type { Model } from './model.ts';

export interface HistoryFacts {
  /** When a revision was first applied anywhere, where that is known. */
  readonly appliedAtMs?: ReadonlyMap<number, number>;
  /** How much faster than true time a member's clock may run, for lease times. */
  readonly clockRate?: number;
}

interface Point {
  readonly operation: Operation;
  readonly revision: number;
  readonly changes: boolean;
}

function fail(what: string, facts: unknown): never {
  throw new HistoryViolation(`${what}: ${JSON.stringify(facts)}`);
}

/** @throws HistoryViolation */
export function checkHistory(
  model: Model,
  operations: readonly Operation[],
  facts: HistoryFacts = {},
): void {
  const owners = new Map<number, Operation>();
  // The end of a lease looks the same whether it deleted something or came after what did: those choose last.
  const clear = operations.filter(({ request }) => request.type !== 'revoke');
  const revokes = operations.filter(({ request }) => request.type === 'revoke');
  const ordered = [...clear, ...revokes];
  const told = operations.filter(({ serializable }) => !serializable);
  const points = ordered.flatMap((operation) => {
    const tooLate = operation.request.type === 'revoke' && cameAfter(operation, told, facts);
    return place(model, operation, { owners, tooLate }) ?? [];
  });
  checkRealTime(points);
  checkCompactions(operations);
  explainRest(model, { operations, owners, facts });
}

/** True when the revision an operation was answered with was there before the operation began: it is another's work. */
function cameAfter(
  { begunMs, outcome }: Operation,
  told: readonly Operation[],
  { appliedAtMs }: HistoryFacts,
): boolean {
  if (outcome.type !== 'ok') return false;
  const { revision } = outcome;
  if ((appliedAtMs?.get(revision) ?? Number.POSITIVE_INFINITY) < begunMs) return true;
  return told.some(
    (one) => one.outcome.type === 'ok' && one.outcome.revision >= revision && one.endedMs < begunMs,
  );
}

function place(
  model: Model,
  operation: Operation,
  { owners, tooLate }: { owners: Map<number, Operation>; tooLate: boolean },
): Point | undefined {
  const { request, outcome, serializable } = operation;
  if (outcome.type !== 'ok') return undefined;
  const { revision, result } = outcome;
  if (revision > model.revision) fail('answered at a revision that is gone', operation);
  if (request.type === 'grant' || request.type === 'renew' || request.type === 'compact') {
    return { operation, revision, changes: false };
  }
  const claimed = model.evaluate(request, revision - 1);
  const mine =
    claimed.changes.length > 0 &&
    isDeepStrictEqual(claimed.changes, model.changesAt(revision)) &&
    isDeepStrictEqual(claimed.result, result);
  const other = owners.get(revision);
  if (mine && !tooLate && !(request.type === 'revoke' && other !== undefined)) {
    if (other !== undefined) fail(`two owners of revision ${revision}`, [other, operation]);
    owners.set(revision, operation);
    return { operation, revision, changes: true };
  }
  const { changes, result: expected } = model.evaluate(request, revision);
  if (changes.length > 0 || !isDeepStrictEqual(expected, result)) {
    fail('a wrong answer', { operation, expected, changes: model.changesAt(revision) });
  }
  return serializable ? undefined : { operation, revision, changes: false };
}

function checkRealTime(points: readonly Point[]): void {
  const byBegin = [...points].sort((a, b) => a.operation.begunMs - b.operation.begunMs);
  const byEnd = [...points].sort((a, b) => a.operation.endedMs - b.operation.endedMs);
  let floor: Point | undefined;
  let ended = 0;
  for (const point of byBegin) {
    for (let next = byEnd[ended]; next !== undefined; next = byEnd[ended]) {
      if (next.operation.endedMs >= point.operation.begunMs) break;
      if (floor === undefined || next.revision > floor.revision) floor = next;
      ended += 1;
    }
    const lowest = (floor?.revision ?? 0) + (point.changes ? 1 : 0);
    if (point.revision < lowest) fail('went back in time', { point, after: floor });
  }
}

/** A read of the past must not succeed after it was told that this past is gone, nor be refused before. */
function checkCompactions(operations: readonly Operation[]): void {
  const compactions = operations.flatMap((operation) => {
    const { request } = operation;
    return request.type === 'compact' ? [{ operation, revision: request.revision }] : [];
  });
  for (const operation of operations) {
    const { request, outcome, begunMs, endedMs } = operation;
    const revision = oldestRead(request);
    if (revision === undefined || operation.serializable) continue;
    if (outcome.type === 'ok') {
      const gone = compactions.find(
        (c) =>
          c.revision > revision &&
          c.operation.outcome.type === 'ok' &&
          c.operation.endedMs < begunMs,
      );
      if (gone !== undefined) fail('read what was compacted', { operation, gone });
    } else if (outcome.type === 'refused' && outcome.why === 'compacted') {
      const cause = compactions.some((c) => c.revision > revision && c.operation.begunMs < endedMs);
      if (!cause) fail('refused as compacted, which nobody asked for', operation);
    }
  }
}

function oldestRead(request: Request): number | undefined {
  if (request.type === 'range') return request.revision > 0 ? request.revision : undefined;
  return undefined;
}

interface Rest {
  readonly operations: readonly Operation[];
  readonly owners: ReadonlyMap<number, Operation>;
  readonly facts: HistoryFacts;
}

/** Revisions nobody was told of must each be the work of one operation of unknown fate, or the end of a lease. */
function explainRest(model: Model, { operations, owners, facts }: Rest): void {
  const unknown = operations.filter(
    ({ outcome, request }) => outcome.type === 'unknown' && request.type !== 'range',
  );
  const taken = new Map<Operation, number>();
  const candidates = new Map<number, Operation[]>();
  for (let revision = 2; revision <= model.revision; revision += 1) {
    if (owners.has(revision)) continue;
    const changes = model.changesAt(revision);
    const appliedMs = facts.appliedAtMs?.get(revision) ?? Number.POSITIVE_INFINITY;
    const able = unknown.filter(
      ({ request, begunMs }) =>
        begunMs <= appliedMs &&
        changes.every((change) => mayChange(request, change)) &&
        isDeepStrictEqual(model.evaluate(request, revision - 1).changes, changes),
    );
    candidates.set(revision, able);
    if (isLeaseEnd(model, revision, { operations, facts })) continue;
    if (!assign(revision, candidates, { taken, tried: new Set() })) {
      const value = changes.find(({ kv }) => kv.value !== '')?.kv.value ?? '';
      const mentioned = `"${value}"`;
      const author = operations.find(({ request }) => JSON.stringify(request).includes(mentioned));
      fail(`nobody made revision ${revision}`, { changes, author });
    }
  }
}

/** Whether a request could make such a change at all: cheaper than to evaluate it, which most need not be. */
function mayChange(request: Request, { type, kv }: Change): boolean {
  if (request.type === 'txn') {
    return [...request.success, ...request.failure].some((step) => mayChange(step, { type, kv }));
  }
  if (request.type === 'put') {
    return type === 'put' && request.key === kv.key && request.value === kv.value;
  }
  if (request.type === 'delete')
    return type === 'delete' && within(kv.key, request.key, request.end);
  return request.type === 'revoke' && type === 'delete';
}

interface Matching {
  readonly taken: Map<Operation, number>;
  readonly tried: Set<Operation>;
}

/** Finds the revision an operation of its own, moving others to their second choice (an augmenting path). */
function assign(
  revision: number,
  candidates: ReadonlyMap<number, readonly Operation[]>,
  matching: Matching,
): boolean {
  const { taken, tried } = matching;
  for (const operation of candidates.get(revision) ?? []) {
    if (tried.has(operation)) continue;
    tried.add(operation);
    const holder = taken.get(operation);
    if (holder === undefined || assign(holder, candidates, matching)) {
      taken.set(operation, revision);
      return true;
    }
  }
  return false;
}

function isLeaseEnd(
  model: Model,
  revision: number,
  { operations, facts }: Pick<Rest, 'operations' | 'facts'>,
): boolean {
  const changes = model.changesAt(revision);
  for (const lease of model.leases(revision - 1)) {
    const ended = model.evaluate({ type: 'revoke', lease }, revision - 1).changes;
    if (!isDeepStrictEqual(ended, changes)) continue;
    const atMs = facts.appliedAtMs?.get(revision);
    if (atMs === undefined || leaseIsOver(operations, { lease, atMs, facts })) return true;
  }
  return false;
}

/** A lease does not end before its time has run since its last renewal that was confirmed before the end. */
function leaseIsOver(
  operations: readonly Operation[],
  end: { readonly lease: string; readonly atMs: number; readonly facts: HistoryFacts },
): boolean {
  return operations.every(({ request, outcome, begunMs, endedMs }) => {
    if (request.type !== 'grant' && request.type !== 'renew') return true;
    if (request.lease !== end.lease || outcome.type !== 'ok' || endedMs >= end.atMs) return true;
    if (outcome.result.type !== 'lease') return true;
    return end.atMs >= begunMs + outcome.result.ttlMs / (end.facts.clockRate ?? 1);
  });
}
