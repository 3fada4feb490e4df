/** The requests of the etcd v3 API the bench makes, as frames ready to send. Field numbers are those of its `rpc.proto`. */
import { bytesField, frame, numberField } from '../wire.ts';

/** A method and what is sent to it. */
export interface Request {
  readonly path: string;
  readonly body: Buffer;
}

export const VALUE: Buffer = Buffer.alloc(256, 'v');
/** The one key the load works on. */
export const KEY = 'bench/key-0000000001';

const RANGE_PATH = '/etcdserverpb.KV/Range';

function putMessage(key: string): Buffer {
  return Buffer.concat([bytesField(1, key), bytesField(2, VALUE)]);
}

export function put(key: string = KEY): Request {
  return { path: '/etcdserverpb.KV/Put', body: frame(putMessage(key)) };
}

/** Several puts in one transaction. */
export function putAll(keys: readonly string[]): Request {
  const steps = keys.map((key) => bytesField(2, bytesField(2, putMessage(key))));
  return { path: '/etcdserverpb.KV/Txn', body: frame(Buffer.concat(steps)) };
}

export function range(options: { readonly serializable?: boolean } = {}): Request {
  const serializable = options.serializable ? numberField(7, 1) : Buffer.alloc(0);
  return { path: RANGE_PATH, body: frame(Buffer.concat([bytesField(1, KEY), serializable])) };
}

/** Keys in `[from, to)`. */
export function rangeOf(from: string | Buffer, to: string, limit: number): Request {
  const fields = [bytesField(1, from), bytesField(2, to)];
  if (limit > 0) fields.push(numberField(3, limit));
  return { path: RANGE_PATH, body: frame(Buffer.concat(fields)) };
}

/** Gives up the history before a revision. */
export function compact(revision: number): Request {
  return { path: '/etcdserverpb.KV/Compact', body: frame(numberField(1, revision)) };
}

/** A message for a watch stream: watch this key from now on. */
export function watchKey(key: string): Buffer {
  return frame(bytesField(1, bytesField(1, key)));
}

/** The same for all keys in `[from, to)`. */
export function watchRange(from: string, to: string): Buffer {
  return frame(bytesField(1, Buffer.concat([bytesField(1, from), bytesField(2, to)])));
}

export const WATCH_PATH = '/etcdserverpb.Watch/Watch';
export const STATUS: Request = {
  path: '/etcdserverpb.Maintenance/Status',
  body: frame(Buffer.alloc(0)),
};
