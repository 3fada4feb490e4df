/** The etcd v3 wire contract: typed messages, their codec, and the methods of each service. */

export type * from './admin-messages.ts';
export type * from './internal-messages.ts';
export { type Loose, MessageType } from './message-type.ts';
export type * from './messages.ts';
export { type MethodPlan, messageType, serviceMethods } from './schema.ts';
export { CodecError, Reader } from './wire.ts';
