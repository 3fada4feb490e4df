/** Writes down what clients ask and are told. Everything the workloads do goes through here. */
import type { Operation, Outcome, Request, WatchMessage, WatchRecord } from '@kubets/etcd/testing';
import { ChaosError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LeaseRecord } from '../ports.ts';
import { CallFailed, type EtcdCaller } from './etcd-caller.ts';
import { eventOf, send } from './messages.ts';

const WATCHED = { key: 'a', end: 'z' } as const;

export interface WatchOptions {
  readonly start: number;
  readonly prevKv: boolean;
  /** Every revision up to here, and nobody asks for more. */
  onReached(revision: number): void;
  onEnd(): void;
}

export class Recorder {
  readonly operations: Operation[] = [];
  readonly watches: WatchRecord[] = [];
  readonly leases: LeaseRecord[] = [];
  readonly seenMs = new Map<number, number>();
  /** The newest revision any answer or event has told of. */
  newest = 1;
  /** Called with each acknowledged write. */
  onWrite: ((begunMs: number, endedMs: number) => void) | undefined;

  /** @returns what is known of the request; `unknown` and `not-sent` leave it open or have had no effect */
  async perform(
    caller: EtcdCaller,
    request: Request,
    options: { readonly serializable?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<Outcome> {
    const { serializable = false, timeoutMs = LIMITS.requestMs } = options;
    if (this.operations.length >= LIMITS.operations) throw new ChaosError('the history is full');
    const operation: Operation = {
      ...{ request, serializable, begunMs: performance.now() },
      ...{ endedMs: Number.POSITIVE_INFINITY, outcome: { type: 'unknown' } },
    };
    this.operations.push(operation);
    try {
      operation.outcome = await send(caller, request, { serializable, timeoutMs });
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (error.fate === 'unknown') return operation.outcome;
      const why = error.fate === 'not-sent' ? 'not sent' : error.kind;
      operation.outcome = { type: 'refused', why };
    }
    operation.endedMs = performance.now();
    const { outcome, begunMs, endedMs } = operation;
    if (outcome.type === 'ok') {
      this.newest = Math.max(this.newest, outcome.revision);
      if (request.type !== 'range') this.onWrite?.(begunMs, endedMs);
    }
    return outcome;
  }

  /** Opens a watcher of everything, a stream of its own. @returns ends it */
  watch(caller: EtcdCaller, { start, prevKv, onReached, onEnd }: WatchOptions): () => void {
    const messages: WatchMessage[] = [];
    const { key, end } = WATCHED;
    const record: WatchRecord = {
      ...{ key, end, start, prevKv, noPut: false, noDelete: false, messages, mustReach: 0 },
    };
    this.watches.push(record);
    const create = {
      ...{ key: Buffer.from(key), rangeEnd: Buffer.from(end), startRevision: BigInt(start) },
      prevKv,
    };
    return caller.watch(create, {
      onMessage: (message) => {
        const nowMs = performance.now();
        if (message.events.length === 0) return;
        const events = message.events.map(eventOf);
        messages.push({ type: 'events', events });
        for (const { kv } of events) {
          if (!this.seenMs.has(kv.mod)) this.seenMs.set(kv.mod, nowMs);
          this.newest = Math.max(this.newest, kv.mod);
        }
        onReached(events.at(-1)?.kv.mod ?? 0);
      },
      onEnd,
    });
  }
}
