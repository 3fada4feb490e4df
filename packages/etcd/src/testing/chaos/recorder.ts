/** Clients of real members whose every request and answer is kept, in the form the checkers take. */
import { delay, systemRandom } from '@kubets/platform';
import {
  AmbiguousError,
  type WatchEvent as ClientEvent,
  EtcdClient,
  EtcdError,
  type TxnResult,
  type TxnStep,
} from '../../client/index.ts';
import type {
  Operation,
  Outcome,
  Request,
  Result,
  StepResult,
  WatchEvent,
  WatchRecord,
} from '../store/history.ts';
import { Traffic } from '../store/traffic.ts';
import { compareOf, kvOf, opOf } from '../store/values.ts';

const TIMEOUT_MS = 3_000;
const PAUSE_MS = 30;
const TTL_SECONDS = 2;
/** Refusals after which the write may have happened. */
const UNKNOWN = new Set(['timeout', 'stopped', 'other']);

type Answer = { readonly revision: bigint };

export class Recorder {
  readonly operations: Operation[] = [];
  readonly watches: WatchRecord[] = [];
  readonly #traffic = new Traffic(systemRandom);
  readonly #clients: EtcdClient[] = [];
  readonly #endpoints: readonly string[];
  #loops: Promise<void>[] = [];
  #revision = 1;
  #stopped = false;

  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints;
  }

  #client(endpoints: readonly string[]): EtcdClient {
    const client = new EtcdClient({ endpoints, requestTimeoutMs: TIMEOUT_MS });
    this.#clients.push(client);
    return client;
  }

  /** Starts traffic of so many clients, and a watcher of everything at each member. */
  start(clients: number): void {
    for (const endpoint of this.#endpoints) this.watch([endpoint]);
    for (let n = 0; n < clients; n += 1) this.#loops.push(this.#loop());
  }

  /** Watches everything from the first revision on. */
  watch(endpoints: readonly string[]): WatchRecord {
    const record: WatchRecord = {
      ...{ key: 'a', end: 'z', start: 1, prevKv: true, noPut: false, noDelete: false },
      ...{ messages: [], mustReach: 0 },
    };
    this.watches.push(record);
    const key = Buffer.from(record.key);
    const rangeEnd = Buffer.from(record.end);
    const watched = { key, rangeEnd, startRevision: 1n, prevKv: true, progressNotify: true };
    this.#client(endpoints).watch(watched, {
      onEvents: (events) => {
        record.messages.push({ type: 'events', events: events.map(eventOf) });
      },
      onProgress: (revision) => {
        record.messages.push({ type: 'progress', revision: Number(revision), own: false });
      },
      onCompacted: (revision) => {
        record.messages.push({ type: 'compacted', compactRevision: Number(revision) });
      },
      onError: (error) => {
        throw error;
      },
    });
    return record;
  }

  async #loop(): Promise<void> {
    const client = this.#client(this.#endpoints);
    while (!this.#stopped) {
      const request = this.#traffic.next(this.#revision);
      if (request.type === 'compact' || request.type === 'renew') continue;
      await this.#perform(client, request);
      await delay(PAUSE_MS);
    }
  }

  async #perform(client: EtcdClient, request: Request): Promise<void> {
    const begunMs = performance.now();
    const outcome: Outcome = { type: 'unknown' };
    const endedMs = Number.POSITIVE_INFINITY;
    const operation: Operation = { request, serializable: false, begunMs, endedMs, outcome };
    this.operations.push(operation);
    operation.outcome = await send(client, request).catch(outcomeOf);
    if (operation.outcome.type === 'unknown') return;
    operation.endedMs = performance.now();
    if (operation.outcome.type !== 'ok') return;
    this.#revision = Math.max(this.#revision, operation.outcome.revision);
  }

  /** A write that was begun after a time and acknowledged; undefined when there is none yet. */
  firstWriteAfter(ms: number): Operation | undefined {
    let first: Operation | undefined;
    for (const operation of this.operations.slice(-500)) {
      const { request, begunMs, endedMs, outcome } = operation;
      if (begunMs < ms || outcome.type !== 'ok' || request.type === 'range') continue;
      if (first === undefined || endedMs < first.endedMs) first = operation;
    }
    return first;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#loops = [];
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

function outcomeOf(err: unknown): Outcome {
  if (!(err instanceof EtcdError)) throw err;
  if (err instanceof AmbiguousError || UNKNOWN.has(err.kind)) return { type: 'unknown' };
  return { type: 'refused', why: err.kind };
}

function eventOf({ type, kv, prevKv }: ClientEvent): WatchEvent {
  return { type, kv: kvOf(kv), prev: prevKv === undefined ? null : kvOf(prevKv) };
}

function stepResult(step: TxnStep): StepResult {
  if (step.type === 'put') {
    return { type: 'put', prev: step.prevKv === undefined ? null : kvOf(step.prevKv) };
  }
  if (step.type === 'delete') {
    const { deleted, prevKvs } = step;
    return { type: 'delete', deleted: Number(deleted), prevs: prevKvs.map(kvOf) };
  }
  if (step.type === 'range') {
    return { type: 'range', kvs: step.kvs.map(kvOf), count: Number(step.count) };
  }
  throw new Error('no transactions within transactions were sent');
}

function ok({ revision }: Answer, result: Result): Outcome {
  return { type: 'ok', revision: Number(revision), result };
}

async function send(client: EtcdClient, request: Request): Promise<Outcome> {
  if (request.type === 'txn') {
    const answer: TxnResult = await client.txn({
      compare: request.compare.map((one) => compareOf(one) as never),
      success: request.success.map(opOf),
      failure: request.failure.map(opOf),
    });
    const { succeeded } = answer;
    return ok(answer, { type: 'txn', succeeded, results: answer.responses.map(stepResult) });
  }
  if (request.type === 'put') {
    const { prevKv } = request;
    const options = { lease: BigInt(request.lease), prevKv };
    const value = Buffer.from(request.value);
    const answer = await client.put(Buffer.from(request.key), value, options);
    return ok(answer, stepResult({ type: 'put', ...answer }));
  }
  if (request.type === 'delete') {
    const { prevKv } = request;
    const options = { rangeEnd: Buffer.from(request.end), prevKv };
    const answer = await client.delete(Buffer.from(request.key), options);
    return ok(answer, stepResult({ type: 'delete', ...answer }));
  }
  if (request.type === 'range') return sendRange(client, request);
  return sendLease(client, request);
}

async function sendRange(
  client: EtcdClient,
  { key, end, revision: at }: Extract<Request, { type: 'range' }>,
): Promise<Outcome> {
  const options = at > 0 ? { revision: BigInt(at) } : {};
  if (end === '') {
    const { kv, count, revision } = await client.get(Buffer.from(key), options);
    const kvs = kv === undefined ? [] : [kvOf(kv)];
    return ok({ revision }, { type: 'range', kvs, count: Number(count) });
  }
  const answer = await client.range(Buffer.from(key), Buffer.from(end), options);
  return ok(answer, stepResult({ type: 'range', ...answer }));
}

/** The client does not tell revisions of leases: what they did is seen by their keys. */
async function sendLease(client: EtcdClient, request: Request): Promise<Outcome> {
  if (request.type === 'grant') await client.leaseGrant(TTL_SECONDS, BigInt(request.lease));
  else if (request.type === 'revoke') await client.leaseRevoke(BigInt(request.lease));
  return { type: 'unknown' };
}
