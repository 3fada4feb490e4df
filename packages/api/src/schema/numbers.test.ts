import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeObject, decodeType, parseJson } from '../lazy.ts';
import { builtinKind } from '../registry.ts';

const job = (spec: string): string =>
  `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"spec":{${spec}}}`;
const JOB = builtinKind('batch/v1', 'Job');

describe('numbers of typed fields', () => {
  it('of 64 bits keep every digit', () => {
    for (const digits of ['9007199254740993', '9223372036854775807', '-9223372036854775808']) {
      const { object } = decodeObject(JOB, job(`"activeDeadlineSeconds":${digits}`));
      assert.match(JSON.stringify(object), new RegExp(`"activeDeadlineSeconds":${digits}[,}]`));
    }
  });

  it('may be written -0', () => {
    const { object } = decodeObject(JOB, job('"parallelism":-0'));
    assert.match(JSON.stringify(object), /"parallelism":0[,}]/);
  });

  const refused: readonly [string, string, string][] = [
    [
      '"activeDeadlineSeconds":9223372036854775808',
      '9223372036854775808',
      'activeDeadlineSeconds of type int64',
    ],
    ['"activeDeadlineSeconds":1.0', '1.0', 'activeDeadlineSeconds of type int64'],
    ['"activeDeadlineSeconds":1e3', '1e3', 'activeDeadlineSeconds of type int64'],
    ['"parallelism":2147483648', '2147483648', 'parallelism of type int32'],
    ['"parallelism":-2147483649', '-2147483649', 'parallelism of type int32'],
    ['"parallelism":9223372036854775807', '9223372036854775807', 'parallelism of type int32'],
    ['"parallelism":1.5', '1.5', 'parallelism of type int32'],
    ['"parallelism":1e400', '1e400', 'parallelism of type int32'],
  ];
  for (const [spec, number, where] of refused) {
    it(`cannot be ${spec}`, () => {
      assert.throws(() => decodeObject(JOB, job(spec)), {
        message:
          'Job in version "v1" cannot be handled as a Job: ' +
          `json: cannot unmarshal number ${number} into Go struct field JobSpec.spec.${where}`,
      });
    });
  }

  it('a port by number fits 32 bits', () => {
    const of = (text: string): readonly string[] =>
      decodeType('core.v1.ServicePort', parseJson(`{"targetPort":${text}}`)).typeErrors;
    assert.deepEqual(of('2147483647'), []);
    for (const text of ['2147483648', '80.0', '8e1']) {
      assert.deepEqual(of(text), [
        `json: cannot unmarshal number ${text} into Go struct field ServicePort.targetPort of type int32`,
      ]);
    }
  });

  it('a quantity is read from the text of the number', () => {
    const of = (text: string): unknown =>
      decodeType('core.v1.ResourceQuota', parseJson(`{"spec":{"hard":{"a":${text}}}}`)).object.spec;
    assert.deepEqual(of('1e3'), { hard: { a: '1e3' } });
    assert.deepEqual(of('9007199254740993'), { hard: { a: '9007199254740993' } });
    assert.deepEqual(of('0.10'), { hard: { a: '100m' } });
  });

  it('a float takes any number it can come near to', () => {
    const of = (text: string) =>
      decodeType('apiextensions.v1.JSONSchemaProps', parseJson(`{"maximum":${text}}`));
    assert.deepEqual(of('9223372036854775807').object, { maximum: 2 ** 63 });
    assert.deepEqual(of('1.0').object, { maximum: 1 });
    assert.deepEqual(of('1e400').typeErrors, [
      'json: cannot unmarshal number 1e400 into Go struct field JSONSchemaProps.maximum of type float64',
    ]);
  });

  it('are converted, after a strategic patch, as Go converts integers', () => {
    const of = (spec: object) => decodeType('batch.v1.JobSpec', spec, 'converter');
    assert.equal(of({ parallelism: 4_294_967_297 }).object.parallelism, 1);
    assert.equal(of({ parallelism: 2 ** 31 }).object.parallelism, -(2 ** 31));
    assert.deepEqual(
      of({ activeDeadlineSeconds: 2n ** 62n }).object.activeDeadlineSeconds,
      2n ** 62n,
    );
  });
});

it('keys of maps are keys, whatever they are called', () => {
  const text =
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{},"data":{"__proto__":"a","constructor":"b","toString":"c"}}';
  const { object } = decodeObject(builtinKind('v1', 'ConfigMap'), text);
  assert.equal(
    JSON.stringify((object as { data?: unknown }).data),
    '{"__proto__":"a","constructor":"b","toString":"c"}',
  );
});
