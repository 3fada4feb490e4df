/**
 * The write-ahead log. Appends are group-committed: while one batch is being written and synced, whatever else arrives
 * gathers into the next, so a single sync covers everybody who waits.
 *
 * ```
 *  append ─┐
 *  append ─┼─► gathering batch ──► write ──► sync ──► all their promises resolve
 *  append ─┘        ▲                  │
 *                   └── next appends ──┘        write or sync fails ──► every promise rejects, for ever (LogWriteError)
 * ```
 */
import { type Clock, failpoint, invariant, type Logger } from '@kubets/platform';
import type { Vault } from '../encryption/vault.ts';
import { LogWriteError } from '../host/errors.ts';
import { type Entry, type HardState, type LogPoint, NONE } from '../raft/types.ts';
import { type ConfRecord, RecordBuffer, type SnapshotPending } from './codec.ts';
import { decrypted } from './decrypt.ts';
import type { Disk, DiskFile } from './disk.ts';
import { DEFAULT_WAL_LIMITS, type WalLimits } from './limits.ts';
import { assemble, FORMAT_VERSION, type Recovered, readSegment } from './recover.ts';
import { SegmentReserve } from './reserve.ts';
import { createSegment, listSegments, type SegmentFile, segmentPath } from './segment-files.ts';

export interface WalOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly log: Logger;
  readonly limits?: Partial<WalLimits>;
  readonly clock: Clock;
  /** Encrypts what is written. Absent: nothing is, and what is encrypted is refused. */
  readonly vault?: Vault | undefined;
  /** Told of every sync, for metrics: how long it took and how many appends shared it. */
  readonly onSync?: (sync: WalSync) => void;
}

export interface WalSync {
  readonly durationMs: number;
  readonly appends: number;
}

export interface WalIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
}

/** What one append adds. */
export interface WalAppend {
  readonly hardState?: HardState | undefined;
  readonly entries?: readonly Entry[];
  readonly conf?: ConfRecord;
  readonly pending?: SnapshotPending;
}

interface Waiter {
  resolve(): void;
  reject(err: Error): void;
}

/** What a segment header repeats, so that earlier segments can go. */
interface Tip {
  last: LogPoint;
  hardState: HardState;
  confs: ConfRecord[];
  pending: SnapshotPending | undefined;
}

/** A batch while it gathers. */
class Batch {
  readonly records: RecordBuffer;
  waiters: Waiter[] = [];
  appends: WalAppend[] = [];

  constructor(vault: Vault | undefined) {
    this.records = new RecordBuffer(vault);
  }
}

interface Opened {
  readonly segments: SegmentFile[];
  readonly file: DiskFile;
  readonly end: number;
  readonly batch: number;
  readonly tip: Tip;
}

export class Wal {
  readonly #options: WalOptions;
  readonly #limits: WalLimits;
  readonly #identity: WalIdentity;
  #segments: SegmentFile[];
  #file: DiskFile;
  #position: number;
  #allocated: number;
  #batchNumber: number;
  readonly #tip: Tip;
  #gathering: Batch;
  #spare: Batch;
  /** Work that must not overlap: flushes, resets, releases. */
  #work: Promise<void> = Promise.resolve();
  /** Segments going away, beside everything else: nobody waits for it. */
  #clearing: Promise<void> = Promise.resolve();
  readonly #reserve: SegmentReserve;
  #flushQueued = false;
  #failure: LogWriteError | undefined;
  readonly #failed = Promise.withResolvers<LogWriteError>();

  private constructor(options: WalOptions, identity: WalIdentity, opened: Opened) {
    this.#options = options;
    this.#gathering = new Batch(options.vault);
    this.#spare = new Batch(options.vault);
    this.#limits = { ...DEFAULT_WAL_LIMITS, ...options.limits };
    this.#identity = identity;
    this.#segments = opened.segments;
    this.#file = opened.file;
    this.#position = opened.end;
    this.#allocated = opened.end;
    this.#batchNumber = opened.batch;
    this.#tip = opened.tip;
    this.#reserve = new SegmentReserve(options.disk, options.dir, this.#limits.segmentBytes);
  }

