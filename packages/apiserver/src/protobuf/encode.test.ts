import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ApiError,
  builtinKinds,
  decodeObject,
  isJsonObject,
  type JsonObject,
  optionalKinds,
} from '@kubets/api';
import { arbitraryObject, numbers } from '@kubets/api/testing';
import { decodeProtobuf } from './decode.ts';
import { encodeProtobuf, encodeProtobufFrame, encodeProtobufList, messageOf } from './encode.ts';
import { wireFields } from './wire.ts';
import { BackWriter } from './writer.ts';

const RUNS = 20;

/** A value without what protobuf cannot tell from nothing: empty lists and maps. */
function bare(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map((one) => bare(one) ?? {});
  if (!isJsonObject(value)) return value ?? undefined;
  const out: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const kept = bare(item);
    if (kept !== undefined) out[key] = kept;
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** Claims in a StatefulSet may name their type in JSON; the message has no place for that. */
function withoutOwnTypes(object: object): void {
  const { spec } = object as { spec?: { volumeClaimTemplates?: JsonObject[] | null } };
  for (const claim of spec?.volumeClaimTemplates ?? []) {
    delete claim.kind;
    delete claim.apiVersion;
  }
}

describe('an object of any kind', () => {
  for (const def of [...builtinKinds.all(), ...optionalKinds()]) {
    it(`comes back as it was: ${def.apiVersion} ${def.kind}`, () => {
      const next = numbers(41);
      for (let run = 0; run < RUNS; run += 1) {
        const random = { ...arbitraryObject(def.typeName, next) };
        const { apiVersion, kind } = def;
        const { object } = decodeObject(def, { ...random, apiVersion, kind }, 'Ignore');
        withoutOwnTypes(object);
        const read = decodeProtobuf(encodeProtobuf(object));
        const back = decodeObject(def, read, 'Strict').object;
        assert.deepEqual(bare(back), bare(object), `run ${run}`);
      }
    });
  }
});

/** A message as field numbers and contents; deep in the fields given. */
function field(bytes: Buffer, ...path: number[]): Buffer {
  const [number, ...rest] = path;
  const found = [...wireFields(bytes)].find((each) => each.number === number);
  assert.ok(found, `field ${number}`);
  return rest.length === 0 ? found.bytes : field(found.bytes, ...rest);
}

const MAP = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  data: { b: '2', a: '1' },
};

describe('the envelope', () => {
  it('begins with the magic number and names the type', () => {
    const bytes = encodeProtobuf(MAP);
    assert.equal(bytes.subarray(0, 4).toString('latin1'), 'k8s\0');
    const unknown = bytes.subarray(4);
    assert.equal(field(unknown, 1, 1).toString(), 'v1');
    assert.equal(field(unknown, 1, 2).toString(), 'ConfigMap');
    assert.deepEqual(field(unknown, 2), messageOf(MAP));
  });

  it('carries partial objects, whatever the kind', () => {
    const metadata = { name: 'a', labels: { x: 'y' } };
    const bytes = encodeProtobuf({
      apiVersion: 'meta.k8s.io/v1',
      kind: 'PartialObjectMetadata',
      metadata,
    } as object);
    assert.equal(field(bytes.subarray(4), 2, 1, 1).toString(), 'a');
  });

  it('has no room for what has no message', () => {
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: {} };
    assert.throws(
      () => encodeProtobuf(widget),
      (error) => error instanceof ApiError && error.code === 406,
    );
  });
});

it('keys of maps are written in order', () => {
  const texts = [...wireFields(messageOf(MAP))]
    .filter(({ number }) => number === 2)
    .map(({ bytes }) => field(bytes, 1).toString());
  assert.deepEqual(texts, ['a', 'b']);
});

it('a list in pieces is the list', () => {
  const items = ['a', 'b'].map((name) => ({ ...MAP, metadata: { name } }));
  const list = { apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: '7' } };
  const pieces = [...encodeProtobufList(list, items.map(messageOf))];
  const read = decodeProtobuf(Buffer.concat(pieces));
  assert.deepEqual((read.metadata as JsonObject).resourceVersion, '7');
  const names = (read.items as { metadata: JsonObject }[]).map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ['a', 'b']);
  assert.deepEqual(Buffer.concat(pieces), encodeProtobuf({ ...list, items } as object));
});

it('a frame of a watch carries its length, the type and the object', () => {
  const frame = encodeProtobufFrame('ADDED', encodeProtobuf(MAP));
  assert.equal(frame.readUInt32BE(0), frame.length - 4);
  const event = frame.subarray(4);
  assert.equal(field(event, 1).toString(), 'ADDED');
  assert.equal((decodeProtobuf(field(event, 2, 1)).metadata as JsonObject).name, 'a');
});

describe('numbers', () => {
  for (const value of [0, 1, 127, 128, 300, 16_384, 2 ** 31, 2 ** 53 - 1, -1, -(2 ** 31)]) {
    it(String(value), () => {
      const w = new BackWriter();
      w.intField(1, value);
      const [read] = [...wireFields(w.take())];
      assert.equal(BigInt.asIntN(64, read?.integer ?? 0n), BigInt(value));
    });
  }

  it('a writer grows with what it is given', () => {
    const w = new BackWriter();
    const text = 'x'.repeat(100_000);
    w.textField(2, text);
    w.textField(1, 'y');
    const fields = [...wireFields(w.take())].map(({ bytes }) => bytes.length);
    assert.deepEqual(fields, [1, text.length]);
  });
});
