/** HTTP/2 for the doors and calls where a general library costs more than the work itself. */
export * from './client-connection.ts';
export { type Outgoing, roomFor } from './client-sender.ts';
export * from './frame.ts';
export {
  type HeaderField,
  type HeaderFields,
  HpackError,
  readBlock,
  writeBlock,
  writeFields,
} from './hpack.ts';
export type { RequestHead, RequestHeaders } from './request-head.ts';
export * from './server-connection.ts';
export { type BodyListener, ServerStream } from './server-stream.ts';
