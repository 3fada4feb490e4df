import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { MAX_BODY_BYTES } from '../limits.ts';
import type { AnyRequest } from '../ports.ts';
import { refusal } from '../testing/scene.ts';
import { mediaTypeOf, objectBody, readBytes, yamlBody } from './body.ts';

const EXPECTED = { kind: 'ConfigMap', version: 'v1', isStrict: false };
const bytes = (text: string): Buffer => Buffer.from(text);

describe('media types', () => {
  it('are read without parameters and case', () => {
    assert.equal(mediaTypeOf('Application/JSON; charset=utf-8'), 'application/json');
    assert.equal(mediaTypeOf(undefined), '');
  });

  it('JSON is the default', () => {
    assert.equal(objectBody(undefined, bytes('{"a":1}'), EXPECTED), '{"a":1}');
    assert.equal(objectBody('application/json', bytes('{}'), EXPECTED), '{}');
  });

  it('YAML is read as a value', () => {
    assert.deepEqual(objectBody('application/yaml', bytes('a: [1, "2"]\n'), EXPECTED), {
      a: [1, '2'],
    });
    assert.throws(
      () => yamlBody(bytes('a: [')),
      refusal(400, 'BadRequest', /^yaml: did not find expected ',' or '\]'$/),
    );
  });

  it('what is wrong with YAML is told in the stock parser’s words, with its beginning', () => {
    const told = (text: string, isStrict = false): unknown => {
      const expected = { ...EXPECTED, isStrict };
      try {
        return objectBody('application/yaml', bytes(text), expected);
      } catch (error) {
        return (error as Error).message.replace(/^.*ConfigMap\): | \([0-9a-f]+( \.\.\.)?\)$/g, '');
      }
    };
    assert.equal(told('a: b\nc: [d\n'), "yaml: line 2: did not find expected ',' or ']'");
    assert.equal(told('a: b: c\n'), 'yaml: mapping values are not allowed in this context');
    assert.equal(told('a:\n\t- b\n'), 'yaml: line 2: found character that cannot start any token');
    assert.deepEqual(told(''), {});
    assert.deepEqual(told('a: 1\na: 2\n'), { a: 2 });
    assert.equal(
      told('a: 1\na: 2\n', true),
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
        'yaml: unmarshal errors:\n  line 2: key "a" already set in map',
    );
  });

  it('others are refused', () => {
    for (const type of ['text/plain', 'application/xml', 'application/cbor']) {
      assert.throws(
        () => objectBody(type, bytes('{}'), EXPECTED),
        refusal(415, 'UnsupportedMediaType'),
      );
    }
  });

  it('protobuf has to be Kubernetes’ own', () => {
    const type = 'application/vnd.kubernetes.protobuf';
    assert.throws(
      () => objectBody(type, bytes('{}'), EXPECTED),
      refusal(400, 'BadRequest', /magic/),
    );
  });
});

describe('reading a request', () => {
  const read = (stream: PassThrough): Promise<Buffer> => readBytes(stream as unknown as AnyRequest);

  it('gathers all of it', async () => {
    const stream = new PassThrough();
    const whole = read(stream);
    stream.write('ab');
    stream.end('cd');
    assert.equal((await whole).toString(), 'abcd');
  });

  it('gives up beyond the limit without keeping the rest', async () => {
    const stream = new PassThrough();
    const whole = assert.rejects(read(stream), refusal(413, 'RequestEntityTooLarge'));
    const piece = Buffer.alloc(1024 * 1024);
    for (let size = 0; size <= MAX_BODY_BYTES; size += piece.length) stream.write(piece);
    stream.end();
    await whole;
  });

  it('fails when the connection does', async () => {
    const stream = new PassThrough();
    const whole = assert.rejects(read(stream), /reset/);
    stream.destroy(new Error('reset'));
    await whole;
  });
});
