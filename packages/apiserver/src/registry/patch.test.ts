import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '@kubets/api';
import { MAX_JSON_PATCH_OPERATIONS } from '../limits.ts';
import { configMap, targetOf } from '../testing/index.ts';
import { refusal } from '../testing/scene.ts';
import type { WriteContext } from './context.ts';
import { type PatchType, parsePatch, patched, strictErrorsOf } from './patch.ts';

const target = targetOf('v1', 'ConfigMap', { name: 'a' });
const deployment = targetOf('apps/v1', 'Deployment', { name: 'd' });

const context = (): WriteContext => ({
  user: { name: 'u', uid: '', groups: [], extra: {} },
  dryRun: false,
  options: {},
  warn: () => undefined,
});

function apply(type: PatchType, patch: unknown, present: object, on = target) {
  const warnings: string[] = [];
  const ctx = { ...context(), warn: (text: string) => void warnings.push(text) };
  const object = patched(on, present as KubeObject, { type, patch, validation: 'Warn' }, ctx);
  return { object: object as unknown as JsonObject, warnings };
}

const present = { ...configMap('a'), metadata: { name: 'a', namespace: 'default' } };

describe('parsing patches', () => {
  const shapes: readonly [PatchType, string, string][] = [
    ['json', '{"data":{}}', 'cannot unmarshal object into Go value of type []handlers.jsonPatchOp'],
    ['merge', '[]', 'cannot unmarshal array into Go value of type map[string]interface {}'],
    ['strategic', '"x"', 'cannot unmarshal string into'],
    ['merge', 'null', 'Invalid JSON Patch'],
    ['json', '[[]]', 'cannot unmarshal array into Go value of type handlers.jsonPatchOp'],
    ['json', '[true]', 'cannot unmarshal bool into Go value of type handlers.jsonPatchOp'],
    ['json', '[{"path":1}]', 'number into Go struct field jsonPatchOp.path of type string'],
    ['json', '[{', 'unexpected end of JSON input'],
    ['merge', '{"a":}', "invalid character '}'"],
    ['merge', '', 'unexpected end of JSON input'],
  ];
  for (const [type, text, why] of shapes) {
    it(`${type} ${text || '(nothing)'} is refused`, () => {
      assert.throws(
        () => parsePatch(type, text),
        (error) => {
          refusal(400, 'BadRequest')(error);
          assert.ok(String(error).includes(why), String(error));
          return true;
        },
      );
    });
  }

  it('null changes nothing', () => {
    assert.deepEqual(parsePatch('json', 'null'), []);
    assert.deepEqual(parsePatch('strategic', 'null'), {});
  });

  it('bounds the operations of a JSON patch', () => {
    const operations = (n: number): string =>
      JSON.stringify(Array.from({ length: n }, () => ({ op: 'test', path: '/a', value: 1 })));
    parsePatch('json', operations(MAX_JSON_PATCH_OPERATIONS));
    assert.throws(
      () => parsePatch('json', operations(MAX_JSON_PATCH_OPERATIONS + 1)),
      refusal(413, 'RequestEntityTooLarge', /10000, got 10001/),
    );
  });
});

