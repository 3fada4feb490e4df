import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { configMap, targetOf } from '../testing/index.ts';
import { refusal } from '../testing/scene.ts';
import { bodyKind, checkPlace, readBody, wrongType } from './body.ts';
import type { WriteContext } from './context.ts';

const warnings: string[] = [];
const ctx: WriteContext = {
  user: { name: 'u', uid: '', groups: [], extra: {} },
  dryRun: false,
  options: {},
  warn: (text) => warnings.push(text),
};
const maps = targetOf('v1', 'ConfigMap');

describe('the kind of a body', () => {
  const cases: readonly [string, string, string, string][] = [
    ['v1', 'Pod', '', 'v1 Pod core.v1.Pod'],
    ['v1', 'Pod', 'status', 'v1 Pod core.v1.Pod'],
    ['v1', 'Pod', 'binding', 'v1 Binding core.v1.Binding'],
    ['v1', 'Pod', 'eviction', 'policy/v1 Eviction policy.v1.Eviction'],
    ['apps/v1', 'Deployment', 'scale', 'autoscaling/v1 Scale autoscaling.v1.Scale'],
    [
      'v1',
      'ServiceAccount',
      'token',
      'authentication.k8s.io/v1 TokenRequest authentication.v1.TokenRequest',
    ],
  ];
  for (const [apiVersion, kind, subresource, expected] of cases) {
    it(`of ${kind}${subresource ? `/${subresource}` : ''}`, () => {
      const found = bodyKind(targetOf(apiVersion, kind, { subresource }));
      assert.equal(`${found.apiVersion} ${found.kind} ${found.typeName}`, expected);
    });
  }
});

it('an object of another kind is refused also when its name is no text', () => {
  const body = { kind: 'Shelf', apiVersion: 'v1', metadata: { name: { toString: {} } } };
  refusal(422, 'Invalid')(wrongType(targetOf('v1', 'ConfigMap', {}).def, body));
});

describe('reading a body', () => {
  const read = (json: string | Record<string, unknown>, on = maps): KubeObject =>
    readBody(on, json, { validation: 'Strict' }, ctx);

  it('fills in kind, version and defaults', () => {
    const pod = read(
      '{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}',
      targetOf('v1', 'Pod'),
    );
    assert.deepEqual([pod.kind, pod.apiVersion], ['Pod', 'v1']);
    assert.equal((pod.spec as { restartPolicy: string }).restartPolicy, 'Always');
  });

  it('takes a parsed value as well as text', () => {
    assert.deepEqual(read(JSON.stringify(configMap('a'))), read(configMap('a')));
  });

  it('sees fields given twice, in text only', () => {
    const text = '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"1"},"data":{"a":"2"}}';
    assert.throws(() => read(text), refusal(400, 'BadRequest', /duplicate field "data"/));
  });

  const refused: readonly [string, string, RegExp][] = [
    ['a list', '[]', /unrecognized \(must be of type ConfigMap\): .* array into Go .*\(5b5d\)$/],
    [
      'what is no JSON',
      '{"a":}',
      /json parse error: invalid character '}' looking for .*\(\{"a":\}\)$/,
    ],
    ['nothing', '', /unexpected end of JSON input \(<empty>\)$/],
    ['a number for a kind', '{"kind":1}', /number into Go struct field .kind of type string/],
    [
      'another kind',
      '{"kind":"Pod","apiVersion":"v1"}',
      /^Pod in version "v1" cannot be handled as a ConfigMap: converting \(v1.Pod\) to \(core.ConfigMap\): unknown conversion$/,
    ],
    ['no kind at all', '{"kind":"Foo"}', /no kind "Foo" is registered for version "v1" in scheme/],
    ['broken JSON', '{', /json parse error/],
    [
      'another version',
      '{"apiVersion":"v2","kind":"ConfigMap"}',
      /no kind "ConfigMap" is registered for version "v2"/,
    ],
    ['another kind', '{"apiVersion":"v1","kind":"Secret"}', /Secret/],
    ['a wrong type', '{"data":5}', /cannot unmarshal number into Go struct field ConfigMap\.data/],
    ['an unknown field', '{"nope":1}', /strict decoding error: unknown field "nope"/],
  ];
  for (const [what, json, why] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => read(json), refusal(400, 'BadRequest', why)));
  }
});

describe('the place of an object', () => {
  const check = (
    metadata: object,
    o: { name?: string; needsName?: boolean; kind?: string } = {},
  ): KubeObject => {
    const { name = '', needsName = false, kind = 'ConfigMap' } = o;
    const object: KubeObject = { metadata: { ...metadata } };
    checkPlace(targetOf('v1', kind, { name }), object, needsName);
    return object;
  };

  it('is the path’s', () => {
    assert.equal(check({ name: 'a' }).metadata.namespace, 'default');
    assert.equal(check({ name: 'a' }, { kind: 'Node' }).metadata.namespace, undefined);
    const placed = check({ name: 'a', namespace: 'x' }, { kind: 'Node' });
    assert.equal(placed.metadata.namespace, undefined);
    assert.equal(check({ name: 'a' }, { name: 'a', needsName: true }).metadata.name, 'a');
  });

  it('must not be another one', () => {
    const bad = (...args: Parameters<typeof check>) =>
      assert.throws(() => check(...args), refusal(400, 'BadRequest'));
    bad({ name: 'b' }, { name: 'a', needsName: true });
    assert.throws(
      () => check({}, { name: 'a', needsName: true }),
      refusal(
        400,
        'BadRequest',
        /^the name of the object \(a based on URL\) was undeterminable: name must be provided$/,
      ),
    );
    // Of both the namespace is told.
    assert.throws(
      () => check({ name: 'b', namespace: 'other' }, { name: 'a', needsName: true }),
      refusal(400, 'BadRequest', /^the namespace of the provided object does not match/),
    );
    bad({ name: 'a', namespace: 'other' });
  });
});
