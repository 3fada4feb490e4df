import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../errors.ts';
import { builtinKind } from '../registry.ts';
import { decodeObject, decodeStrict, decodeType } from './decode.ts';
import { findDuplicateFields } from './json-scan.ts';

const configMap = builtinKind('v1', 'ConfigMap');
const pod = builtinKind('v1', 'Pod');
const deployment = builtinKind('apps/v1', 'Deployment');

function firstError(def: typeof pod, json: string): string | undefined {
  return decodeStrict(def, json).typeErrors[0];
}

describe('type errors read like Go’s', () => {
  const cases: readonly [typeof pod, string, string][] = [
    [configMap, '{"data":{"a":1}}', 'number into Go struct field ConfigMap.data of type string'],
    [
      configMap,
      '{"data":[]}',
      'array into Go struct field ConfigMap.data of type map[string]string',
    ],
    [
      configMap,
      '{"metadata":"x"}',
      'string into Go struct field ConfigMap.metadata of type v1.ObjectMeta',
    ],
    [
      configMap,
      '{"metadata":{"name":5}}',
      'number into Go struct field ObjectMeta.metadata.name of type string',
    ],
    [
      deployment,
      '{"spec":{"replicas":"3"}}',
      'string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      deployment,
      '{"spec":{"replicas":1.5}}',
      'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      deployment,
      '{"spec":{"replicas":99999999999}}',
      'number 99999999999 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      pod,
      '{"spec":{"containers":{}}}',
      'object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      pod,
      '{"spec":{"hostNetwork":"yes"}}',
      'string into Go struct field PodSpec.spec.hostNetwork of type bool',
    ],
    [
      pod,
      '{"spec":{"containers":[{"ports":[{"containerPort":"80"}]}]}}',
      'string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
  ];
  for (const [def, json, message] of cases) {
    test(json, () => {
      assert.equal(firstError(def, json), `json: cannot unmarshal ${message}`);
    });
  }

  test('base64, times and quantities', () => {
    assert.equal(
      firstError(configMap, '{"binaryData":{"a":"%%"}}'),
      'illegal base64 data at input byte 0',
    );
    assert.match(
      firstError(configMap, '{"metadata":{"creationTimestamp":"yesterday"}}') ?? '',
      /^parsing time "yesterday"/,
    );
    const limits = '{"spec":{"containers":[{"resources":{"limits":{"cpu":"many"}}}]}}';
    assert.match(firstError(pod, limits) ?? '', /^quantities must match/);
  });
});

describe('unknown and repeated fields', () => {
  test('are found with their paths', () => {
    const json = '{"spec":{"containers":[{"name":"c","imagee":"x"}],"nope":{"a":1}},"top":1}';
    const decoded = decodeStrict(pod, json);
    assert.deepEqual(decoded.unknownFields, ['spec.containers[0].imagee', 'spec.nope', 'top']);
  });

  test('keys of maps and lists are in the paths of repetitions', () => {
    assert.deepEqual(findDuplicateFields('{"a":1,"b":{"c":1,"c":2},"a":3}'), ['b.c', 'a']);
    assert.deepEqual(findDuplicateFields('{"l":[{"x":1},{"x":1,"x":2}]}'), ['l[1].x']);
    assert.deepEqual(findDuplicateFields('{"a\\u0062":1,"ab":2}'), ['ab']);
    assert.deepEqual(findDuplicateFields('{"a":"{\\"b\\":1,\\"b\\":2}"}'), []);
    assert.deepEqual(findDuplicateFields('[]'), []);
  });

  const json = '{"metadata":{"name":"a","name":"b"},"data":{"k":"v"},"nope":1}';

  test('Strict refuses them', () => {
    assert.throws(
      () => decodeObject(configMap, json, 'Strict'),
      (err: unknown) =>
        err instanceof ApiError &&
        err.message ===
          'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "metadata.name", unknown field "nope"',
    );
  });

  test('Warn says so, Ignore does not; the last of several wins', () => {
    const warned = decodeObject(configMap, json, 'Warn');
    assert.deepEqual(warned.warnings, ['duplicate field "metadata.name"', 'unknown field "nope"']);
    assert.equal(warned.object.metadata.name, 'b');
    assert.equal('nope' in warned.object, false);
    assert.deepEqual(decodeObject(configMap, json, 'Ignore').warnings, []);
  });

  test('a text is told of as it goes, unknown fields once and without what is in them', () => {
    const text =
      '{"b":1,"immutable":true,"metadata":{"z":1,"name":"a","name":"b"},"b":2,"immutable":false,"x":{"y":1,"y":2}}';
    assert.deepEqual(decodeObject(configMap, text).warnings, [
      'unknown field "b"',
      'unknown field "metadata.z"',
      'duplicate field "metadata.name"',
      'duplicate field "immutable"',
      'unknown field "x"',
    ]);
  });

  test('of a document its own complaints come first, then unknown fields by the alphabet', () => {
    const repeatedKeys = [
      'line 2: key "a" already set in map',
      'line 3: key "b" already set in map',
    ];
    const value = { z: 1, data: { k: 'v' }, metadata: { b: 1 } };
    assert.deepEqual(decodeObject(configMap, value, 'Warn', { repeatedKeys }).warnings, [
      ...repeatedKeys,
      'unknown field "metadata.b"',
      'unknown field "z"',
    ]);
    const lines = repeatedKeys.map((line) => `\n  ${line}`).join('');
    const all = `yaml: unmarshal errors:${lines}, unknown field "metadata.b", unknown field "z"`;
    assert.throws(
      () => decodeObject(configMap, value, 'Strict', { repeatedKeys }),
      (error: ApiError) => error.message.endsWith(`strict decoding error: ${all}`),
    );
    assert.deepEqual(decodeObject(configMap, value, 'Ignore', { repeatedKeys }).warnings, []);
  });

  test('type errors are refused in every mode', () => {
    for (const mode of ['Ignore', 'Warn', 'Strict'] as const) {
      assert.throws(() => decodeObject(configMap, '{"data":[]}', mode), ApiError);
    }
    assert.throws(() => decodeObject(configMap, '{"data"'), /json parse error/);
  });
});

describe('objects are written as the stock server writes them', () => {
  const shape = (type: string, value: unknown) => decodeType(type, value).object;

  test('zero values of optional fields go, of pointers stay', () => {
    const spec = shape('core.v1.PodSpec', {
      containers: [],
      hostNetwork: false,
      hostname: '',
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      volumes: [],
      nodeSelector: {},
    });
    assert.deepEqual(spec, {
      containers: [],
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
    });
  });

  test('required fields and value structs are there even when absent', () => {
    assert.deepEqual(shape('core.v1.Container', { name: 'c' }), { name: 'c', resources: {} });
    assert.deepEqual(shape('core.v1.PodTemplateSpec', {}), {
      metadata: { creationTimestamp: null },
      spec: { containers: null },
    });
    const daemons = shape('apps.v1.DaemonSetStatus', {});
    assert.equal(daemons.desiredNumberScheduled, 0);
  });

  test('lists without content are written where the stock server always writes them', () => {
    const slice = shape('discovery.v1.EndpointSlice', { addressType: 'IPv4', endpoints: [] });
    assert.deepEqual([slice.endpoints, slice.ports], [[], null]);
  });

  test('nulls and undefined are like absent', () => {
    const map = shape('core.v1.ConfigMap', { data: null, immutable: undefined });
    assert.deepEqual(map, { metadata: { creationTimestamp: null } });
  });

  test('quantities, times and secrets’ bytes', () => {
    const resources = { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: '' } };
    assert.deepEqual(shape('core.v1.ResourceRequirements', resources), {
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '0' },
    });
    const meta = shape('meta.v1.ObjectMeta', { creationTimestamp: '2024-01-02T03:04:05+01:00' });
    assert.equal(meta.creationTimestamp, '2024-01-02T02:04:05Z');
    const lease = shape('coordination.v1.LeaseSpec', { renewTime: '2024-01-02T03:04:05.5Z' });
    assert.equal(lease.renewTime, '2024-01-02T03:04:05.500000Z');
  });

  test('the input is never changed', () => {
    const input = Object.freeze({
      metadata: Object.freeze({ name: 'x', labels: Object.freeze({}) }),
    });
    assert.doesNotThrow(() => decodeStrict(configMap, input as never));
  });

  test('what was decoded decodes to itself', () => {
    const json = {
      metadata: { name: 'd' },
      spec: { replicas: 0, template: { spec: { containers: [{ name: 'c', image: 'i' }] } } },
    };
    const once = decodeStrict(deployment, json as never).object;
    const twice = decodeStrict(deployment, JSON.stringify(once)).object;
    assert.deepEqual(twice, once);
  });
});
