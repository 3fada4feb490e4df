/**
 * What the simulated cluster replicates: registers, each holding the write that came last, and a hash chained over every
 * entry, so that two members with the same index and hash have applied the same sequence.
 */
import { createHash } from 'node:crypto';
import type { CommittedEntry, LogIndex, SnapshotMeta, StateMachine } from '../../ports.ts';

/** A replicated write: `value` is unique in a run. */
export interface Write {
  readonly key: string;
  readonly value: number;
}

/** The write a register holds and its place in the log. */
export interface Version {
  readonly value: number;
  readonly index: number;
}

interface State {
  index: number;
  term: number;
  hash: string;
  registers: Record<string, Version>;
}

const EMPTY: State = { index: 0, term: 0, hash: '', registers: {} };

/** The part of a state machine that survives crashes: what its own storage has made durable. */
export interface DurableCell {
  json: string;
}

export function newCell(): DurableCell {
  return { json: JSON.stringify(EMPTY) };
}

export function encodeWrite(write: Write): Uint8Array {
  return Buffer.from(JSON.stringify(write));
}

export interface AppliedFact {
  readonly index: number;
  readonly term: number;
  readonly hash: string;
  readonly write: Write | undefined;
}

export interface RegistersOptions {
  readonly cell: DurableCell;
  /** Told of every entry as it is applied, and of every state taken over from a snapshot. */
  onApplied(fact: AppliedFact): void;
  onInstalled?(): void;
}

export class Registers implements StateMachine {
  readonly #options: RegistersOptions;
  #state: State;
  #durableIndex: number;
  readonly #waiting = new Map<number, (version: Version) => void>();

  constructor(options: RegistersOptions) {
    this.#options = options;
    this.#state = JSON.parse(options.cell.json);
    this.#durableIndex = this.#state.index;
  }

  /** Makes the present state durable, as a real one does from time to time. */
  flush(): void {
    this.#options.cell.json = JSON.stringify(this.#state);
    this.#durableIndex = this.#state.index;
  }

  /** Tells where a write was applied, once it is, in this life (not when it comes with a snapshot). */
  whenApplied(value: number, told: (version: Version) => void): void {
    this.#waiting.set(value, told);
  }

  read(key: string): Version | undefined {
    return this.#state.registers[key];
  }

  get hash(): string {
    return this.#state.hash;
  }

  durableIndex(): LogIndex {
    return BigInt(this.#durableIndex);
  }

  apply(entries: readonly CommittedEntry[]): void {
    for (const entry of entries) this.#applyOne(entry);
  }

  #applyOne(entry: CommittedEntry): void {
    const index = Number(entry.index);
    const term = Number(entry.term);
    if (index !== this.#state.index + 1) {
      throw new Error(`entry ${index} applied after ${this.#state.index}`);
    }
    const text = `${this.#state.hash}|${index}|${term}|${entry.kind}|`;
    this.#state.hash = createHash('sha1').update(text).update(entry.data).digest('hex');
    this.#state.index = index;
    this.#state.term = term;
    let write: Write | undefined;
    if (entry.kind === 'normal' && entry.data.byteLength > 0) {
      write = JSON.parse(Buffer.from(entry.data).toString('utf8'));
    }
    if (write !== undefined) {
      const version = { value: write.value, index };
      this.#state.registers[write.key] = version;
      this.#waiting.get(write.value)?.(version);
      this.#waiting.delete(write.value);
    }
    this.#options.onApplied({ index, term, hash: this.#state.hash, write });
  }

  async openSnapshot(): Promise<{ meta: SnapshotMeta; chunks: AsyncIterable<Uint8Array> }> {
    const { index, term } = this.#state;
    const bytes = Buffer.from(JSON.stringify(this.#state));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1024) yield bytes.subarray(at, at + 1024);
    }
    const meta = { index: BigInt(index), term: BigInt(term), members: [] };
    return { meta, chunks: chunks() };
  }

  async installSnapshot(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const state: State = JSON.parse(Buffer.concat(parts).toString('utf8'));
    if (BigInt(state.index) !== meta.index) throw new Error('the snapshot is of another index');
    this.#state = state;
    this.flush();
    this.#options.onInstalled?.();
    const { index, term, hash } = state;
    this.#options.onApplied({ index, term, hash, write: undefined });
  }
}
