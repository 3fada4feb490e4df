/** Clients of the simulated store: each request goes to one member and is remembered with its answer, or that there was none. */

import { type Loose, messageType } from '../../codec/index.ts';
import { EtcdError } from '../../errors.ts';
import type { Life } from '../sim/cluster.ts';
import type { StoreCluster, StorePart } from './cluster.ts';
import type { Operation, Outcome, Request, Result } from './history.ts';
import { Traffic } from './traffic.ts';
import { answerOf, fieldsOf, roundTrip, txnOf } from './values.ts';

const PATIENCE_MS = 10_000;
/** Refusals that say nothing of whether the write happened. */
const UNKNOWN = new Set(['timeout', 'stopped']);
const TTL_SECONDS = 2n;

interface Answer {
  readonly revision: number;
  readonly result: Result;
}

type Header = { readonly header?: { readonly revision: bigint } | undefined };

function revisionOf({ header }: Header): number {
  return Number(header?.revision ?? 0n);
}

export class Clients {
  readonly operations: Operation[] = [];
  readonly traffic: Traffic;
  readonly #cluster: StoreCluster;
  /** The highest revision a compaction was asked for. */
  compactedUpTo = 0;

  constructor(cluster: StoreCluster) {
    this.#cluster = cluster;
    this.traffic = new Traffic(cluster.random);
  }

  /** The newest revision anybody has seen. */
  get revision(): number {
    return Math.max(1, this.#cluster.agreed.revisions.size + 1);
  }

  /** Sends a random request to a random member that serves. */
  step(): void {
    const { random, lives } = this.#cluster;
    const life = lives[random.int(lives.length)];
    if (life === undefined) return;
    const serializable = random.int(5) === 0;
    void this.send(life, this.traffic.next(this.revision), serializable);
  }

  /** @returns whether it was acknowledged */
  async send(life: Life<StorePart>, request: Request, serializable = false): Promise<boolean> {
    const { loop } = this.#cluster;
    const operation: Operation = {
      request,
      serializable: serializable && request.type === 'range',
      begunMs: loop.nowMs,
      endedMs: Number.POSITIVE_INFINITY,
      outcome: { type: 'unknown' },
    };
    this.operations.push(operation);
    if (request.type === 'compact') {
      this.compactedUpTo = Math.max(this.compactedUpTo, request.revision);
    }
    const outcome = await this.#within(life, operation);
    if (outcome.type === 'unknown') return false;
    operation.outcome = outcome;
    operation.endedMs = loop.nowMs;
    return outcome.type === 'ok';
  }

  #within(life: Life<StorePart>, operation: Operation): Promise<Outcome> {
    const answer = this.#perform(life, operation).then(
      ({ revision, result }): Outcome => ({ type: 'ok', revision, result }),
      (err: unknown) => this.#outcomeOf(err),
    );
    const lost: Outcome = { type: 'unknown' };
    return new Promise((resolve) => {
      this.#cluster.loop.schedule(PATIENCE_MS, () => resolve(lost));
      // The answer of a process that has died does not arrive.
      answer.then((outcome) => resolve(life.alive ? outcome : lost), resolve);
    });
  }

  #outcomeOf(err: unknown): Outcome {
    if (!(err instanceof EtcdError)) {
      this.#cluster.fail(err);
      return { type: 'unknown' };
    }
    if (UNKNOWN.has(err.kind)) return { type: 'unknown' };
    return { type: 'refused', why: err.kind };
  }

  async #perform({ part }: Life<StorePart>, operation: Operation): Promise<Answer> {
    const { kv, proposer } = part;
    const { request, serializable } = operation;
    if (kv === undefined || proposer === undefined) throw new Error('the member does not serve');
    if (request.type === 'grant') {
      const grant = { ID: BigInt(request.lease), TTL: TTL_SECONDS };
      const { revision, outcome } = await proposer.propose('lease', { leaseGrant: grant });
      return { revision, result: { type: 'lease', ttlMs: outcome.lease.ttlSeconds * 1000 } };
    }
    if (request.type === 'renew') {
      const leaseRenew = { ID: BigInt(request.lease) };
      const { revision, outcome } = await proposer.propose('lease', { leaseRenew });
      return { revision, result: { type: 'lease', ttlMs: outcome.lease.ttlSeconds * 1000 } };
    }
    if (request.type === 'revoke') {
      const leaseRevoke = { ID: BigInt(request.lease) };
      const { revision } = await proposer.propose('done', { leaseRevoke });
      return { revision, result: { type: 'done' } };
    }
    return this.#performKv(kv, request, serializable);
  }

  async #performKv(
    kv: NonNullable<StorePart['kv']>,
    request: Exclude<Request, { type: 'grant' | 'renew' | 'revoke' }>,
    serializable: boolean,
  ): Promise<Answer> {
    if (request.type === 'put') {
      const [message, info] = incoming('PutRequest', fieldsOf(request));
      const answer = roundTrip('PutResponse', await kv.put(message as never, info));
      return { revision: revisionOf(answer as Header), result: answerOf.put(answer as never) };
    }
    if (request.type === 'delete') {
      const [message, info] = incoming('DeleteRangeRequest', fieldsOf(request));
      const answer = roundTrip('DeleteRangeResponse', await kv.deleteRange(message as never, info));
      return { revision: revisionOf(answer as Header), result: answerOf.delete(answer as never) };
    }
    if (request.type === 'range') {
      const [message] = incoming('RangeRequest', { ...fieldsOf(request), serializable });
      const answer = roundTrip('RangeResponse', await kv.range(message as never));
      return { revision: revisionOf(answer as Header), result: answerOf.range(answer as never) };
    }
    if (request.type === 'compact') {
      const [message, info] = incoming('CompactionRequest', { revision: request.revision });
      const answer = roundTrip('CompactionResponse', await kv.compact(message as never, info));
      return { revision: revisionOf(answer as Header), result: { type: 'done' } };
    }
    const [message, info] = incoming('TxnRequest', txnOf(request) as object);
    const answer = roundTrip('TxnResponse', await kv.txn(message as never, info));
    const { succeeded } = answer as { succeeded: boolean };
    const results = answerOf.txn(answer as never);
    return { revision: revisionOf(answer as Header), result: { type: 'txn', succeeded, results } };
  }
}

/** A request as the door hands it over: decoded, and the bytes it came in. */
function incoming(name: string, fields: object) {
  const type = messageType<object>(`etcdserverpb.${name}`);
  const raw = type.encode(fields as Loose<object>);
  return [type.decode(raw), { raw, onClose: () => undefined }] as const;
}
