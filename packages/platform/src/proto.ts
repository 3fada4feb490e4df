import { join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ConfigError } from './errors.ts';

/** The folder of the wire contracts. */
export const protoRoot: string = join(import.meta.dirname, '..', '..', '..', 'proto');

export interface LoadProtoOptions {
  /** How 64-bit integers arrive: `string` is exact (default), `number` is fast and exact below 2^53. */
  readonly longs?: 'string' | 'number';
}

/**
 * Loads a `.proto` file.
 * @param file relative to `proto/`, such as `apiserver/resources.proto`
 * @returns the package tree; see {@link serviceOf}. Field names stay as written, bytes are Buffers, enums their names.
 */
export function loadProto(file: string, options: LoadProtoOptions = {}): GrpcObject {
  const definition = loadSync(file, {
    includeDirs: [protoRoot],
    keepCase: true,
    longs: options.longs === 'number' ? Number : String,
    enums: String,
    bytes: Buffer,
    defaults: true,
    oneofs: true,
  });
  return loadPackageDefinition(definition);
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
