/** A list as messages of a bounded size. */
import { LIST_CHUNK_BYTES } from '../limits.ts';
import type { ListChunk } from './messages.ts';

/** The first chunk carries the list's version, the last one what more there is. */
export function* listChunks<T>(
  items: Iterable<T>,
  bytesOf: (item: T) => Buffer,
  list: { readonly resourceVersion: string; readonly continueToken: string | undefined },
): Generator<ListChunk> {
  let { resourceVersion } = list;
  let chunk: Buffer[] = [];
  let size = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    chunk.push(bytes);
    size += bytes.length;
    if (size < LIST_CHUNK_BYTES) continue;
    yield { resource_version: resourceVersion, items: chunk, continue_token: '' };
    resourceVersion = '';
    chunk = [];
    size = 0;
  }
  const continue_token = list.continueToken ?? '';
  yield { resource_version: resourceVersion, items: chunk, continue_token };
}
