/** What clients asked and were told, in plain values: the checkers know nothing of the code that made it. */

/** A key's version. Revisions are numbers, a lease is its id in decimal, `0` for none. */
export interface Kv {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: string;
}

/** One change of one key. A deletion has empty values and zeros. */
export interface Change {
  readonly type: 'put' | 'delete';
  readonly kv: Kv;
}

export type Step =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: string;
      readonly lease: string;
      readonly prevKv: boolean;
    }
  /** `end` empty: the one key. */
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly end: string;
      readonly prevKv: boolean;
    }
  /** `revision` 0: the newest. */
  | {
      readonly type: 'range';
      readonly key: string;
      readonly end: string;
      readonly revision: number;
    };

export interface Condition {
  readonly key: string;
  readonly target: 'version' | 'create' | 'mod' | 'value';
  readonly result: '=' | '!=' | '<' | '>';
  readonly operand: string | number;
}

export interface Txn {
  readonly type: 'txn';
  readonly compare: readonly Condition[];
  readonly success: readonly Step[];
  readonly failure: readonly Step[];
}

export type Request =
  | Step
  | Txn
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'grant'; readonly lease: string }
  | { readonly type: 'renew'; readonly lease: string }
  | { readonly type: 'revoke'; readonly lease: string };

export type StepResult =
  | { readonly type: 'put'; readonly prev: Kv | null }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevs: readonly Kv[] }
  | { readonly type: 'range'; readonly kvs: readonly Kv[]; readonly count: number };

export type Result =
  | StepResult
  | { readonly type: 'txn'; readonly succeeded: boolean; readonly results: readonly StepResult[] }
  | { readonly type: 'done' }
  /** `ttlMs` is what the store granted. */
  | { readonly type: 'lease'; readonly ttlMs: number };

export type Outcome =
  | { readonly type: 'ok'; readonly revision: number; readonly result: Result }
  /** It has certainly had no effect. */
  | { readonly type: 'refused'; readonly why: string }
  | { readonly type: 'unknown' };

export interface Operation {
  readonly request: Request;
  /** The read may be stale. */
  readonly serializable: boolean;
  readonly begunMs: number;
  /** Infinity while it is not answered. */
  endedMs: number;
  outcome: Outcome;
}

export type WatchMessage =
  | { readonly type: 'events'; readonly events: readonly WatchEvent[] }
  /** `own`: told to this watcher alone, not to all of its stream. */
  | { readonly type: 'progress'; readonly revision: number; readonly own: boolean }
  | { readonly type: 'compacted'; readonly compactRevision: number };

export interface WatchEvent extends Change {
  readonly prev: Kv | null;
}

/** One watcher on one stream, from its creation to the end of the stream. */
export interface WatchRecord {
  readonly key: string;
  readonly end: string;
  /** The first revision it is to see. */
  readonly start: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly messages: WatchMessage[];
  /** Everything up to this revision had its chance to arrive; 0 when the stream broke. */
  mustReach: number;
}

/** Something that must never happen has happened. */
export class HistoryViolation extends Error {
  override readonly name = 'HistoryViolation';
}

export function within(key: string, from: string, end: string): boolean {
  return end === '' ? key === from : key >= from && key < end;
}