  /** Whether a log exists in the directory. */
  static async exists(options: WalOptions): Promise<boolean> {
    return (await listSegments(options.disk, options.dir)).length > 0;
  }

  /** Makes a new log holding `first`, all or nothing. */
  static async create(options: WalOptions, identity: WalIdentity, first: WalAppend): Promise<Wal> {
    await options.disk.makeDir(options.dir);
    const tip: Tip = {
      last: { index: 0, term: 0 },
      hardState: { term: 0, vote: NONE, commit: 0 },
      confs: [],
      pending: undefined,
    };
    const start = { number: 1, prev: tip.last, reset: false };
    const header = encodeHeader(options.vault, identity, start, tip);
    addTo(header, first);
    advance(tip, first);
    const bytes = header.seal(1);
    const { disk, dir } = options;
    const file = await createSegment(disk, { dir, number: 1 }, bytes);
    const segments = [{ number: 1, path: segmentPath(options.dir, 1), prevIndex: 0 }];
    return new Wal(options, identity, { segments, file, end: bytes.length, batch: 1, tip });
  }

  /**
   * Opens an existing log: cuts a torn tail, refuses damage.
   * @throws CorruptLogError
   */
  static async open(options: WalOptions): Promise<{ wal: Wal; recovered: Recovered }> {
    const paths = await listSegments(options.disk, options.dir);
    const parts: { file: string; content: ReturnType<typeof readSegment> }[] = [];
    for (const [at, path] of paths.entries()) {
      const content = readSegment(path, await options.disk.read(path), at === paths.length - 1);
      parts.push({ file: path, content });
    }
    const { recovered, isStale } = decrypted(assemble(parts), options.vault);
    const last = parts.at(-1);
    invariant(last !== undefined, 'a log without segments was opened', { dir: options.dir });
    const file = await options.disk.open(last.file, { create: false });
    if (last.content.torn) {
      options.log.warn(
        { file: last.file, offset: last.content.end },
        'cut off a write that was not finished when the process stopped',
      );
      await file.truncate(last.content.end);
      await file.sync();
    }
    const segments = parts.map(({ file: path, content }) => ({
      number: content.start.segment,
      path,
      prevIndex: content.start.prev.index,
    }));
    const tail = recovered.entries.at(-1) ?? recovered.offset;
    const tip: Tip = {
      last: { index: tail.index, term: tail.term },
      hardState: recovered.hardState,
      confs: recovered.confs,
      pending: recovered.pending,
    };
    const { end, lastBatch } = last.content;
    const wal = new Wal(options, recovered, { segments, file, end, batch: lastBatch, tip });
    if (isStale) await wal.#rewrite(recovered);
    return { wal, recovered };
  }

  /** Number of segment files. */
  get segmentCount(): number {
    return this.#segments.length;
  }

