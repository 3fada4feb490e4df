import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { MAX_BODY_BYTES } from '../limits.ts';
import type { AnyRequest } from '../ports.ts';
import { refusal } from '../testing/scene.ts';
import { appliedBody, mediaTypeOf, objectBody, readBytes, yamlBody } from './body.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

const KIND = 'ConfigMap';

describe('media types', () => {
  it('are read without parameters and case', () => {
    assert.equal(mediaTypeOf('Application/JSON; charset=utf-8'), 'application/json');
    assert.equal(mediaTypeOf(undefined), '');
  });

  it('JSON is the default', () => {
    assert.deepEqual(objectBody(undefined, bytes('{"a":1}'), KIND), { json: '{"a":1}' });
    assert.deepEqual(objectBody('application/json', bytes('{}'), KIND), { json: '{}' });
  });

  it('YAML is read as a value', () => {
    assert.deepEqual(objectBody('application/yaml', bytes('a: [1, "2"]\n'), KIND), {
      json: { a: [1, '2'] },
      repeatedKeys: [],
    });
    assert.throws(
      () => yamlBody(bytes('a: [')),
      refusal(400, 'BadRequest', /^yaml: did not find expected ',' or '\]'$/),
    );
  });

  it('what is wrong with YAML is told in the stock parser’s words, with its beginning', () => {
    const told = (text: string): unknown => {
      try {
        return objectBody('application/yaml', bytes(text), KIND);
      } catch (error) {
        return (error as Error).message.replace(/^.*ConfigMap\): | \([0-9a-f]+( \.\.\.)?\)$/g, '');
      }
    };
    assert.equal(told('a: b\nc: [d\n'), "yaml: line 2: did not find expected ',' or ']'");
    assert.equal(told('a: b: c\n'), 'yaml: mapping values are not allowed in this context');
    assert.equal(told('a:\n\t- b\n'), 'yaml: line 2: found character that cannot start any token');
    assert.deepEqual(told(''), { json: {}, repeatedKeys: [] });
    const repeatedKeys = ['line 2: key "a" already set in map'];
    assert.deepEqual(told('a: 1\na: 2\n'), { json: { a: 2 }, repeatedKeys });
  });

  it('keys a configuration gives twice are told of line by line, or refused', () => {
    const text = bytes('a: 1\na: 2\nb:\n  c: 1\n  c: 2\n');
    const said: string[] = [];
    const read = (validation: 'Ignore' | 'Warn' | 'Strict') =>
      appliedBody(text, validation, (line) => said.push(line));
    assert.deepEqual(read('Ignore'), { a: 2, b: { c: 2 } });
    assert.deepEqual(said, []);
    read('Warn');
    const lines = ['line 2: key "a" already set in map', 'line 5: key "c" already set in map'];
    assert.deepEqual(said, lines);
    const why =
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:';
    assert.throws(() => read('Strict'), {
      message: `${why}${lines.map((line) => `\n  ${line}`).join('')}`,
    });
  });

  it('of several documents the first is read', () => {
    const text = 'a: 1\n---\nb: 2\n---\nc: [\n';
    assert.deepEqual(yamlBody(bytes(text)).value, { a: 1 });
  });

  it('goes no deeper into nested maps than the parser can', () => {
    const lines = Array.from({ length: 2_300 }, (_, depth) => `${' '.repeat(depth)}a:`);
    assert.throws(() => yamlBody(bytes(lines.join('\n'))), /^ApiError: yaml: exceeded max depth$/);
  });

  it('what is applied is an object, or nothing', () => {
    const applied = (text: string) => appliedBody(bytes(text), 'Ignore', () => {});
    assert.deepEqual(applied(' '), {});
    assert.deepEqual(applied('null'), {});
    const where = 'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: ';
    for (const [text, type] of [
      ['[]', 'array'],
      ['a', 'string'],
      ['1', 'number'],
      ['true', 'bool'],
    ] as const) {
      const why = `cannot unmarshal ${type} into Go value of type map[string]interface {}`;
      assert.throws(
        () => applied(text),
        (error: Error) => error.message === where + why,
      );
    }
  });

  it('others are refused', () => {
    for (const type of ['text/plain', 'application/xml', 'application/cbor']) {
      assert.throws(
        () => objectBody(type, bytes('{}'), KIND),
        refusal(415, 'UnsupportedMediaType'),
      );
    }
  });

  it('protobuf has to be Kubernetes’ own', () => {
    const type = 'application/vnd.kubernetes.protobuf';
    assert.throws(() => objectBody(type, bytes('{}'), KIND), refusal(400, 'BadRequest', /magic/));
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
