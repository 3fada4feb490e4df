/** Between the plain values of a history and the messages of the etcd v3 API. */
import type {
  DeleteRangeResponse,
  Event,
  KeyValue,
  PutResponse,
  RangeResponse,
  TxnResponse,
} from '@kubets/etcd/codec';
import type {
  Condition,
  Kv,
  Outcome,
  Request,
  Step,
  StepResult,
  WatchEvent,
} from '@kubets/etcd/testing';
import { ChaosError } from '../errors.ts';
import type { EtcdCaller } from './etcd-caller.ts';

const RESULTS = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
const TARGETS = { version: 0, create: 1, mod: 2, value: 3 } as const;
const FIELDS = {
  ...{ version: 'version', create: 'createRevision', mod: 'modRevision', value: 'value' },
} as const;

function kvOf(kv: KeyValue): Kv {
  return {
    key: kv.key.toString('latin1'),
    value: kv.value.toString('latin1'),
    create: Number(kv.createRevision),
    mod: Number(kv.modRevision),
    version: Number(kv.version),
    lease: String(kv.lease),
  };
}

const maybe = (kv: KeyValue | undefined): Kv | null => (kv === undefined ? null : kvOf(kv));
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export function eventOf({ type, kv, prevKv }: Event): WatchEvent {
  if (kv === undefined) throw new ChaosError('a member sent an event without a key');
  return { type: type === 1 ? 'delete' : 'put', kv: kvOf(kv), prev: maybe(prevKv) };
}

function fieldsOf(step: Step): object {
  const key = bytes(step.key);
  if (step.type === 'put') {
    const { prevKv } = step;
    return { key, value: bytes(step.value), lease: BigInt(step.lease), prevKv };
  }
  const rangeEnd = bytes(step.end);
  if (step.type === 'delete') return { key, rangeEnd, prevKv: step.prevKv };
  return { key, rangeEnd, revision: BigInt(step.revision) };
}

function opOf(step: Step): object {
  const fields = fieldsOf(step);
  if (step.type === 'put') return { requestPut: fields };
  return step.type === 'delete' ? { requestDeleteRange: fields } : { requestRange: fields };
}

function compareOf({ key, target, result, operand }: Condition): object {
  const value = typeof operand === 'string' ? bytes(operand) : BigInt(operand);
  const base = { result: RESULTS[result], target: TARGETS[target] };
  return { ...base, key: bytes(key), [FIELDS[target]]: value };
}

const putResult = ({ prevKv }: PutResponse): StepResult => ({ type: 'put', prev: maybe(prevKv) });
const deleteResult = ({ deleted, prevKvs }: DeleteRangeResponse): StepResult => ({
  ...{ type: 'delete', deleted: Number(deleted), prevs: prevKvs.map(kvOf) },
});
const rangeResult = ({ kvs, count }: RangeResponse): StepResult => ({
  ...{ type: 'range', kvs: kvs.map(kvOf), count: Number(count) },
});

function txnResults({ responses }: TxnResponse): StepResult[] {
  return responses.map(({ responsePut, responseDeleteRange, responseRange }) => {
    if (responsePut !== undefined) return putResult(responsePut);
    if (responseDeleteRange !== undefined) return deleteResult(responseDeleteRange);
    if (responseRange !== undefined) return rangeResult(responseRange);
    throw new ChaosError('a member sent a step of a transaction without an answer');
  });
}

type Headed = { readonly header?: { readonly revision: bigint } | undefined };
const revisionOf = ({ header }: Headed): number => Number(header?.revision ?? 0n);

/** Sends a request, once. @throws CallFailed */
export async function send(
  caller: EtcdCaller,
  request: Request,
  options: { readonly serializable: boolean; readonly timeoutMs: number },
): Promise<Outcome> {
  const { timeoutMs, serializable } = options;
  if (request.type === 'txn') {
    const message = {
      compare: request.compare.map(compareOf),
      success: request.success.map(opOf),
      failure: request.failure.map(opOf),
    };
    const answer = await caller.call<TxnResponse>('KV', 'Txn', message, timeoutMs);
    const { succeeded } = answer;
    const result = { type: 'txn', succeeded, results: txnResults(answer) } as const;
    return { type: 'ok', revision: revisionOf(answer), result };
  }
  if (request.type === 'put') {
    const answer = await caller.call<PutResponse>('KV', 'Put', fieldsOf(request), timeoutMs);
    return { type: 'ok', revision: revisionOf(answer), result: putResult(answer) };
  }
  if (request.type === 'delete') {
    const message = fieldsOf(request);
    const answer = await caller.call<DeleteRangeResponse>('KV', 'DeleteRange', message, timeoutMs);
    return { type: 'ok', revision: revisionOf(answer), result: deleteResult(answer) };
  }
  if (request.type === 'range') {
    const message = { ...fieldsOf(request), serializable };
    const answer = await caller.call<RangeResponse>('KV', 'Range', message, timeoutMs);
    return { type: 'ok', revision: revisionOf(answer), result: rangeResult(answer) };
  }
  if (request.type === 'revoke') {
    const message = { ID: BigInt(request.lease) };
    const answer = await caller.call<Headed>('Lease', 'LeaseRevoke', message, timeoutMs);
    return { type: 'ok', revision: revisionOf(answer), result: { type: 'done' } };
  }
  throw new ChaosError(`requests of type ${request.type} are not sent this way`);
}
