import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { TransportError } from '../errors.ts';
import { decodeObject, encodeObject, errorOf, STATUS_TRAILER } from './wire.ts';

function failed(code: status, trailer?: string | Buffer): ServiceError {
  const metadata = new Metadata();
  if (trailer !== undefined) metadata.set(STATUS_TRAILER, Buffer.from(trailer));
  return Object.assign(new Error('1 X: what'), { code, details: 'what', metadata });
}

describe('errorOf', () => {
  const plain: [status, code: number, reason: string][] = [
    [status.NOT_FOUND, 404, 'NotFound'],
    [status.ALREADY_EXISTS, 409, 'AlreadyExists'],
    [status.ABORTED, 409, 'Conflict'],
    [status.PERMISSION_DENIED, 403, 'Forbidden'],
    [status.UNAUTHENTICATED, 401, 'Unauthorized'],
    [status.OUT_OF_RANGE, 410, 'Expired'],
    [status.RESOURCE_EXHAUSTED, 429, 'TooManyRequests'],
    [status.INVALID_ARGUMENT, 400, 'BadRequest'],
    [status.UNIMPLEMENTED, 405, 'MethodNotAllowed'],
  ];
  for (const [code, http, reason] of plain) {
    it(`${status[code]} without a Status is ${http} ${reason}`, () => {
      const error = errorOf(failed(code), true);
      assert.deepEqual([error.code, error.reason, error.message], [http, reason, 'what']);
      assert.ok(!(error instanceof TransportError));
    });
  }

  it('is the Status the server sent', () => {
    const sent = {
      kind: 'Status',
      status: 'Failure',
      code: 422,
      reason: 'Invalid',
      message: 'bad name',
    };
    const error = errorOf(failed(status.INVALID_ARGUMENT, JSON.stringify(sent)), true);
    assert.deepEqual([error.code, error.reason, error.message], [422, 'Invalid', 'bad name']);
  });

  it('falls back to the code when the Status is no JSON', () => {
    assert.equal(errorOf(failed(status.NOT_FOUND, 'garbage'), false).reason, 'NotFound');
  });

  const transport: [status, write: boolean, reason: string][] = [
    [status.UNAVAILABLE, true, 'ServiceUnavailable'],
    [status.UNAVAILABLE, false, 'ServiceUnavailable'],
    [status.DEADLINE_EXCEEDED, true, 'Timeout'],
    [status.INTERNAL, false, 'ServiceUnavailable'],
    [status.CANCELLED, false, 'ServiceUnavailable'],
  ];
  for (const [code, write, reason] of transport) {
    it(`${status[code]} of a ${write ? 'write' : 'read'} is a transport failure`, () => {
      const error = errorOf(failed(code), write);
      assert.ok(error instanceof TransportError);
      assert.deepEqual([error.ambiguous, error.reason], [write, reason]);
    });
  }

  it('takes an apiserver that says it is unavailable for none at all', () => {
    const sent = { kind: 'Status', code: 503, reason: 'ServiceUnavailable', message: 'draining' };
    const error = errorOf(failed(status.UNAVAILABLE, JSON.stringify(sent)), false);
    assert.ok(error instanceof TransportError);
  });
});

describe('objects', () => {
  it('come back as they were sent', () => {
    const object = { metadata: { name: 'größe', labels: {} }, list: [1, null, 'x'] };
    assert.deepEqual(decodeObject(encodeObject(object)), object);
  });
});
