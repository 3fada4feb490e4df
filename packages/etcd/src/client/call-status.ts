/** How a gRPC call ended, by the header fields of its answer (gRPC over HTTP/2, "Responses"). */

import type { HeaderFields } from '@kubets/platform/http2';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { decodeStatusMessage } from '../server/frames.ts';

/** What is wrong with an answer's HTTP status; undefined for none, success, and interim answers. */
export function errorOfStatus(status: string | undefined): EtcdError | undefined {
  if (status === undefined || status === '200' || status.startsWith('1')) return undefined;
  return statusError(CODE.unavailable, `an answer with HTTP status ${status}`);
}

/** The error in the fields that hold the status; undefined when the call went well. */
export function errorOfAnswer(fields: HeaderFields | undefined): EtcdError | undefined {
  const code = Number(fields?.['grpc-status'] ?? CODE.unavailable);
  if (code === CODE.ok) return undefined;
  const text = fields?.['grpc-message'];
  const missing = 'the call ended without a status';
  return EtcdError.fromWire(code, text === undefined ? missing : decodeStatusMessage(text));
}
