import { isAbsolute, join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  type MethodDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { ConfigError, errorMessage } from './errors.ts';

/** The folder of the wire contracts. */
export const protoRoot: string = join(import.meta.dirname, '..', '..', '..', 'proto');

export interface LoadProtoOptions {
  /** How 64-bit integers arrive: `string` is exact (default), `number` is fast and exact below 2^53. */
  readonly longs?: 'string' | 'number';
}

/** Deep enough for every contract; a message that holds itself ends the search much earlier. */
const MAX_DEPTH = 64;

/** Whether enums occur in a message or in what it holds: their names must then become numbers before encoding. */
function holdsEnum(type: protobuf.Type, seen = new Set<protobuf.Type>()): boolean {
  if (seen.has(type)) return false;
  seen.add(type);
  if (seen.size > MAX_DEPTH) return true;
  return type.fieldsArray.some((field) => {
    const target = field.resolve().resolvedType;
    if (target instanceof protobuf.Enum) return true;
    return target instanceof protobuf.Type && holdsEnum(target, seen);
  });
}

type Serialize = (value: object) => Buffer;
type Deserialize = (bytes: Buffer) => object;

function serializer(type: protobuf.Type): Serialize {
  const finish = (message: object): Buffer => type.encode(message).finish() as Buffer;
  return holdsEnum(type) ? (value) => finish(type.fromObject(value)) : finish;
}

function deserializer(type: protobuf.Type, longs: typeof String | typeof Number): Deserialize {
  const shape = { longs, enums: String, bytes: Buffer, defaults: true, oneofs: true };
  return (bytes) => type.toObject(type.decode(bytes), shape);
}

function methodOf(
  method: protobuf.Method,
  service: string,
  longs: typeof String | typeof Number,
): MethodDefinition<object, object> {
  const { resolvedRequestType: request, resolvedResponseType: response } = method;
  if (request === null || response === null) {
    throw new ConfigError(`${service}.${method.name} names messages that are not defined`);
  }
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: serializer(request),
    requestDeserialize: deserializer(request, longs),
    responseSerialize: serializer(response),
    responseDeserialize: deserializer(response, longs),
  };
}

function servicesOf(space: protobuf.NamespaceBase): protobuf.Service[] {
  return space.nestedArray.flatMap((one) => {
    if (one instanceof protobuf.Service) return [one];
    return one instanceof protobuf.Namespace ? servicesOf(one) : [];
  });
}

function parse(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (isAbsolute(target) ? target : join(protoRoot, target));
  try {
    root.loadSync(file, { keepCase: true });
    root.resolveAll();
    return root;
  } catch (error) {
    throw new ConfigError(`cannot load ${file}: ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * Loads a `.proto` file's services. Only what gRPC calls is made of them: no descriptors, no second copy of the reflection
 * library, so that a process pays for its contracts alone.
 * @param file relative to `proto/`, such as `apiserver/resources.proto`
 * @returns the package tree; see {@link serviceOf}. Field names stay as written, bytes are Buffers, enums their names.
 */
export function loadProto(file: string, options: LoadProtoOptions = {}): GrpcObject {
  const longs = options.longs === 'number' ? Number : String;
  const services = servicesOf(parse(file)).map((service): [string, ServiceDefinition] => {
    const name = service.fullName.slice(1);
    const methods = service.methodsArray.map((one) => [one.name, methodOf(one, name, longs)]);
    return [name, Object.fromEntries(methods)];
  });
  return loadPackageDefinition(Object.fromEntries(services));
}

/**
 * Finds a service by its full name, such as `kubets.apiserver.v1.Resources`.
 * @throws ConfigError when the tree has no such service
 */
export function serviceOf(tree: GrpcObject, fullName: string): ServiceClientConstructor {
  let node: unknown = tree;
  for (const part of fullName.split('.')) {
    node = typeof node === 'object' && node !== null ? Reflect.get(node, part) : undefined;
  }
  if (typeof node !== 'function' || !('service' in node)) {
    throw new ConfigError(`no service ${fullName} in the loaded definitions`);
  }
  return node as unknown as ServiceClientConstructor;
}
