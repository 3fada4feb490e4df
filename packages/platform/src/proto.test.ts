import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPackageDefinition, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ConfigError } from './errors.ts';
import { loadProto, protoRoot, serviceOf } from './proto.ts';

type Method = MethodDefinition<object, object>;

const CONTRACTS = [
  ['apiserver/resources.proto', 'kubets.apiserver.v1.Resources'],
  ['raft/raft.proto', 'kubets.raft.v1.Peers'],
  ['cri/runtime.proto', 'runtime.v1.RuntimeService'],
  ['cri/runtime.proto', 'runtime.v1.ImageService'],
] as const;

/** The field's own loader, as the reference. */
function reference(file: string, service: string): Readonly<Record<string, Method>> {
  const shape = { longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: true };
  const definition = loadSync(file, { includeDirs: [protoRoot], keepCase: true, ...shape });
  return serviceOf(loadPackageDefinition(definition), service).service as Record<string, Method>;
}

const methodsOf = (file: string, service: string): Readonly<Record<string, Method>> =>
  serviceOf(loadProto(file), service).service as Record<string, Method>;

for (const [file, service] of CONTRACTS) {
  test(`${service} is what the usual loader makes of it`, () => {
    const ours = methodsOf(file, service);
    const theirs = reference(file, service);
    assert.deepEqual(Object.keys(ours), Object.keys(theirs));
    for (const [name, method] of Object.entries(theirs)) {
      const our = ours[name];
      assert.equal(our?.path, method.path);
      assert.equal(our?.requestStream, method.requestStream);
      assert.equal(our?.responseStream, method.responseStream);
      // An empty message shows every default.
      const empty = Buffer.alloc(0);
      assert.deepEqual(our?.requestDeserialize(empty), method.requestDeserialize(empty), name);
      assert.deepEqual(our?.responseDeserialize(empty), method.responseDeserialize(empty), name);
    }
  });
}

const VALUES: ReadonlyArray<readonly [string, object]> = [
  [
    'ListContainers',
    { filter: { state: { state: 'CONTAINER_EXITED' }, label_selector: { a: 'b' } } },
  ],
  ['StopContainer', { container_id: 'c', timeout: '9007199254740993' }],
  ['StopContainer', { container_id: 'ü'.repeat(300), timeout: -1 }],
  ['RunPodSandbox', { config: { metadata: { name: 'n' }, port_mappings: [{ protocol: 'UDP' }] } }],
  ['RunPodSandbox', { config: { labels: { x: '1', y: '' }, linux: { cgroup_parent: '/k' } } }],
];

test('messages have the bytes and the shape of the usual loader', () => {
  const file = 'cri/runtime.proto';
  const ours = methodsOf(file, 'runtime.v1.RuntimeService');
  const theirs = reference(file, 'runtime.v1.RuntimeService');
  for (const [name, value] of VALUES) {
    const bytes = theirs[name]?.requestSerialize(value);
    assert.ok(bytes, name);
    assert.deepEqual(ours[name]?.requestSerialize(value), bytes, name);
    assert.deepEqual(
      ours[name]?.requestDeserialize(bytes),
      theirs[name]?.requestDeserialize(bytes),
    );
  }
});

test('absent, null and empty fields mean the same to the usual loader', () => {
  const ours = methodsOf('cri/runtime.proto', 'runtime.v1.RuntimeService').StopContainer;
  const theirs = reference('cri/runtime.proto', 'runtime.v1.RuntimeService').StopContainer;
  assert.ok(ours && theirs);
  for (const value of [{}, { container_id: null }, { container_id: undefined, timeout: 0 }]) {
    const seen = theirs.requestDeserialize(ours.requestSerialize(value));
    assert.deepEqual(seen, theirs.requestDeserialize(theirs.requestSerialize(value)));
  }
});

test('a missing file or service is named', () => {
  assert.throws(
    () => loadProto('raft/nothing.proto'),
    (error: unknown) =>
      error instanceof ConfigError && error.message.includes('raft/nothing.proto'),
  );
  assert.throws(() => serviceOf(loadProto('raft/raft.proto'), 'kubets.raft.v1.No'), ConfigError);
});
