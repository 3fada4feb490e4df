/**
 * Judges what one watcher saw against the agreed sequence: ordered, unique, reliable (nothing missing in between), atomic (no
 * revision in two messages), resumable (from the revision asked for), bookmarkable (progress means that everything up to it
 * has come), and true previous values.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  HistoryViolation,
  type WatchEvent,
  type WatchMessage,
  type WatchRecord,
  within,
} from './history.ts';
import type { Model } from './model.ts';

export interface WatchFacts {
  /** The highest revision any compaction was asked for: previous values up to it may be gone. */
  readonly compactedUpTo: number;
}

function fail(what: string, record: WatchRecord, facts: unknown): never {
  const { messages, ...watcher } = record;
  throw new HistoryViolation(
    `watch: ${what}: ${JSON.stringify({ watcher, messages: messages.length, facts })}`,
  );
}

/** How far a watcher knows the history: everything up to here has come. */
export function covered(record: WatchRecord): number {
  let highest = record.start - 1;
  for (const message of record.messages) highest = Math.max(highest, reaches(message));
  return highest;
}

function reaches(message: WatchMessage): number {
  if (message.type === 'progress') return message.revision;
  if (message.type === 'compacted') return 0;
  return message.events.at(-1)?.kv.mod ?? 0;
}

/** @throws HistoryViolation */
export function checkWatch(model: Model, record: WatchRecord, facts: WatchFacts): void {
  let reached = record.start - 1;
  let cancelled = false;
  const events: WatchEvent[] = [];
  for (const message of record.messages) {
    if (cancelled) fail('told something after its end', record, message);
    if (message.type === 'compacted') {
      cancelled = true;
      if (message.compactRevision > facts.compactedUpTo || reached + 1 >= message.compactRevision) {
        fail('cancelled as compacted without need', record, { message, reached });
      }
      continue;
    }
    const upTo = reaches(message);
    if (message.type === 'progress') {
      // A watcher of the future hears nothing of the past.
      if (message.own && upTo < record.start - 1) fail('progress from the past', record, message);
      reached = Math.max(reached, upTo);
      continue;
    }
    for (const event of message.events) {
      if (event.kv.mod <= reached) fail('late, repeated or split', record, { event, reached });
      events.push(event);
    }
    reached = upTo;
  }
  // Whoever was cancelled hears nothing more, and goes on with a new watcher.
  const mustReach = cancelled ? 0 : record.mustReach;
  const expected = expectedEvents(model, record, Math.max(reached, mustReach));
  for (let at = 0; at < Math.max(events.length, expected.length); at += 1) {
    const got = events[at];
    const want = expected[at];
    if (got === undefined || want === undefined) {
      fail(got === undefined ? 'an event is missing' : 'an event too many', record, { got, want });
    }
    compare(record, { got, want, facts });
  }
}

function expectedEvents(model: Model, record: WatchRecord, upTo: number): WatchEvent[] {
  const out: WatchEvent[] = [];
  for (let revision = Math.max(2, record.start); revision <= upTo; revision += 1) {
    for (const change of model.changesAt(revision)) {
      if (!within(change.kv.key, record.key, record.end)) continue;
      if (change.type === 'put' ? record.noPut : record.noDelete) continue;
      const prev = model.at(change.kv.key, revision - 1) ?? null;
      out.push({ ...change, prev: record.prevKv ? prev : null });
    }
  }
  return out;
}

function compare(
  record: WatchRecord,
  { got, want, facts }: { got: WatchEvent; want: WatchEvent; facts: WatchFacts },
): void {
  const same = got.type === want.type && isDeepStrictEqual(got.kv, want.kv);
  const prevGone = got.prev === null && facts.compactedUpTo >= want.kv.mod;
  if (!same) fail('another event', record, { got, want });
  if (!prevGone && !isDeepStrictEqual(got.prev, want.prev)) {
    fail('a wrong previous value', record, { got, want });
  }
}
