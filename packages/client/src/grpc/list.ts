import type { Metadata, ServiceError } from '@grpc/grpc-js';
import type { ListResult } from '../ports.ts';
import type { Endpoint } from './endpoints.ts';
import { decodeObject, errorOf } from './wire.ts';

/** Collects the chunks of one list. Rejects with an ApiError; a list that breaks in the middle yields nothing. */
export function readList<T>(
  endpoint: Endpoint,
  metadata: Metadata,
  call: { request: object; deadlineMs: number },
): Promise<ListResult<T>> {
  return new Promise((resolve, reject) => {
    const items: T[] = [];
    let resourceVersion = '';
    let more = '';
    const stream = endpoint.stub.List(call.request, metadata, { deadline: call.deadlineMs });
    stream.on('data', (chunk) => {
      for (const bytes of chunk.items) items.push(decodeObject<T>(bytes));
      resourceVersion ||= chunk.resource_version;
      more = chunk.continue_token;
    });
    stream.on('error', (error: ServiceError) => reject(errorOf(error, false)));
    stream.on('end', () =>
      resolve(
        more === '' ? { items, resourceVersion } : { items, resourceVersion, continue: more },
      ),
    );
  });
}
