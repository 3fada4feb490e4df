/** Between the plain values of a history and the messages of the wire. */
import {
  type DeleteRangeResponse,
  type Event,
  type KeyValue,
  type Loose,
  messageType,
  type PutResponse,
  type RangeResponse,
  type RequestOp,
  type TxnRequest,
  type TxnResponse,
  type WatchResponse,
} from '../../codec/index.ts';
import { FrameReader } from '../../server/frames.ts';
import { framesForEach } from '../../server/shared-frames.ts';
import type { SharedMessage } from '../../watch/index.ts';
import type { Condition, Kv, Step, StepResult, Txn, WatchEvent } from './history.ts';

const RESULTS = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
const TARGETS = { version: 0, create: 1, mod: 2, value: 3 } as const;

/** A message as its receiver would have it. */
export function roundTrip<T>(name: string, message: Loose<T>): T {
  const type = messageType<T>(`etcdserverpb.${name}`);
  return type.decode(type.encode(message));
}

const WATCH_RESPONSE = messageType<WatchResponse>('etcdserverpb.WatchResponse');

/** The messages several watchers of a stream are sent together, as their receiver would have them. */
export function messagesForEach(message: SharedMessage, ids: readonly bigint[]): WatchResponse[] {
  const reader = new FrameReader(Number.POSITIVE_INFINITY);
  return reader.push(framesForEach(message, ids)).map((bytes) => WATCH_RESPONSE.decode(bytes));
}

export function kvOf(kv: Readonly<KeyValue>): Kv {
  return {
    key: kv.key.toString('latin1'),
    value: kv.value.toString('latin1'),
    create: Number(kv.createRevision),
    mod: Number(kv.modRevision),
    version: Number(kv.version),
    lease: String(kv.lease),
  };
}

function maybe(kv: KeyValue | undefined): Kv | null {
  return kv === undefined ? null : kvOf(kv);
}

export function eventOf({ type, kv, prevKv }: Event): WatchEvent {
  if (kv === undefined) throw new Error('an event without a key');
  return { type: type === 1 ? 'delete' : 'put', kv: kvOf(kv), prev: maybe(prevKv) };
}

/** A step as a request's fields. */
export function fieldsOf(step: Step): object {
  const key = Buffer.from(step.key, 'latin1');
  if (step.type === 'put') {
    const { prevKv } = step;
    return { key, value: Buffer.from(step.value, 'latin1'), lease: BigInt(step.lease), prevKv };
  }
  const rangeEnd = Buffer.from(step.end, 'latin1');
  if (step.type === 'delete') return { key, rangeEnd, prevKv: step.prevKv };
  return { key, rangeEnd, revision: BigInt(step.revision) };
}

export function opOf(step: Step): Loose<RequestOp> {
  const fields = fieldsOf(step) as never;
  if (step.type === 'put') return { requestPut: fields };
  return step.type === 'delete' ? { requestDeleteRange: fields } : { requestRange: fields };
}

export function compareOf({ key, target, result, operand }: Condition): object {
  const fields = { create: 'createRevision', mod: 'modRevision' } as const;
  const field = target === 'create' || target === 'mod' ? fields[target] : target;
  const value = typeof operand === 'string' ? Buffer.from(operand, 'latin1') : BigInt(operand);
  const base = { result: RESULTS[result], target: TARGETS[target] };
  return { ...base, key: Buffer.from(key, 'latin1'), [field]: value };
}

export function txnOf(txn: Txn): Loose<TxnRequest> {
  return {
    compare: txn.compare.map((condition) => compareOf(condition) as never),
    success: txn.success.map(opOf),
    failure: txn.failure.map(opOf),
  };
}

export const answerOf = {
  put: ({ prevKv }: PutResponse): StepResult => ({ type: 'put', prev: maybe(prevKv) }),
  delete: ({ deleted, prevKvs }: DeleteRangeResponse): StepResult => ({
    type: 'delete',
    deleted: Number(deleted),
    prevs: prevKvs.map(kvOf),
  }),
  range: ({ kvs, count }: RangeResponse): StepResult => ({
    type: 'range',
    kvs: kvs.map(kvOf),
    count: Number(count),
  }),
  txn: ({ responses }: TxnResponse): StepResult[] =>
    responses.map(({ responsePut, responseDeleteRange, responseRange }) => {
      if (responsePut !== undefined) return answerOf.put(responsePut);
      if (responseDeleteRange !== undefined) return answerOf.delete(responseDeleteRange);
      if (responseRange !== undefined) return answerOf.range(responseRange);
      throw new Error('a step without an answer');
    }),
};