describe('applying patches', () => {
  it('JSON', () => {
    const { object } = apply('json', [{ op: 'add', path: '/data/x', value: 'y' }], present);
    assert.deepEqual(object.data, { n: '0', x: 'y' });
  });

  it('may take the kind away, which stays', () => {
    const { object } = apply('merge', { kind: null, data: { n: '7' } }, present);
    assert.equal(object.kind, 'ConfigMap');
    assert.deepEqual(object.data, { n: '7' });
  });

  it('finds no name in a result of no version', () => {
    const why = /^the name of the object \(a based on URL\) was undeterminable/;
    const take = () => apply('merge', { apiVersion: null }, present);
    assert.throws(take, refusal(400, 'BadRequest', why));
  });

  it('may say another kind when it is strategic', () => {
    const { object } = apply('strategic', { kind: 'Secret', apiVersion: 'v7' }, present);
    assert.deepEqual([object.kind, object.apiVersion], ['ConfigMap', 'v1']);
  });

  it('merge: null removes', () => {
    const { object } = apply('merge', { data: { n: null, x: 'y' } }, present);
    assert.deepEqual(object.data, { x: 'y' });
  });

  it('strategic merge: lists merge by their keys', () => {
    const container = { name: 'c', image: 'i:1' };
    const before = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'default' },
      spec: { template: { spec: { containers: [container, { name: 'e', image: 'e:1' }] } } },
    };
    const patch = { spec: { template: { spec: { containers: [{ name: 'c', image: 'i:2' }] } } } };
    const { object } = apply('strategic', patch, before, deployment);
    const spec = object.spec as {
      template: { spec: { containers: { name: string; image: string }[] } };
    };
    const images = spec.template.spec.containers.map(({ name, image }) => `${name}=${image}`);
    assert.deepEqual(images, ['c=i:2', 'e=e:1']);
  });

  it('does not touch what it works on', () => {
    const before = structuredClone(present);
    apply('merge', { data: { x: 'y' } }, present);
    assert.deepEqual(present, before);
  });

  it('warns of fields that do not exist', () => {
    const { object, warnings } = apply('merge', { nope: 1 }, present);
    assert.deepEqual(warnings, ['unknown field "nope"']);
    assert.equal(object.nope, undefined);
  });

  const refused: readonly [string, unknown, number, RegExp][] = [
    ['another kind, which it does not fit', { kind: 'Secret' }, 422, /: illegal base64 data/],
    ['another kind', { kind: 'ServiceAccount' }, 422, /unable to decode \/v1, Kind=ServiceAccount/],
    [
      'a kind that is none',
      { kind: 'Shelf' },
      422,
      /no kind "Shelf" is registered for version "v1" in/,
    ],
    [
      'a kind that is no text',
      { kind: { toString: {} } },
      422,
      /couldn't get version\/kind; json parse error: json: cannot unmarshal object into Go struct field \.kind of type string/,
    ],
    ['a version that is no text', { apiVersion: { toString: {} } }, 422, /object .* \.apiVersion/],
    ['a version that is none', { apiVersion: 'v2' }, 422, /no kind "ConfigMap" is registered/],
    ['another version', { apiVersion: 'v2' }, 422, /for version "v2"/],
    ['a value of another type', { data: { n: 7 } }, 422, /cannot unmarshal number/],
    [
      'another name',
      { metadata: { name: 'b' } },
      400,
      /\(b\) does not match the name on the URL \(a\)/,
    ],
    ['another namespace', { metadata: { namespace: 'x' } }, 400, /namespace/],
  ];
  for (const [what, patch, code, why] of refused) {
    it(`refuses ${what}`, () => {
      const reason = code === 422 ? 'Invalid' : 'BadRequest';
      assert.throws(() => apply('merge', patch, present), refusal(code, reason, why));
    });
  }

  const unconverted: readonly [string, unknown, string, string][] = [
    [
      'a map',
      { metadata: { labels: 'x' } },
      'map[metadata:map[labels:x]]',
      'restore map from string',
    ],
    ['a map from a number', { data: 1 }, 'map[data:1]', 'cannot restore map from int64'],
    ['a text from a number', { data: { n: 7 } }, 'map[data:map[n:7]]', 'convert int64 to string'],
    [
      'a text from a map',
      { data: { n: {} } },
      'map[data:map[n:map[]]]',
      'unrecognized type: string',
    ],
    ['a list', { metadata: { finalizers: true } }, 'finalizers:true', 'restore slice from bool'],
    ['a bool', { immutable: 'x' }, 'map[immutable:x]', 'unrecognized type: bool'],
    ['bytes', { binaryData: { n: '%' } }, 'n:%', 'error decoding from json: illegal base64 data'],
  ];
  for (const [what, patch, shown, why] of unconverted) {
    it(`refuses a strategic patch with something else where there is ${what}`, () => {
      assert.throws(
        () => apply('strategic', patch, present),
        (error) => {
          refusal(422, 'Invalid')(error);
          assert.ok(String(error).includes(shown) && String(error).includes(why), String(error));
          return true;
        },
      );
    });
  }

  const strict: readonly [PatchType, string, string][] = [
    ['merge', '{"data":{"a":"1","a":"2"}}', 'duplicate field "data.a"'],
    ['strategic', '{"data":{"a":"1","a":"2"}}', 'duplicate field "data.a"'],
    ['strategic', '{"z":1,"metadata":{"b":1}}', 'unknown field "metadata.b", unknown field "z"'],
    [
      'json',
      '[{"why":"z","op":"add","op":"add","path":"/data/x","value":"y","why":"z","how":{"a":1,"a":2}}]',
      'json patch unknown field "[0].why", json patch duplicate field "[0].op", json patch unknown field "[0].how"',
    ],
  ];
  for (const [type, text, errors] of strict) {
    const patch: unknown = JSON.parse(text);
    const change = (validation: 'Strict' | 'Warn' | 'Ignore'): string[] => {
      const warnings: string[] = [];
      const ctx = { ...context(), warn: (one: string) => void warnings.push(one) };
      const strictErrors = strictErrorsOf(type, text, patch);
      patched(target, present as KubeObject, { type, patch, validation, strictErrors }, ctx);
      return warnings;
    };
    it(`tells of ${errors} in a ${type} patch`, () => {
      assert.deepEqual(change('Warn'), errors.split(', '));
      const message = `strict decoding error: ${errors}`;
      assert.throws(
        () => change('Strict'),
        (error) => {
          refusal(422, 'Invalid')(error);
          assert.ok(String(error).includes(message), String(error));
          return true;
        },
      );
      assert.deepEqual(type === 'json' ? [] : change('Ignore'), []);
    });
  }

  it('shows a refused result as the stock server does', () => {
    const versioned = { ...present, metadata: { uid: 'u', namespace: 'default', name: 'a' } };
    assert.throws(
      () => apply('merge', { data: { n: 7 } }, versioned),
      (error) => {
        const shown =
          '{\\"apiVersion\\":\\"v1\\",\\"data\\":{\\"n\\":7},\\"kind\\":\\"ConfigMap\\",' +
          '\\"metadata\\":{\\"name\\":\\"a\\",\\"namespace\\":\\"default\\",\\"uid\\":\\"u\\"}}';
        assert.ok(String(error).includes(shown), String(error));
        return true;
      },
    );
  });
});