  /**
   * Adds records. Resolves when they, and all earlier ones, are durable.
   * @throws LogWriteError through the promise; the process must end then
   */
  append(append: WalAppend): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const batch = this.#gathering;
    addTo(batch.records, append);
    batch.appends.push(append);
    return this.#join(batch);
  }

  /** Resolves when everything appended so far is durable. */
  flushed(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#gathering.appends.length > 0 ? this.#join(this.#gathering) : this.#work;
  }

  #join(batch: Batch): Promise<void> {
    const done = new Promise<void>((resolve, reject) => batch.waiters.push({ resolve, reject }));
    if (!this.#flushQueued) {
      this.#flushQueued = true;
      void this.#exclusive(() => this.#flush()).catch(() => undefined);
    }
    return done;
  }

  /** Runs work after all earlier work; a failure poisons the log. */
  #exclusive(work: () => Promise<void>): Promise<void> {
    const run = this.#work.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await work();
      } catch (err) {
        this.#fail(err);
        throw this.#failure;
      }
    });
    this.#work = run;
    // Whoever appended hears of a failure through their own promise; the chain itself has no other listener.
    run.catch(() => undefined);
    return run;
  }

  /**
   * Resolves when a write or a sync has failed, whoever asked for it: nothing can be appended from then on, so that the
   * member must end. One that went on would look alive to a leader and never have anything to acknowledge.
   */
  get failed(): Promise<LogWriteError> {
    return this.#failed.promise;
  }

  #fail(cause: unknown): void {
    const { dir } = this.#options;
    this.#failure ??= new LogWriteError(
      `cannot write the log in ${dir} (${cause instanceof Error ? cause.message : String(cause)}); ` +
        'free space or repair the disk, then start again',
      { cause },
    );
    this.#failed.resolve(this.#failure);
    const waiters = this.#gathering.waiters;
    this.#gathering.waiters = [];
    for (const waiter of waiters) waiter.reject(this.#failure);
  }

  async #flush(): Promise<void> {
    this.#flushQueued = false;
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const batch = this.#gathering;
    this.#gathering = this.#spare;
    this.#spare = batch;
    try {
      await this.#write(batch);
    } catch (err) {
      this.#fail(err);
      for (const waiter of batch.waiters)
        waiter.reject(this.#failure ?? new LogWriteError('failed'));
      throw err;
    } finally {
      batch.records.clear();
    }
    for (const append of batch.appends) advance(this.#tip, append);
    const { waiters, appends } = batch;
    batch.waiters = [];
    batch.appends = [];
    const durationMs = clock.monotonicMs() - startedMs;
    this.#options.onSync?.({ durationMs, appends: appends.length });
    for (const waiter of waiters) waiter.resolve();
  }

  async #write(batch: Batch): Promise<void> {
    const size = batch.records.size;
    if (size === 0) return;
    if (this.#position + size > this.#limits.segmentBytes) await this.#roll(false);
    this.#batchNumber += 1;
    failpoint('wal.beforeWrite');
    await this.#file.write(batch.records.seal(this.#batchNumber), this.#position);
    this.#position += size;
    if (this.#position > this.#limits.segmentBytes / 2) this.#reserve.prepare();
    await this.#allocateAhead();
    failpoint('wal.beforeSync');
    await this.#file.sync();
    failpoint('wal.afterSync');
  }

  /** Zeros after the tail, so that the next syncs find the file's size and blocks in place. */
  async #allocateAhead(): Promise<void> {
    if (this.#allocated >= this.#position) return;
    const to = Math.min(this.#position + this.#limits.allocateBytes, this.#limits.segmentBytes);
    this.#allocated = Math.max(to, this.#position);
    if (to <= this.#position) return;
    try {
      await this.#file.write(Buffer.alloc(to - this.#position), this.#position);
    } catch (err) {
      if (!isFull(err)) throw err;
      // Only a convenience: the records themselves may still fit.
      this.#allocated = Number.POSITIVE_INFINITY;
    }
  }

  /** @param content absent: the segment goes on where the one before ends */
  async #roll(reset: boolean, content?: Pick<Recovered, 'offset' | 'entries'>): Promise<void> {
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    const prev = content?.offset ?? this.#tip.last;
    const { disk, dir, vault } = this.#options;
    const records = encodeHeader(vault, this.#identity, { number, prev, reset }, this.#tip);
    for (const entry of content?.entries ?? []) records.addEntry(entry);
    const header = records.seal(1);
    const reserved = this.#reserve.take();
    const file = await createSegment(disk, { dir, number }, header, reserved);
    await this.#file.close();
    this.#file = file;
    this.#segments.push({ number, path: segmentPath(dir, number), prevIndex: prev.index });
    this.#position = header.length;
    this.#allocated = Math.max(header.length, reserved?.bytes ?? 0);
    this.#batchNumber = 1;
  }

  /** Writes the whole log anew, all or nothing: it is not encrypted as it should be. */
  #rewrite(content: Recovered): Promise<void> {
    const { dir, log, vault } = this.#options;
    log.info({ dir, key: vault?.primaryId }, 'encrypting the log with the first key of the file');
    return this.#exclusive(async () => {
      await this.#roll(true, content);
      await this.#clear(() => this.#removeOldest(this.#segments.length - 1));
    });
  }

  /** Replaces the whole log by "everything up to `point` is in the state machine", durably, all or nothing. */
  reset(point: LogPoint, conf: ConfRecord, hardState: HardState): Promise<void> {
    return this.#exclusive(async () => {
      this.#tip.last = point;
      this.#tip.hardState = hardState;
      this.#tip.confs = [conf];
      this.#tip.pending = undefined;
      await this.#roll(true);
      await this.#clear(() => this.#removeOldest(this.#segments.length - 1));
    });
  }

  /** Removes segments that hold nothing after `index`; the state machine has it all. */
  release(index: number): Promise<void> {
    const next = this.#segments[1];
    if (next === undefined || next.prevIndex > index) return Promise.resolve();
    return this.#clear(async () => {
      // The membership as of the release point, and later ones, are repeated by every later segment's header.
      let count = 0;
      while ((this.#segments[count + 1]?.prevIndex ?? Number.POSITIVE_INFINITY) <= index)
        count += 1;
      await this.#removeOldest(count);
      const from = this.#tip.confs.findLastIndex((conf) => conf.index <= index);
      if (from > 0) this.#tip.confs = this.#tip.confs.slice(from);
    });
  }

  /** Removes segments after those that are being removed already, oldest first; a failure poisons the log. */
  #clear(work: () => Promise<void>): Promise<void> {
    const run = this.#clearing.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await work();
      } catch (err) {
        this.#fail(err);
        throw this.#failure;
      }
    });
    this.#clearing = run.catch(() => undefined);
    return run;
  }

  async #removeOldest(count: number): Promise<void> {
    const { disk, dir } = this.#options;
    for (let at = 0; at < count; at += 1) {
      const segment = this.#segments[0];
      if (segment === undefined) break;
      failpoint('wal.beforeRemove');
      await disk.remove(segment.path);
      // In order, so that a crash never leaves a gap.
      await disk.syncDir(dir);
      this.#segments.shift();
    }
  }

  /** Flushes and closes. */
  async close(): Promise<void> {
    await this.flushed().catch(() => undefined);
    await this.#work.catch(() => undefined);
    await this.#clearing;
    await this.#reserve.close();
    await this.#file.close();
  }
}

