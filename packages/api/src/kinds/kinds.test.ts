import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { optionalKinds, validateCreate, validateUpdate } from '../index.ts';
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';

function kind(name: string): KindDef {
  return optionalKinds().find((def) => def.kind === name) ?? assert.fail(name);
}

const texts = (def: KindDef, name: string, spec: object): string[] =>
  validateCreate(def, {
    metadata: { name, uid: 'u', creationTimestamp: 't' },
    spec,
  } as KubeObject).map(String);

describe('ServiceCIDR', () => {
  const def = kind('ServiceCIDR');
  const cases: readonly [string[], string[]][] = [
    [['10.0.0.0/16'], []],
    [['10.0.0.0/16', 'fd00::/108'], []],
    [[], ['spec.cidrs: Required value: at least one CIDR required']],
  ];
  for (const [cidrs, expected] of cases) {
    test(cidrs.join(',') || 'none', () => assert.deepEqual(texts(def, 'a', { cidrs }), expected));
  }
  test('one of each family at most', () => {
    const [text = ''] = texts(def, 'a', { cidrs: ['10.0.0.0/16', '10.1.0.0/16'] });
    assert.match(text, /may specify no more than one IP for each IP family/);
  });
  test('does not change', () => {
    const object = (cidr: string): KubeObject => ({
      metadata: { name: 'a', resourceVersion: '1' },
      ...{ spec: { cidrs: [cidr] } },
    });
    const [first] = validateUpdate(def, object('10.0.0.0/16'), object('10.1.0.0/16'));
    assert.match(String(first), /^spec\.cidrs: .*field is immutable$/);
  });
});

describe('IPAddress', () => {
  const def = kind('IPAddress');
  const spec = { parentRef: { resource: 'services', name: 'a', namespace: 'b' } };
  test('is named by its address', () => {
    assert.deepEqual(texts(def, '10.0.0.1', spec), []);
    assert.deepEqual(texts(def, 'fd00::1', spec), []);
    assert.match(texts(def, 'fd00:0::1', spec)[0] ?? '', /must be a canonical format IP address$/);
    assert.match(texts(def, 'a', spec)[0] ?? '', /^metadata\.name: Invalid value: "a"/);
  });
  test('says whose it is', () => {
    assert.deepEqual(texts(def, '10.0.0.1', {}), ['spec.parentRef: Required value']);
    assert.deepEqual(texts(def, '10.0.0.1', { parentRef: { name: 'a' } }), [
      'spec.parentRef.resource: Required value',
    ]);
  });
});

describe('MutatingAdmissionPolicy', () => {
  const def = kind('MutatingAdmissionPolicy');
  const rule = {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CREATE'],
    resources: ['pods'],
  };
  const mutation = { patchType: 'JSONPatch', jsonPatch: { expression: '[]' } };
  const spec = (more: object = {}, operations = rule.operations) => ({
    ...{ failurePolicy: 'Fail', reinvocationPolicy: 'Never', mutations: [mutation] },
    matchConstraints: { resourceRules: [{ ...rule, operations }] },
    ...more,
  });

  test('says what it changes, and how', () => {
    assert.deepEqual(texts(def, 'a', spec()), []);
    assert.deepEqual(texts(def, 'a', {}), [
      'spec.matchConstraints: Required value',
      'spec.mutations: Required value: mutations must contain at least one item',
      'spec.reinvocationPolicy: Required value',
    ]);
    const both = { ...mutation, patchType: 'ApplyConfiguration' };
    assert.deepEqual(texts(def, 'a', spec({ mutations: [{}, { patchType: 'x' }, both] })), [
      'spec.mutations[0].patchType: Required value',
      'spec.mutations[1].patchType: Unsupported value: "x": supported values: "ApplyConfiguration", "JSONPatch"',
      'spec.mutations[2].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration',
      'spec.mutations[2].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
    ]);
  });

  test('does not change what is deleted', () => {
    assert.deepEqual(texts(def, 'a', spec({}, ['DELETE'])), [
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ]);
  });
});
