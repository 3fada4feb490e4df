/**
 * Reading the log back.
 *
 * **What may be cut off.** Only the last segment can end in a write that was under way when the machine stopped. Its bytes
 * may have reached the disk in any order and in part, so from the first invalid record on, everything is dropped, provided
 * that it can only belong to that one unfinished batch. A valid record of a later batch further on proves that the
 * invalid one had been synced, hence acknowledged: then the log is damaged and the member refuses to start
 * ({@link CorruptLogError}). In any other segment every invalid record is damage.
 */
import { CorruptLogError } from '../host/errors.ts';
import type { Entry, HardState, LogPoint } from '../raft/types.ts';
import { NONE } from '../raft/types.ts';
import {
  ALIGNMENT,
  type ConfRecord,
  decodeRecord,
  recordAt,
  type SegmentStart,
  type SnapshotPending,
  type WalRecord,
} from './codec.ts';

export const FORMAT_VERSION = 1;

/** What one segment file holds. */
export interface SegmentContent {
  readonly start: SegmentStart;
  readonly records: WalRecord[];
  /** Where complete batches end. */
  readonly end: number;
  readonly lastBatch: number;
  /** There are bytes after `end` that are not zero: they must be cut off before anything is written. */
  readonly torn: boolean;
}

/** Everything the segments together say. */
export interface Recovered {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly hardState: HardState;
  /** The entry before the first of `entries`. */
  readonly offset: LogPoint;
  readonly entries: Entry[];
  /** Memberships by index, ascending. */
  readonly confs: ConfRecord[];
  readonly pending: SnapshotPending | undefined;
}

/** @throws CorruptLogError */
export function readSegment(file: string, bytes: Buffer, isLast: boolean): SegmentContent {
  const batches = readBatches(bytes);
  const start = batches.records[0];
  if (start?.type !== 'segmentStart') throw new CorruptLogError(file, 0, 'no valid segment header');
  if (start.start.version !== FORMAT_VERSION) {
    throw new CorruptLogError(file, 0, `unknown format version ${start.start.version}`);
  }
  const torn = !isZero(bytes, batches.end);
  if (torn) checkTail(file, bytes, { ...batches, isLast });
  const records = batches.records.slice(1);
  return { start: start.start, records, end: batches.end, lastBatch: batches.last, torn };
}

interface Batches {
  readonly records: WalRecord[];
  /** Where the last complete batch ends. */
  readonly end: number;
  /** Where the first invalid record is; after `end` when a batch is incomplete. */
  readonly invalid: number;
  /** The last complete batch; the next one is the only one that may be unfinished. */
  readonly last: number;
}

/** Reads complete batches, numbered without gaps from 1. */
function readBatches(bytes: Buffer): Batches {
  const records: WalRecord[] = [];
  let last = 0;
  let end = 0;
  let keep = 0;
  let at = 0;
  for (;;) {
    const span = recordAt(bytes, at);
    if (span === undefined || span.batch !== last + 1) break;
    records.push(decodeRecord(bytes, span));
    at = span.next;
    if (!span.endOfBatch) continue;
    last = span.batch;
    end = at;
    keep = records.length;
  }
  records.length = keep;
  return { records, end, invalid: at, last };
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function checkTail(file: string, bytes: Buffer, tail: Batches & { isLast: boolean }): void {
  if (!tail.isLast) {
    throw new CorruptLogError(file, tail.invalid, 'an unreadable record before the end of the log');
  }
  for (let at = tail.invalid; at < bytes.length; at += ALIGNMENT) {
    const span = recordAt(bytes, at);
    if (span !== undefined && span.batch > tail.last + 1) {
      throw new CorruptLogError(file, tail.invalid, 'an unreadable record followed by later ones');
    }
  }
}

/** Puts segments together, oldest first. @throws CorruptLogError when they do not join */
export function assemble(
  segments: readonly { readonly file: string; readonly content: SegmentContent }[],
): Recovered {
  const from = segments.findLastIndex((segment) => segment.content.start.reset);
  const used = segments.slice(Math.max(from, 0));
  const first = used[0];
  if (first === undefined) throw new RangeError('no segments to put together');
  const log = new LogAssembler(first.content.start.prev);
  const confs = new Map<number, ConfRecord>();
  let hardState: HardState = { term: 0, vote: NONE, commit: 0 };
  let pending: SnapshotPending | undefined;
  let expected = first.content.start.segment;
  for (const { file, content } of used) {
    if (content.start.segment !== expected) {
      throw new CorruptLogError(file, 0, `segment ${expected} is missing before this one`);
    }
    expected += 1;
    for (const record of content.records) {
      if (record.type === 'hardState') hardState = record.state;
      else if (record.type === 'conf') confs.set(record.conf.index, record.conf);
      else if (record.type === 'snapshotPending') pending = record.pending;
      else if (record.type === 'entry' && !log.add(record.entry)) {
        throw new CorruptLogError(file, 0, `entries before ${record.entry.index} are missing`);
      }
    }
  }
  return {
    clusterId: first.content.start.clusterId,
    memberId: first.content.start.memberId,
    hardState,
    offset: log.offset,
    entries: log.entries,
    confs: [...confs.values()].sort((a, b) => a.index - b.index),
    pending,
  };
}

class LogAssembler {
  offset: LogPoint;
  entries: Entry[] = [];

  constructor(offset: LogPoint) {
    this.offset = offset;
  }

  /** @returns false when the entry leaves a gap */
  add(entry: Entry): boolean {
    const place = entry.index - this.offset.index - 1;
    if (place > this.entries.length) return false;
    if (place >= 0) {
      // Replaces whatever a former leader had put there and after.
      this.entries.length = place;
      this.entries.push(entry);
      return true;
    }
    // It replaced entries of a segment that is gone. Those before it are gone too, but its own term is known.
    this.offset = { index: entry.index, term: entry.term };
    this.entries = [];
    return true;
  }
}