function isFull(err: unknown): boolean {
  const code = err instanceof Error ? Reflect.get(err, 'code') : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function encodeHeader(
  vault: Vault | undefined,
  identity: WalIdentity,
  segment: { number: number; prev: LogPoint; reset: boolean },
  tip: Tip,
): RecordBuffer {
  const records = new RecordBuffer(vault);
  records.addSegmentStart({
    version: FORMAT_VERSION,
    clusterId: identity.clusterId,
    memberId: identity.memberId,
    segment: segment.number,
    prev: segment.prev,
    reset: segment.reset,
  });
  records.addHardState(tip.hardState);
  for (const conf of tip.confs) records.addConf(conf);
  if (tip.pending !== undefined) records.addSnapshotPending(tip.pending);
  return records;
}

/** The term and vote go before the entries: entries of a term the log does not know would be nonsense. */
function addTo(records: RecordBuffer, append: WalAppend): void {
  if (append.hardState !== undefined) records.addHardState(append.hardState);
  if (append.pending !== undefined) records.addSnapshotPending(append.pending);
  if (append.conf !== undefined) records.addConf(append.conf);
  for (const entry of append.entries ?? []) records.addEntry(entry);
}

function advance(tip: Tip, append: WalAppend): void {
  if (append.hardState !== undefined) tip.hardState = append.hardState;
  if (append.pending !== undefined) tip.pending = append.pending;
  if (append.conf !== undefined) {
    const { conf } = append;
    tip.confs = [...tip.confs.filter((other) => other.index !== conf.index), conf];
    tip.confs.sort((a, b) => a.index - b.index);
  }
  const last = append.entries?.at(-1);
  if (last !== undefined) tip.last = { index: last.index, term: last.term };
}
