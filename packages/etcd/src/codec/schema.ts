/** Reads the `.proto` files of `proto/etcd/` and of the door between members into message types and methods. */

import { isAbsolute, join } from 'node:path';
import { invariant, protoRoot } from '@kubets/platform';
import protobuf from 'protobufjs';
import { type FieldKind, type FieldPlan, MessageType } from './message-type.ts';

/** A method as the wire knows it. */
export interface MethodPlan {
  /** Such as `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly request: MessageType<unknown>;
  readonly response: MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const FILES = [
  ...['rpc', 'lock', 'election', 'lease', 'internal'].map((name) => `etcd/${name}.proto`),
  'raft/raft.proto',
];
const SCALARS: ReadonlySet<string> = new Set([
  'int64',
  'uint64',
  'uint32',
  'fixed64',
  'bool',
  'string',
  'bytes',
]);

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => (isAbsolute(target) ? target : join(protoRoot, target));
root.loadSync(FILES);
root.resolveAll();

const types = new Map<string, MessageType<unknown>>();

function kindOf(field: protobuf.Field): FieldKind {
  if (field.resolvedType instanceof protobuf.Type) return 'message';
  if (field.resolvedType instanceof protobuf.Enum) return 'enum';
  invariant(SCALARS.has(field.type), 'field has a type the codec knows', { type: field.type });
  invariant(field.type !== 'fixed64' || !field.repeated, 'no lists of fixed64', {});
  return field.type as FieldKind;
}

function planOf(field: protobuf.Field): FieldPlan {
  return {
    id: field.id,
    name: field.name,
    kind: kindOf(field),
    repeated: field.repeated,
    oneof: field.partOf !== null,
    type: undefined,
  };
}

/** Makes the plan of a message and of all it contains. */
function build(type: protobuf.Type): MessageType<unknown> {
  const name = type.fullName.slice(1);
  const known = types.get(name);
  if (known !== undefined) return known;
  const fields = type.fieldsArray.toSorted((a, b) => a.id - b.id);
  const plans = fields.map(planOf);
  const made = new MessageType<unknown>(name, plans);
  types.set(name, made);
  for (const [i, field] of fields.entries()) {
    const plan = plans[i];
    if (field.resolvedType instanceof protobuf.Type && plan) plan.type = build(field.resolvedType);
  }
  return made;
}

/** The message type of this full name, such as `etcdserverpb.PutRequest`. */
export function messageType<T>(fullName: string): MessageType<T> {
  return build(root.lookupType(fullName)) as MessageType<T>;
}

/** A service's methods by name; the full name is such as `etcdserverpb.KV`. */
export function serviceMethods(fullName: string): Readonly<Record<string, MethodPlan>> {
  const service = root.lookupService(fullName);
  const plans = service.methodsArray.map((method): [string, MethodPlan] => {
    const { resolvedRequestType: request, resolvedResponseType: response } = method;
    invariant(request !== null && response !== null, 'method types resolve', { name: method.name });
    const plan = {
      path: `/${fullName}/${method.name}`,
      request: build(request),
      response: build(response),
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
    };
    return [method.name, plan];
  });
  return Object.fromEntries(plans);
}
