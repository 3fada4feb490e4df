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

describe('ClusterTrustBundle', () => {
  const def = kind('ClusterTrustBundle');
  const root = [
    '-----BEGIN CERTIFICATE-----',
    'MIIBBDCBt6ADAgECAgEAMAUGAytlcDAQMQ4wDAYDVQQDEwVyb290MTAiGA8wMDAx',
    'MDEwMTAwMDAwMFoYDzAwMDEwMTAxMDAwMDAwWjAQMQ4wDAYDVQQDEwVyb290MTAq',
    'MAUGAytlcAMhAF2MoFeGa97gK2NGT1h6p1/a1GlMXAXbcjI/OShyIobPozIwMDAP',
    'BgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTWDdK2CNQiHqRjPaAWYPPtIykQgjAF',
    'BgMrZXADQQCtom9WGl7m2SAa4tXM9Soo/mbInBsRhn187BMoqTAHInHchKup5/3y',
    'l1tYJSZZsEXnXrCvw2qLCBNif6+2YYgE',
    '-----END CERTIFICATE-----',
    '',
  ].join('\n');
  const signerName = 'example.com/signer';
  const bad = (why: string): string => `spec.trustBundle: Invalid value: "<value omitted>": ${why}`;
  const name = (text: string, why: string): string =>
    `metadata.name: Invalid value: "${text}": ${why}`;
  const prefix = 'example.com:signer:';
  const cases: readonly [string, object, string[]][] = [
    [`${prefix}abc`, { signerName, trustBundle: root }, []],
    ['abc', { trustBundle: `some words\n${root}` }, []],
    [
      'a:b',
      { trustBundle: root },
      [name('a:b', 'ClusterTrustBundle without signer name must not have ":" in its name')],
    ],
    [
      'abc',
      { signerName, trustBundle: root },
      [
        name(
          'abc',
          `ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`,
        ),
      ],
    ],
    ['abc', { trustBundle: '' }, [bad('at least one trust anchor must be provided')]],
    ['abc', { trustBundle: root + root }, [bad('duplicate trust anchor (indices [0 1])')]],
    [
      'abc',
      { trustBundle: `${root.replaceAll('CERTIFICATE', 'NOTE')}${root.replace('MIIB', 'AAAA')}` },
      [bad('entry 0 has bad block type: NOTE'), bad('entry 1 does not parse as X.509')],
    ],
    [
      'abc',
      { trustBundle: root.replace('\nMIIB', '\nsome: header\n\nMIIB') },
      [bad('entry 0 has PEM block headers')],
    ],
  ];
  for (const [of, spec, expected] of cases) {
    test(`${of}: ${expected[0] ?? 'fine'}`, () => assert.deepEqual(texts(def, of, spec), expected));
  }
  test('keeps its signer, and a bundle that was taken once', () => {
    const object = (spec: object): KubeObject => ({
      metadata: { name: 'abc', resourceVersion: '1' },
      ...{ spec },
    });
    const old = object({ trustBundle: 'of old' });
    assert.deepEqual(validateUpdate(def, object({ trustBundle: 'of old' }), old), []);
    const [first, second] = validateUpdate(def, object({ signerName, trustBundle: '' }), old);
    assert.equal(String(first), bad('at least one trust anchor must be provided'));
    assert.match(String(second), /^spec\.signerName: .*field is immutable$/);
  });
});
